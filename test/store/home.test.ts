import { chmodSync, chownSync, lstatSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JobLock } from '../../src/bindings/native.ts';
import { makeJobDirectories, makeWorkDirectories } from '../../src/store/directories.ts';
import { type JobRecord, jobPaths, listJobs, readRecord, writeRecord } from '../../src/store/home.ts';
import { type JobStatus, writeStatus } from '../../src/store/status.ts';
import { scratch } from '../cli/harness.ts';
import { strangersTo } from './strangers.ts';

const directory = scratch();
let homes = 0;
const newHome = () => join(directory, `home${homes++}`);
const isRoot = process.geteuid?.() === 0;

const record = (jobId: string): JobRecord => ({
  jobId,
  fingerprint: 'sha256:f',
  createdAt: '2026-02-03T04:05:06.000Z',
  request: { sources: ['/in.parquet'], out: '/out.parquet', options: { workers: 2 }, spec: { kind: 'score' } },
});

function status(jobId: string, startedAt: string): JobStatus {
  return {
    ...{
      schema: 'batch-core.status/1',
      jobId,
      state: 'running',
      phase: 'score',
      out: '/o',
      source: ['/i'],
      detector: 'mad',
    },
    ...{ pid: 1, host: 'h', bootId: 'b', startedAt, updatedAt: startedAt },
    progress: {
      ...{ type: 'progress', jobId, phase: 'score', chunksDone: 1, chunksTotal: 2, rowsDone: 3, rowsTotal: 4 },
      ...{ rowsPerSecond: null, etaSeconds: null, rssBytes: 5, workers: 2, retried: 0, quarantined: 0 },
    },
  };
}

/** A job of a new home, and its record. */
function job(jobId = 'j1'): { home: string; paths: ReturnType<typeof jobPaths> } {
  const home = newHome();
  makeJobDirectories(home, jobId);
  writeRecord(home, record(jobId));
  return { home, paths: jobPaths(home, jobId) };
}

describe('what a job is', () => {
  it('is known from its record', () => {
    const { home } = job();
    expect(readRecord(home, 'j1')).toEqual(record('j1'));
    writeRecord(home, { ...record('j1'), createdAt: '2027-01-01T00:00:00.000Z' });
    expect(readRecord(home, 'j1')?.createdAt).toBe('2027-01-01T00:00:00.000Z');
    expect(readRecord(home, 'j2')).toBeUndefined();
  });

  it('is not known from one that is damaged, of another job or of a newer version', () => {
    const { home, paths } = job();
    const text = readFileSync(paths.request, 'utf8');
    const others = [
      '',
      '{',
      'null',
      '[]',
      text.slice(0, -20),
      text.replace('job/1', 'job/9'),
      text.replace('"j1"', '"j2"'),
    ];
    for (const other of [
      ...others,
      text.replace('"out"', '"in"'),
      text.replace('"sources"', '"source"'),
      text.replace('"/in.parquet"', '{}'),
    ]) {
      writeFileSync(paths.request, other);
      expect(readRecord(home, 'j1'), other).toBeUndefined();
    }
  });
});

