/**
 * Each system call by which a job's database is made and written is made to fail, or to be the process's last: the next run
 * goes on, keeps what was acknowledged, and the failure has a name that is not BUG.
 */
import { execFile, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { JobStore } from '../../src/store/job.ts';
import { scratch } from '../cli/harness.ts';

const directory = scratch();
const script = join(import.meta.dirname, 'creator.mjs');
const storeModule = new URL('../../dist/store/job.js', import.meta.url).href;
const traces = spawnSync('strace', ['-V']).status === 0;
let homes = 0;

interface Said {
  done: number[];
  error: { code: string; exitCode: number; message: string } | undefined;
}

/** Runs the child with one kind of system call on the database's files tampered with. */
async function tampered(path: string, inject: string): Promise<Said> {
  const [call] = inject.split(':');
  // With a filter in the kernel strace is faster, but then sends no signal.
  const filter = inject.includes('signal=') ? [] : ['--seccomp-bpf'];
  const options = ['-f', ...filter, '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${inject}`];
  const files = ['-P', path, '-P', `${path}.wal`];
  const child = [process.execPath, script, storeModule, path];
  // strace counts calls by thread, and the client works in the pool's.
  const env = { ...process.env, UV_THREADPOOL_SIZE: '1' };
  // A child that was killed is no failure of this test.
  const { stdout } = await promisify(execFile)('strace', [...options, ...files, ...child], { env }).catch((e) => e);
  const lines = String(stdout)
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .map((line) => JSON.parse(line));
  return {
    done: lines.filter((line) => 'done' in line).map((line) => line.done),
    error: lines.find((line) => 'error' in line)?.error,
  };
}

/** What a second, undisturbed run finds. */
async function after(path: string): Promise<{ kept: number[]; recovery: string | undefined }> {
  const store = await JobStore.open(path, { jobId: 'j' });
  const job = await store.read();
  const kept = (await store.chunks('score')).filter(({ state }) => state === 'done').map(({ chunkId }) => chunkId);
  if (!job) await store.create({ jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] });
  await store.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' });
  const recovery = store.recovery?.kind;
  await store.close();
  return { kept, recovery };
}

function newPath(): string {
  const home = join(directory, `home${homes++}`);
  mkdirSync(home);
  return join(home, 'job.duckdb');
}

const counts: Record<string, number> = { openat: 4, pwrite64: 3, fsync: 9, write: 11 };
const steps = Object.entries(counts).flatMap(([call, count]) =>
  Array.from({ length: count }, (_, i) => [call, i + 1] as const),
);

describe.runIf(traces)('a process that is killed', () => {
  it.each(steps)('at its %s number %i leaves a job that goes on', async (call, when) => {
    const path = newPath();
    const { done, error } = await tampered(path, `${call}:signal=KILL:when=${when}`);
    expect(error).toBeUndefined();
    expect(done.length, 'it was killed before its end').toBeLessThan(3);
    const { kept } = await after(path);
    for (const chunk of done) expect(kept, 'acknowledged and lost').toContain(chunk);
  });
});

describe.runIf(traces)('a system call that fails', () => {
  const expected: Record<string, string[]> = {
    EIO: ['DISK_ERROR'],
    ENOSPC: ['DISK_FULL', 'DISK_ERROR'], // of a failed fsync DuckDB does not say why
    EDQUOT: ['QUOTA_EXCEEDED', 'DISK_ERROR'],
    EROFS: ['READ_ONLY'],
    EMFILE: ['TOO_MANY_FILES'],
    EACCES: ['OUTPUT_UNWRITABLE'],
  };
  const faults = [
    ...['EIO', 'ENOSPC', 'EDQUOT'].flatMap((errno) => [
      ...[1, 2, 3].map((when) => ['pwrite64', errno, when] as const),
      ...[1, 2, 3, 5].map((when) => ['fsync', errno, when] as const),
      ...[1, 2, 4, 7].map((when) => ['write', errno, when] as const),
    ]),
    ...['EROFS', 'EMFILE', 'EACCES', 'EIO', 'ENOSPC'].flatMap((errno) =>
      [3, 4].map((when) => ['openat', errno, when] as const),
    ),
  ];
  it.each(faults)('%s with %s, number %i: named, and the next run goes on', async (call, errno, when) => {
    const path = newPath();
    const { done, error } = await tampered(path, `${call}:error=${errno}:when=${when}`);
    expect(expected[errno], error?.message).toContain(error?.code);
    expect(error?.exitCode).toBe(74);
    const { kept } = await after(path);
    for (const chunk of done) expect(kept, 'acknowledged and lost').toContain(chunk);
  });
});

it.runIf(process.platform === 'linux').each([1, 4, 8, 9, 12, 13, 16])(
  'a file size limit of %i KiB: refused as such, and without it the job goes on',
  async (kibibytes) => {
    const path = newPath();
    const command = `ulimit -f ${kibibytes}; exec "$0" "$@"`;
    const { stdout } = spawnSync('bash', ['-c', command, process.execPath, script, storeModule, path], {
      encoding: 'utf8',
    });
    expect(stdout).toMatch(/QUOTA_EXCEEDED|"done":2/);
    await after(path);
  },
);
