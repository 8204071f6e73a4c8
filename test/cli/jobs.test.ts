/** A job seen and steered from other processes, and by signals. */
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { JobStatus } from '../../src/store/status.ts';
import {
  errorOf,
  gaussian,
  parquet,
  run,
  score,
  scratch,
  sha256,
  startScoring,
  statusIn,
  whileStopped,
} from './harness.ts';

const ROWS = 500_000;
const CHUNKS = Math.ceil(ROWS / 4096);
const directory = scratch();
const at = (name: string) => join(directory, name);
const FLAGS = ['-m', 'zscore.bcm', '--chunk-rows', '4096', '--progress', 'none'];
let expected = '';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(ROWS), 4096);
  expect((await run(directory, 'fit', 'data.parquet', '-d', 'zscore', '-m', 'zscore.bcm')).code).toBe(0);
  await score(directory, 'data.parquet', ...FLAGS, '-o', 'whole.parquet', '--home', 'home-whole');
  expected = sha256(at('whole.parquet'));
});

const command = (name: string) => [
  ...['score', 'data.parquet', ...FLAGS, '-o', `${name}.parquet`],
  ...['--home', `home-${name}`, '--json'],
];

/** Starts a run named `name` and waits until it scores. */
const scoring = (name: string) => startScoring(directory, command(name), `home-${name}`);
const status = (name: string) => statusIn(directory, `home-${name}`);

describe('another process', () => {
  it('sees the job, at most a second old', async () => {
    const running = await scoring('seen');
    await whileStopped(running, async () => {
      const { stdout, code } = await run(directory, 'status', running.jobId, '--home', 'home-seen', '--json');
      expect(code).toBe(0);
      const seen = { jobId: running.jobId, pid: running.child.pid, detector: 'zscore', state: 'running' };
      expect(JSON.parse(stdout)).toMatchObject({ ...seen, phase: 'score' });
      const jobs = await run(directory, 'jobs', '--home', 'home-seen', '--json');
      expect(JSON.parse(jobs.stdout)).toMatchObject([seen]);
    });
    expect((await running.ended).code).toBe(0);
    const after = JSON.parse((await run(directory, 'status', '--home', 'home-seen', '--json')).stdout);
    expect(after).toMatchObject({ state: 'completed', exitCode: 0 });
  });

  it('that starts the same job is told who has it', async () => {
    const running = await scoring('busy');
    const second = await whileStopped(running, () => run(directory, ...command('busy')));
    expect([errorOf(second).code, second.code]).toEqual(['JOB_BUSY', 75]);
    expect(errorOf(second).message).toMatch(new RegExp(`held by pid ${running.child.pid} on host \\S+ since `));
    expect((await running.ended).code).toBe(0);
    expect(sha256(at('busy.parquet'))).toBe(expected);
  });

  it('pauses and resumes it', async () => {
    const running = await scoring('paused');
    const asked = await whileStopped(running, () => run(directory, 'pause', running.jobId, '--home', 'home-paused'));
    expect(asked.code).toBe(0);
    while (status('paused')?.state === 'running') await pause(10);
    // What was in flight ends; then nothing changes for longer than it takes to be told.
    let before: JobStatus | undefined;
    do {
      before = status('paused');
      await pause(700);
    } while (status('paused')?.progress.chunksDone !== before?.progress.chunksDone);
    expect(status('paused')?.state).toBe('paused');
    expect(before?.progress.chunksDone).toBeLessThan(CHUNKS);
    // It would be followed for ever.
    const second = await run(directory, ...command('paused'));
    expect([second.code, errorOf(second).hint]).toEqual([75, expect.stringMatching(/it is paused: .* resume/)]);
    expect((await run(directory, 'resume', running.jobId, '--home', 'home-paused')).stdout).toMatch(
      new RegExp(`is resumed \\(pid ${running.child.pid}\\)`),
    );
    expect((await running.ended).code).toBe(0);
    expect(sha256(at('paused.parquet'))).toBe(expected);
  });

  it('cancels it, and the work is kept', async () => {
    const running = await scoring('cancelled');
    const asked = await whileStopped(running, () =>
      run(directory, 'cancel', running.jobId, '--home', 'home-cancelled'),
    );
    expect(asked.code).toBe(0);
    const ended = await running.ended;
    expect([errorOf(ended).code, ended.code]).toEqual(['CANCELLED', 1]);
    expect(existsSync(at('cancelled.parquet'))).toBe(false);
    // What a shell makes of a variable that is not set names no job, least of all the only one.
    for (const verb of ['status', 'pause', 'cancel', 'resume'])
      expect((await run(directory, verb, '', '--home', 'home-cancelled')).code, verb).toBe(2);
    const report = await score(
      directory,
      'data.parquet',
      ...FLAGS,
      '-o',
      'cancelled.parquet',
      '--home',
      'home-cancelled',
    );
    expect(report.chunks.resumed).toBeGreaterThan(0);
    expect(sha256(at('cancelled.parquet'))).toBe(expected);
  });

  it('is told when there is nothing to pause or no such job', async () => {
    const whole = JSON.parse((await run(directory, 'status', '--home', 'home-whole', '--json')).stdout);
    const finished = await run(directory, 'pause', whole.jobId, '--home', 'home-whole', '--json');
    expect([errorOf(finished).code, finished.code]).toEqual(['JOB_MISMATCH', 78]);
    const none = await run(directory, 'status', 'abcdef', '--home', 'home-whole', '--json');
    expect([errorOf(none).code, none.code]).toEqual(['JOB_NOT_FOUND', 78]);
  });
});