describe('the jobs of a home', () => {
  it('are listed newest first, and what is no job is passed over', () => {
    const home = newHome();
    expect(listJobs(home)).toEqual([]);
    for (const [jobId, day] of [
      ['b', 2],
      ['c', 3],
      ['a', 1],
      ['c2', 3],
    ] as const) {
      makeJobDirectories(home, jobId);
      writeStatus(jobPaths(home, jobId).directory, status(jobId, `2026-01-0${day}T00:00:00.000Z`));
    }
    makeJobDirectories(home, 'empty');
    writeFileSync(join(home, 'jobs', 'stray'), '');
    expect(listJobs(home).map(({ jobId }) => jobId)).toEqual(['c', 'c2', 'b', 'a']);
  });

  it('are known without their status: what they are is in their record', () => {
    const { home, paths } = job();
    const known = { jobId: 'j1', out: '/out.parquet', source: ['/in.parquet'], lost: true, state: 'running' };
    const makers = [
      () => {},
      (path: string) => writeFileSync(path, ''),
      (path: string) => writeFileSync(path, '{"sch'),
    ];
    for (const make of [...makers, ...strangersTo(directory)]) {
      const path = join(paths.directory, 'status.json');
      make(path);
      expect(listJobs(home)).toMatchObject([{ ...known, startedAt: record('j1').createdAt }]);
      rmSync(path, { recursive: true, force: true });
    }
  });

  it('are known without status and record while anything was begun', () => {
    const { home, paths } = job();
    rmSync(paths.request);
    expect(listJobs(home)).toEqual([]);
    const lock = new JobLock(paths.lock, 'pid 17 on host a b since 2026-05-06T07:08:09.000Z');
    const holder = { pid: 17, host: 'a b', startedAt: '2026-05-06T07:08:09.000Z' };
    expect(listJobs(home)).toMatchObject([{ jobId: 'j1', lost: true, out: '', ...holder }]);
    lock.release();
    expect(listJobs(home)).toEqual([]);
    writeFileSync(paths.database, 'a database');
    expect(listJobs(home)).toMatchObject([{ jobId: 'j1', lost: true, source: [] }]);
  });

  it('do not lead elsewhere by what their status says', () => {
    const { home, paths } = job();
    writeStatus(paths.directory, status('../../somewhere', '2026-01-01T00:00:00.000Z'));
    expect(listJobs(home)).toMatchObject([{ jobId: 'j1', lost: true }]);
  });

  it.runIf(process.platform !== 'win32')('are listed whatever lies in place of their lock and record', () => {
    for (const make of strangersTo(directory)) {
      const { home, paths } = job();
      rmSync(paths.request);
      for (const path of [paths.request, paths.lock]) make(path);
      expect(listJobs(home)).toEqual([]);
      writeStatus(paths.directory, status('j1', '2026-01-01T00:00:00.000Z'));
      expect(listJobs(home)).toMatchObject([{ jobId: 'j1' }]);
    }
  });
});

describe.runIf(process.platform !== 'win32')('the directories of a job', () => {
  it('are for their owner only, whatever the umask', () => {
    const before = process.umask(0);
    const { home, paths } = job();
    makeWorkDirectories(paths);
    process.umask(before);
    for (const path of [home, dirname(paths.directory), paths.directory, paths.parts, paths.summaries])
      expect(lstatSync(path).mode & 0o777, path).toBe(0o700);
    makeJobDirectories(home, 'j1');
  });

  it('may be reached through a link of our own', () => {
    const target = join(directory, 'elsewhere');
    mkdirSync(target);
    const home = newHome();
    symlinkSync(target, home);
    makeJobDirectories(home, 'j1');
    expect(lstatSync(join(target, 'jobs/j1')).isDirectory()).toBe(true);
  });

  it.each(['home', 'jobs', 'j1'])('are refused where %s is a file, and nothing spins in /proc', (level) => {
    const home = newHome();
    const path = { home, jobs: join(home, 'jobs'), j1: join(home, 'jobs/j1') }[level]!;
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, 'a file');
    const refused = expect.objectContaining({ code: 'OUTPUT_UNWRITABLE', exitCode: 74, hint: expect.any(String) });
    expect(() => makeJobDirectories(home, 'j1')).toThrow(refused);
    expect(() => makeJobDirectories('/proc/no/such', 'j1')).toThrow(refused);
  });

  it.runIf(isRoot)('that somebody else has laid out are refused', () => {
    const other = 12_345;
    const open = join(directory, 'open');
    mkdirSync(open);
    chmodSync(open, 0o1777);
    const foreign = expect.objectContaining({
      code: 'OUTPUT_UNWRITABLE',
      message: expect.stringContaining('another user'),
      hint: expect.stringContaining('--home'),
    });
    // A directory of theirs where anybody may make one.
    mkdirSync(join(open, 'theirs'));
    chownSync(join(open, 'theirs'), other, other);
    expect(() => makeJobDirectories(join(open, 'theirs'), 'j1')).toThrow(foreign);
    // A link that leads to a directory of theirs, from wherever.
    const link = newHome();
    symlinkSync(join(open, 'theirs'), link);
    expect(() => makeJobDirectories(link, 'j1')).toThrow(foreign);
    expect(() => lstatSync(join(open, 'theirs', 'jobs'))).toThrow('ENOENT');
    // The same one level below.
    const home = newHome();
    mkdirSync(home);
    symlinkSync(join(open, 'theirs'), join(home, 'jobs'));
    expect(() => makeJobDirectories(home, 'j1')).toThrow(foreign);
    // Where only they may make one, they have asked root to use it.
    chmodSync(open, 0o755);
    makeJobDirectories(join(open, 'theirs'), 'j1');
  });
});
