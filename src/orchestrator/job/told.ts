/** How a job stands, told from outside its process: by the kernel's lock and what lies on disk, and then by its last word. */
import { lockIsHeld } from '../../bindings/native.ts';
import { BatchCoreError, ofLook } from '../../errors.ts';
import { outputPlace, readRecord } from '../../store/home.ts';
import { readReport } from '../../store/reports.ts';
import { isThere } from '../../store/smallFile.ts';
import type { JobStatus } from '../../store/status.ts';
import { goOnHint, jobCommand } from '../prepare/commands.ts';
import { jobPaths } from '../prepare/home.ts';
import { completedStatus } from '../work/outcome.ts';

/** The kernel's lock is the proof of life: a status that says "running" without it is the last word of a dead process. */
export function truthful(home: string, status: JobStatus): JobStatus {
  const alive = ['created', 'running', 'paused', 'stopping'].includes(status.state);
  const paths = jobPaths(home, status.jobId);
  if (!alive || isHeld(paths.lock)) return retold(home, status);
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

/** Whether a process has the lock; one that may not be looked at is not one that nobody has. */
export function isHeld(path: string): boolean {
  try {
    return lockIsHeld(path);
  } catch (thrown) {
    throw ofLook(BatchCoreError.from(thrown));
  }
}
