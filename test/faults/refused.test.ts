/** What the system refuses of a source for a moment is not the source's fault: it is named as such, and the same command goes on. */
import { spawnSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { MAIN } from '../cli/harness.ts';
import { at, directory, done, FILE, QUIET } from './cases.ts';
import { missingForTraces } from './syscalls/trace.ts';

const missing = missingForTraces();
if (missing !== undefined)
  process.stdout.write(`skipped: what the system refuses of a source, ${missing} is not here\n`);

function injected(...inject: string[]): { code: number | null; error: { code: string; message: string } } {
  const options = ['-f', '-qq', '-o', '/dev/null', '-P', at('in.parquet'), '-e', `trace=${inject[0]}`];
  const fault = ['-e', `inject=${inject.join(':')}`];
  const { status, stdout } = spawnSync('strace', [...options, ...fault, process.execPath, MAIN, ...FILE, ...QUIET], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { code: status, error: JSON.parse(stdout).error };
}

it.skipIf(missing !== undefined).each([
  ['pread64', 'error=ESTALE', 'when=2+', 'TRANSIENT_IO'],
  ['pread64', 'error=EIO', 'when=2+', 'DISK_ERROR'],
  ['access', 'error=EACCES', 'when=1+', 'SOURCE_UNREADABLE'],
  ['openat', 'error=EACCES', 'when=2+', 'SOURCE_UNREADABLE'],
  ['openat', 'error=ESTALE', 'when=2+', 'TRANSIENT_IO'],
  ['openat', 'error=ENOENT', 'when=2+', 'SOURCE_NOT_FOUND'],
])('%s %s %s is %s', async (call, error, when, code) => {
  const ended = injected(call, error, when);
  expect([ended.code, ended.error.code], ended.error.message).toEqual([74, code]);
  expect(ended.error.message).toContain(at('in.parquet'));
  await done(FILE);
});