describe('signals', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('%s stops in good order with exit %i, resumable', async (signal, exit) => {
    const name = signal.toLowerCase();
    const running = await scoring(name);
    running.child.kill(signal);
    const ended = await running.ended;
    expect([errorOf(ended).code, ended.code]).toEqual(['CANCELLED', exit]);
    expect(status(name)).toMatchObject({ state: 'stopped', exitCode: exit });
    const report = await score(directory, 'data.parquet', ...FLAGS, '-o', `${name}.parquet`, '--home', `home-${name}`);
    expect(report.chunks.resumed).toBeGreaterThan(0);
    expect(sha256(at(`${name}.parquet`))).toBe(expected);
  });

  it('a second one ends at once, resumable all the same', async () => {
    const running = await scoring('twice');
    await whileStopped(running, () => {
      running.child.kill('SIGINT');
      running.child.kill('SIGTERM');
    });
    const ended = await running.ended;
    expect([130, 143]).toContain(ended.code);
    await score(directory, 'data.parquet', ...FLAGS, '-o', 'twice.parquet', '--home', 'home-twice');
    expect(sha256(at('twice.parquet'))).toBe(expected);
  });
});

describe('progress', () => {
  it('as JSON lines never passes the total and ends with finished', async () => {
    const flags = ['-d', 'zscore', '--chunk-rows', '4096', '-o', 'lines.parquet', '--home', 'home-lines'];
    const { stderr, code } = await run(directory, 'score', 'data.parquet', ...flags, '--progress', 'json', '-q');
    expect(code).toBe(0);
    const records = stderr
      .trim()
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line));
    const progress = records.filter(({ type }) => type === 'progress');
    for (const record of progress) {
      expect(Object.keys(record)).toEqual([
        'type',
        'jobId',
        'phase',
        'chunksDone',
        'chunksTotal',
        'rowsDone',
        'rowsTotal',
        'rowsPerSecond',
        'etaSeconds',
        'rssBytes',
        'workers',
        'retried',
        'quarantined',
      ]);
      expect(record.rowsDone).toBeLessThanOrEqual(record.rowsTotal);
      expect(record.chunksDone).toBeLessThanOrEqual(record.chunksTotal);
    }
    expect(new Set(progress.map(({ phase }) => phase))).toEqual(new Set(['plan', 'fit', 'score', 'publish']));
    const events = records.filter(({ type }) => type === 'event').map(({ event }) => event);
    expect(events).toEqual(['started', 'published', 'finished']);
  });

  it('on stdout there is only the report', async () => {
    const { stdout, code } = await run(
      directory,
      'score',
      'data.parquet',
      ...FLAGS,
      '-o',
      'only.parquet',
      '--home',
      'home-only',
      '--json',
    );
    expect(code).toBe(0);
    expect(JSON.parse(stdout).schema).toBe('batch-core.report/1');
  });
});

it('a finished job that has lost its status is told by its report, whoever asks', async () => {
  const jobs = at('home-whole/jobs');
  const [job = ''] = readdirSync(jobs);
  rmSync(join(jobs, job, 'status.json'));
  for (const args of [
    ['status', job, '--home', 'home-whole'],
    ['inspect', join(jobs, job)],
  ]) {
    const { code, stdout } = await run(directory, ...args, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ jobId: job, state: 'completed', exitCode: 0, detector: 'zscore' },
      progress: { phase: 'publish', rowsDone: ROWS, rowsTotal: ROWS, chunksTotal: CHUNKS, chunksDone: CHUNKS },
    });
  }
  expect((await run(directory, 'inspect', jobs, '--json')).code).not.toBe(0);
});
