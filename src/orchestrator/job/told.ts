/** How a job stands, told from outside its process: by the kernel's lock and what lies on disk, and then by its last word. */
import { lockIsHeld } from '../../bindings/native.ts';
import { BatchCoreError, ofLook } from '../../errors.ts';
import { type HomeContent, outputPlace, readHome, readRecord } from '../../store/home.ts';
import { readReport } from '../../store/reports.ts';
import { isThere } from '../../store/smallFile.ts';
import type { JobStatus } from '../../store/status.ts';
import { goOnHint, jobCommand } from '../prepare/commands.ts';
import { homeOf, jobPaths } from '../prepare/home.ts';
import { completedStatus } from './lastWord.ts';

/** The kernel's lock is the proof of life: a status that says "running" without it is the last word of a dead process. */
export function truthful(home: string, status: JobStatus): JobStatus {
  const alive = ['created', 'running', 'paused', 'stopping'].includes(status.state);
  const paths = jobPaths(home, status.jobId);
  if (!alive || isAlive(home, status.jobId)) return retold(home, status);
  const report = readReport(paths.report);
  if (report?.status === 'completed' && isThere(outputPlace(home, status))) return completedStatus(status, report);
  const error = {
    code: 'CANCELLED' as const,
    message: `${status.lost ? 'its process' : `process ${status.pid}`} ended without a word; finished chunks are kept`,
    hint: readRecord(home, status.jobId)
      ? `"${jobCommand('resume', status.jobId, home)}" goes on`
      : 'the command that began it goes on: what it was has not been recorded',
  };
  return { ...status, state: 'failed', error };
}

/** What to do was said from where the job ran: from here it may need the home's name. */
function retold(home: string, { error, ...status }: JobStatus): JobStatus {
  if (error === undefined) return status;
  // One that can never go on has no next step.
  const hint = status.retired ? undefined : (goOnHint(error.code, status.jobId, home) ?? error.hint);
  const { hint: _stale, ...plain } = error;
  return { ...status, error: { ...plain, ...(hint !== undefined && { hint }) } };
}

/** Whether a process works on the job; a lock that may not be looked at is not one that nobody has. */
export function isAlive(home: string, jobId: string): boolean {
  try {
    return lockIsHeld(jobPaths(home, jobId).lock);
  } catch (thrown) {
    throw ofLook(BatchCoreError.from(thrown));
  }
}

/** Every job, newest first; one whose process is gone is told as it stands on disk, not as it last spoke. */
export function homeJobs(home: string | undefined): HomeContent {
  const path = homeOf(home);
  const { jobs, unreadable } = readHome(path);
  const told: JobStatus[] = [];
  for (const status of jobs) {
    try {
      told.push(truthful(path, status));
    } catch (thrown) {
      unreadable.push({ jobId: status.jobId, error: BatchCoreError.from(thrown) });
    }
  }
  return { jobs: told, unreadable };
}

/** One job: that whose id begins so, or the newest. */
export function jobStatus(home: string | undefined, id: string | undefined): JobStatus {
  const path = homeOf(home);
  if (id !== undefined) return truthful(path, findJob(path, id));
  const { jobs, unreadable } = readHome(path);
  const [newest] = jobs;
  if (newest) return truthful(path, newest);
  const [refused] = unreadable;
  if (refused) throw refused.error;
  throw new BatchCoreError('JOB_NOT_FOUND', `there are no jobs in ${path}`, {
    where: { file: path },
    hint: 'run "batch-core score <source>", or name another home with --home',
  });
}

/** The status of a job by its id, or by a unique beginning of it. */
export function findJob(home: string, id: string): JobStatus {
  if (id === '')
    throw new BatchCoreError('USAGE', 'the job is not named: its id is empty', {
      hint: `"${jobCommand('jobs', '', home)}" lists the jobs`,
    });
  const { jobs, unreadable } = readHome(home);
  const matches = jobs.filter((status) => status.jobId.startsWith(id));
  const refused = unreadable.find(({ jobId }) => jobId.startsWith(id));
  if (refused) throw refused.error;
  const [match] = matches;
  if (match && matches.length === 1) return match;
  throw new BatchCoreError(
    'JOB_NOT_FOUND',
    matches.length === 0 ? `there is no job "${id}" in ${home}` : `"${id}" names ${matches.length} jobs`,
    {
      where: { job: id, file: home },
      hint: `"${jobCommand('jobs', '', home)}" lists them; --home names another home`,
    },
  );
}
