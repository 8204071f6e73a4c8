/** What is asked of a job by its state: nothing is said to be done that is not. */
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { JobLock } from '../../../src/bindings/native.ts';
import { requestOfJob } from '../../../src/orchestrator/core/jobs.ts';
import { resumeJob } from '../../../src/orchestrator/core/resume.ts';
import { makeJobDirectories } from '../../../src/store/directories.ts';
import type { JobState } from '../../../src/store/states.ts';
import { type ControlRequest, requestControl, takeControl, writeStatus } from '../../../src/store/status.ts';
import { scratch } from '../../cli/harness.ts';

const home = scratch();
const me = 'pid 7 on host h since 2026-01-01T00:00:00.000Z';
let lock: JobLock | undefined;
let jobs = 0;

afterEach(() => lock?.release());

/** A job in `state` whose process is there, and what was asked of it that it has not heard yet. */
function live(state: JobState, asked?: ControlRequest): { jobId: string; directory: string } {
  jobs += 1;
  const jobId = `job${jobs}`;
  const directory = join(home, 'jobs', jobId);
  makeJobDirectories(home, jobId);
  lock = new JobLock(join(directory, 'job.lock'), me);
  const now = new Date().toISOString();
  writeStatus(directory, {
    ...{ schema: 'batch-core.status/1', jobId, state, phase: 'score', out: '/o', source: ['/i'], detector: 'auto' },
    ...{ pid: 7, host: 'h', bootId: 'b', startedAt: now, updatedAt: now },
    progress: {
      ...{ type: 'progress', jobId, phase: 'score', chunksDone: 1, chunksTotal: 2, rowsDone: 3, rowsTotal: 4 },
      ...{ rowsPerSecond: null, etaSeconds: null, rssBytes: 5, workers: 2, retried: 0, quarantined: 0 },
    },
  });
  if (asked) requestControl(directory, asked);
  return { jobId, directory };
}

describe('resume of a job whose process is there', () => {
  it.each<[JobState, ControlRequest | undefined, 'continued' | 'running']>([
    ['paused', undefined, 'continued'],
    ['running', 'pause', 'continued'],
    ['running', undefined, 'running'],
    ['created', undefined, 'running'],
  ])('that is %s, and was asked to %s: %s', async (state, asked, kind) => {
    const { jobId, directory } = live(state, asked);
    expect(await resumeJob(home, jobId)).toEqual({ kind, jobId, pid: 7 });
    expect(takeControl(directory, me)).toBe('resume');
  });

  it.each<[JobState, ControlRequest | undefined]>([
    ['stopping', undefined],
    ['running', 'cancel'],
    ['paused', 'cancel'],
    ['stopped', undefined],
    ['completed', undefined],
  ])('that is %s, and was asked to %s, is refused, and what was asked stays', async (state, asked) => {
    const { jobId, directory } = live(state, asked);
    const hint = expect.stringContaining(`run "batch-core resume ${jobId}" again when`);
    await expect(resumeJob(home, jobId)).rejects.toMatchObject({ code: 'JOB_BUSY', exitCode: 75, hint });
    expect(takeControl(directory, me)).toBe(asked);
  });
});

it('what is stopping is not paused, nor said to be', () => {
  const { jobId } = live('stopping');
  expect(() => requestOfJob(home, jobId, 'pause')).toThrow(expect.objectContaining({ code: 'JOB_MISMATCH' }));
  expect(requestOfJob(home, jobId, 'cancel').jobId).toBe(jobId);
});
