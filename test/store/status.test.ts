import { spawn } from 'node:child_process';
import { chownSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { JobLock } from '../../src/bindings/native.ts';
import type { ErrorRecord } from '../../src/errors.ts';
import { Bus } from '../../src/events/bus.ts';
import {
  type JobStatus,
  readStatus,
  requestControl,
  statusSink,
  takeControl,
  writeStatus,
} from '../../src/store/status.ts';
import { scratch } from '../cli/harness.ts';
import { strangersTo } from './strangers.ts';

const home = scratch();
const precious = join(scratch(), 'precious');
writeFileSync(precious, 'not to be touched');
const strangers = strangersTo(precious);

function jobDirectory(jobId: string): string {
  const directory = join(home, 'jobs', jobId);
  mkdirSync(directory, { recursive: true });
  return directory;
}

function status(jobId: string, startedAt = '2026-01-01T00:00:00.000Z', detector = 'auto'): JobStatus {
  return {
    ...{ schema: 'batch-core.status/1', jobId, state: 'running', phase: 'score', out: '/o', source: ['/i'], detector },
    ...{ pid: 1, host: 'h', bootId: 'b', startedAt, updatedAt: startedAt },
    progress: {
      ...{ type: 'progress', jobId, phase: 'score', chunksDone: 1, chunksTotal: 2, rowsDone: 3, rowsTotal: 4 },
      ...{ rowsPerSecond: null, etaSeconds: null, rssBytes: 5, workers: 2, retried: 0, quarantined: 0 },
    },
  };
}

describe('status.json', () => {
  it('comes back as it was written', () => {
    const directory = jobDirectory('one');
    expect(readStatus(directory)).toBeUndefined();
    writeStatus(directory, status('one'));
    expect(readStatus(directory)).toEqual(status('one'));
    expect(readdirSync(directory)).toEqual(['status.json']);
  });

  it('is never seen half written by another process', async () => {
    const directory = jobDirectory('busy');
    writeStatus(directory, status('busy'));
    const module = new URL('../../dist/store/status.js', import.meta.url).href;
    const reader = spawn(process.execPath, [
      '--input-type=module',
      '-e',
      `import { readStatus } from ${JSON.stringify(module)};
       let [seen, bad] = [0, 0];
       const end = Date.now() + 1500;
       while (Date.now() < end) { seen++; if (readStatus(${JSON.stringify(directory)})?.jobId !== 'busy') bad++; }
       console.log(JSON.stringify({ seen, bad }));`,
    ]);
    let stdout = '';
    reader.stdout.on('data', (data) => {
      stdout += data;
    });
    const ended = new Promise((resolve) => reader.on('close', resolve));
    let over = false;
    void ended.then(() => {
      over = true;
    });
    for (let i = 0; !over; i++) {
      // Of very different lengths, so that a mix of two would not parse.
      writeStatus(directory, status('busy', undefined, 'x'.repeat(1 + (i % 7) * 20_000)));
      await new Promise(setImmediate);
    }
    const { seen, bad } = JSON.parse(stdout);
    expect(seen).toBeGreaterThan(100);
    expect(bad).toBe(0);
  });

  it('is what was told of a run, and nothing else', () => {
    const directory = jobDirectory('told');
    const { state, phase, progress, updatedAt, ...base } = status('told');
    const bus = new Bus({ jobId: 'told', epoch: 1 }, [statusSink(directory, base)]);
    expect(readStatus(directory)).toBeUndefined();
    bus.emit('started', { source: ['/i'], out: '/o' });
    expect(readStatus(directory)).toMatchObject({ ...base, state: 'running', phase: 'plan', progress: { workers: 0 } });
    bus.progress(progress);
    expect(readStatus(directory)).toMatchObject({ state, phase, progress });
    bus.emit('paused', { home });
    expect(readStatus(directory)).toMatchObject({ state: 'paused', phase, progress });
    const error: ErrorRecord = { code: 'CANCELLED', message: 'm' };
    bus.emit('stopped', { error, exitCode: 130 });
    const last = readStatus(directory);
    expect(last).toMatchObject({ state: 'stopped', phase, progress, error, exitCode: 130 });
    expect(Date.parse(last?.updatedAt ?? '')).toBeGreaterThan(Date.parse(updatedAt));
  });

  it('that cannot be written for a while is written again when it can, and what was lost is said', () => {
    const directory = join(home, 'jobs', 'later');
    const { state: _state, phase, progress, updatedAt: _at, ...base } = status('later');
    const bus = new Bus({ jobId: 'later', epoch: 1 }, [statusSink(directory, base)]);
    bus.progress(progress);
    bus.emit('stopping', { home });
    jobDirectory('later');
    bus.progress(progress);
    expect(readStatus(directory)).toMatchObject({ state: 'stopping', phase });
    expect(bus.warnings).toEqual([expect.stringMatching(/^status\.json failed \(2 records were lost\): ENOENT/)]);
  });

  it('of another schema, or damaged, is none', () => {
    const directory = jobDirectory('odd');
    for (const text of [
      '',
      'null',
      '{',
      '[]',
      '7',
      '{"schema":"batch-core.status/9","startedAt":"x"}',
      '{"schema":"batch-core.status/1"}',
    ]) {
      writeFileSync(join(directory, 'status.json'), text);
      expect(readStatus(directory), text).toBeUndefined();
    }
  });

  const { progress } = status('odd');
  it.each<object>([
    { state: 'runing' },
    { state: 7 },
    { state: undefined },
    { phase: 'scoring' },
    { phase: null },
    { source: [1] },
    { source: '/i' },
    { out: undefined },
    { detector: {} },
    { updatedAt: 5 },
    { startedAt: undefined },
    { exitCode: 'x' },
    { error: 'all of it' },
    { error: { code: 'BUG' } },
    { progress: undefined },
    { progress: {} },
    { progress: [] },
    { progress: { ...progress, rowsDone: undefined } },
    { progress: { ...progress, rowsDone: 'x' } },
    { progress: { ...progress, rowsTotal: null } },
    { progress: { ...progress, chunksDone: {} } },
    { progress: { ...progress, etaSeconds: 'soon' } },
    { progress: { ...progress, rowsPerSecond: [] } },
    { progress: { ...progress, etaSeconds: undefined } },
    { exitCode: null },
    { progress: { ...progress, phase: 'x' } },
  ])('with %j is none: what is printed of it must be there', (change) => {
    const directory = jobDirectory('partly');
    writeFileSync(join(directory, 'status.json'), JSON.stringify({ ...status('partly'), ...change }));
    expect(readStatus(directory)).toBeUndefined();
  });

  it('is no pipe, link or directory: nobody waits for one, and nothing is written through it', () => {
    for (const make of strangers) {
      const directory = jobDirectory('laid-out');
      make(join(directory, 'status.json'));
      make(join(directory, `status.json.${process.pid}.tmp`));
      expect(readStatus(directory)).toBeUndefined();
      writeStatus(directory, status('laid-out'));
      rmSync(directory, { recursive: true });
    }
    expect(readFileSync(precious, 'utf8')).toBe('not to be touched');
  });
});

describe('a request', () => {
  const me = 'pid 7 on host h since today';
  /** A job that runs: its lock is held. */
  function running(jobId: string, holder = me): { directory: string; lock: JobLock } {
    const directory = jobDirectory(jobId);
    return { directory, lock: new JobLock(join(directory, 'job.lock'), holder) };
  }

  it('is taken once', () => {
    const { directory, lock } = running('asked');
    expect(takeControl(directory, me)).toBeUndefined();
    requestControl(directory, 'pause');
    expect(takeControl(directory, me)).toBe('pause');
    expect(takeControl(directory, me)).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['job.lock']);
    lock.release();
  });

  it('of two that meet, the later one counts', () => {
    const { directory, lock } = running('twice');
    requestControl(directory, 'pause');
    requestControl(directory, 'cancel');
    expect(takeControl(directory, me)).toBe('cancel');
    expect(takeControl(directory, me)).toBeUndefined();
    lock.release();
  });

  it('is for the execution that it was asked of, and dies with it', () => {
    const { directory, lock } = running('addressed');
    requestControl(directory, 'cancel');
    lock.release();
    const next = running('addressed', 'pid 8');
    expect(takeControl(directory, 'pid 8')).toBeUndefined();
    expect(readdirSync(directory)).toEqual(['job.lock']);
    // From the moment it holds the lock: nobody has to have looked before.
    requestControl(directory, 'pause');
    expect(takeControl(directory, 'pid 8')).toBe('pause');
    next.lock.release();
  });

  it('to a job that does not run is refused, whatever a dead process left in its lock', () => {
    const directory = jobDirectory('dead');
    writeFileSync(join(directory, 'job.lock'), 'pid 6');
    expect(() => requestControl(directory, 'pause')).toThrow(expect.objectContaining({ code: 'JOB_MISMATCH' }));
    expect(readdirSync(directory)).toEqual(['job.lock']);
  });

  it('that nobody understands is thrown away', () => {
    const { directory, lock } = running('strange');
    for (const text of ['{"request":"explode"}', '{', 'null', '', `{"request":{"toString":1},"to":"${me}"}`]) {
      writeFileSync(join(directory, 'control.json'), text);
      expect(takeControl(directory, me), text).toBeUndefined();
      expect(readdirSync(directory)).toEqual(['job.lock']);
    }
    for (const make of strangers) {
      make(join(directory, 'control.json'));
      expect(takeControl(directory, me)).toBeUndefined();
      expect(readdirSync(directory)).toEqual(['job.lock']);
    }
    lock.release();
  });

  it('to a job that is not there is an error', () => {
    expect(() => requestControl(join(home, 'jobs/none'), 'pause')).toThrow(
      expect.objectContaining({ code: 'JOB_NOT_FOUND' }),
    );
  });
});

it.runIf(process.geteuid?.() === 0)("what root asks of another user's job is that user's to read", () => {
  const directory = jobDirectory('nobodys');
  const lock = new JobLock(join(directory, 'job.lock'), 'pid 1 on host h since now');
  chownSync(directory, 65_534, 65_534);
  requestControl(directory, 'pause');
  expect(statSync(join(directory, 'control.json')).uid).toBe(65_534);
  lock.release();
});
