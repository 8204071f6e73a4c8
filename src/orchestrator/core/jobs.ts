/** The jobs of a home, from outside their processes. */
import { BatchCoreError } from '../../errors.ts';
import { type JobStatus, pendingControl, requestControl } from '../../store/status.ts';
import { findJob, isAlive, truthful } from '../job/told.ts';
import { jobCommand } from '../prepare/commands.ts';
import { homeOf, type JobPaths, jobPaths } from '../prepare/home.ts';

export type { JobStatus } from '../../store/status.ts';
export { homeJobs, jobStatus } from '../job/told.ts';
export { jobCommand } from '../prepare/commands.ts';

/** Leaves a request for the job's process, which must be alive. */
export function requestOfJob(home: string | undefined, id: string, verb: 'pause' | 'resume' | 'cancel'): JobStatus {
  const path = homeOf(home);
  const status = findJob(path, id);
  const paths = jobPaths(path, status.jobId);
  if (!isAlive(path, status.jobId))
    throw new BatchCoreError(
      'JOB_MISMATCH',
      `job ${status.jobId} is not running (${truthful(path, status).state}): there is nothing to ${verb}`,
      {
        where: { job: status.jobId },
        hint: `"${jobCommand('status', status.jobId, path)}" tells how it stands`,
      },
    );
  if (verb === 'pause' && isStopping(paths, status))
    throw new BatchCoreError('JOB_MISMATCH', `job ${status.jobId} is stopping: there is nothing to pause`, {
      where: { job: status.jobId },
      hint: `"${jobCommand('status', status.jobId, path)}" tells when it has ended`,
    });
  requestControl(paths.directory, verb);
  return status;
}

/** Whether it was told to stop, or has already done what it had to: what is asked of it now comes too late. */
export function isStopping({ directory }: JobPaths, { state }: JobStatus): boolean {
  return !['created', 'running', 'paused'].includes(state) || pendingControl(directory) === 'cancel';
}
