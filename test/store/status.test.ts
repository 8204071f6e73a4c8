import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  type JobStatus,
  listJobs,
  lostStatuses,
  readStatus,
  requestControl,
  takeControl,
  writeStatus,
} from '../../src/store/status.ts';
import { scratch } from '../cli/harness.ts';

const home = scratch();

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

  it('that cannot be written is counted, and nothing else happens', () => {
    const before = lostStatuses();
    writeStatus(join(home, 'no/such/directory'), status('x'));
    expect(lostStatuses()).toBe(before + 1);
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
});

it('jobs are listed newest first, and what is no job is passed over', () => {
  rmSync(join(home, 'jobs'), { recursive: true });
  expect(listJobs(home)).toEqual([]);
  for (const [jobId, day] of [
    ['b', 2],
    ['c', 3],
    ['a', 1],
    ['c2', 3],
  ] as const) {
    writeStatus(jobDirectory(jobId), status(jobId, `2026-01-0${day}T00:00:00.000Z`));
  }
  jobDirectory('empty');
  writeFileSync(join(home, 'jobs', 'stray'), '');
  expect(listJobs(home).map(({ jobId }) => jobId)).toEqual(['c', 'c2', 'b', 'a']);
});

describe('a request', () => {
  it('is taken once', () => {
    const directory = jobDirectory('asked');
    expect(takeControl(directory)).toBeUndefined();
    requestControl(directory, 'pause');
    expect(takeControl(directory)).toBe('pause');
    expect(takeControl(directory)).toBeUndefined();
    expect(readdirSync(directory)).toEqual([]);
  });

  it('of two that meet, the later one counts', () => {
    const directory = jobDirectory('twice');
    requestControl(directory, 'pause');
    requestControl(directory, 'cancel');
    expect(takeControl(directory)).toBe('cancel');
    expect(takeControl(directory)).toBeUndefined();
  });

  it('that nobody understands is thrown away', () => {
    const directory = jobDirectory('strange');
    for (const text of ['{"request":"explode"}', '{', 'null', '{"request":{"toString":1}}']) {
      writeFileSync(join(directory, 'control.json'), text);
      expect(takeControl(directory), text).toBeUndefined();
      expect(readdirSync(directory)).toEqual([]);
    }
  });

  it('to a job that is not there is an error', () => {
    expect(() => requestControl(join(home, 'jobs/none'), 'pause')).toThrow(
      expect.objectContaining({ code: 'JOB_NOT_FOUND' }),
    );
  });
});
