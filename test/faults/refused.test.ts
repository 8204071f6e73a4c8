/** What the system refuses of a source for a moment is not the source's fault: it is named as such, and the same command goes on. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { MAIN } from '../cli/harness.ts';
import { at, directory, done, FILE, QUIET } from './cases.ts';
import { missingForTraces } from './syscalls/trace.ts';

const missing = missingForTraces();
if (missing !== undefined)
  process.stdout.write(`skipped: what the system refuses of a source, ${missing} is not here\n`);

function injected(...inject: string[]): { code: number | null; error?: { code: string; message: string } } {
  const traced = ['-P', at('in.parquet'), '-e', `trace=${inject[0]}`];
  const options = ['-f', '--seccomp-bpf', '-qq', '-o', '/dev/null', ...traced];
  const fault = ['-e', `inject=${inject.join(':')}`];
  const { status, stdout } = spawnSync('strace', [...options, ...fault, process.execPath, MAIN, ...FILE, ...QUIET], {
    cwd: directory,
    encoding: 'utf8',
  });
  return { code: status, error: JSON.parse(stdout).error };
}

describe.skipIf(missing !== undefined).each([
  ['pread64', 'ESTALE', 'TRANSIENT_IO'],
  ['pread64', 'EIO', 'DISK_ERROR'],
  ['access', 'EACCES', 'SOURCE_UNREADABLE'],
  ['openat', 'EACCES', 'SOURCE_UNREADABLE'],
  ['openat', 'ESTALE', 'TRANSIENT_IO'],
  ['openat', 'ENOENT', 'SOURCE_NOT_FOUND'],
  ['openat', 'EMFILE', 'TOO_MANY_FILES'],
])('%s that fails with %s is %s', (call, errno, code) => {
  it('at once', async () => {
    const ended = injected(call, `error=${errno}`, 'when=1+');
    expect([ended.code, ended.error?.code], ended.error?.message).toEqual([74, code]);
    expect(ended.error?.message).toContain(at('in.parquet'));
    await done(FILE);
  });

  // Calls are counted by thread: where each makes one only, none fails.
  it('at the second look of a thread, if there is one', async () => {
    const ended = injected(call, `error=${errno}`, 'when=2+');
    expect([0, 74]).toContain(ended.code);
    if (ended.error) expect(ended.error.code, ended.error.message).toBe(code);
    await done(FILE);
  });
});
