/** The jobs of a home, from outside their processes. */
import { BatchCoreError, restate } from '../../errors.ts';
import type { Report } from '../../report.ts';
import { type HomeContent, readHome } from '../../store/home.ts';
import { type JobStatus, pendingControl, requestControl } from '../../store/status.ts';
import { readRequest } from '../job/beginning.ts';
import { jobCommand } from '../prepare/commands.ts';
import { type JobPaths, jobPaths, resolveHome } from '../prepare/home.ts';
import { findJob } from '../job/job.ts';
import { type RunHooks, runFit, runScore } from '../work/run.ts';
import { isHeld, truthful } from '../job/told.ts';

/** The home named, that of the environment, or the one in the current directory. */
export function homeOf(home: string | undefined): string {
  return resolveHome(home, '');
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

/** Leaves a request for the job's process, which must be alive. */
export function requestOfJob(home: string | undefined, id: string, verb: 'pause' | 'resume' | 'cancel'): JobStatus {
  const path = homeOf(home);
  const status = findJob(path, id);
  const paths = jobPaths(path, status.jobId);
  if (!isHeld(paths.lock))
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
function isStopping({ directory }: JobPaths, { state }: JobStatus): boolean {
  return !['created', 'running', 'paused'].includes(state) || pendingControl(directory) === 'cancel';
}

export type Resumed =
  | { kind: 'continued' | 'running'; jobId: string; pid: number }
  | {
      kind: 'here';
      jobId: string;
      run: (options: { workers?: number | undefined }, hooks: RunHooks) => Promise<Report>;
    };

/** Lets a paused process go on, unless it is about to end. */
function goOn(paths: JobPaths, status: JobStatus): Resumed {
  const { jobId, pid, state } = status;
  if (isStopping(paths, status))
    throw new BatchCoreError('JOB_BUSY', `job ${jobId} is stopping: it can be resumed when it has ended`, {
      where: { job: jobId },
      hint: `run "batch-core resume ${jobId}" again when "batch-core status ${jobId}" tells that it has ended`,
    });
  const paused = state === 'paused' || pendingControl(paths.directory) === 'pause';
  // In any case: it may have heard that it is to pause, and not yet told so.
  requestControl(paths.directory, 'resume');
  return { kind: paused ? 'continued' : 'running', jobId, pid };
}

/** Lets a paused process go on, or says how to run the job here. */
export async function resumeJob(home: string | undefined, id: string): Promise<Resumed> {
  const path = homeOf(home);
  const status = findJob(path, id);
  const paths = jobPaths(path, status.jobId);
  if (isHeld(paths.lock)) return goOn(paths, status);
  const request = await readRequest(path, status.jobId);
  if (!request)
    throw new BatchCoreError('JOB_NOT_FOUND', `job ${status.jobId} has no record to go on from`, {
      where: { job: id },
      hint: 'run the command that began it',
    });
  return {
    kind: 'here',
    jobId: status.jobId,
    run: ({ workers }, hooks) => {
      const options = { ...request.options, home: path, ...(workers !== undefined && { workers }) };
      const running =
        request.spec.kind === 'fit'
          ? runFit(request.sources, request.out || undefined, options, { ...hooks, resumes: status.jobId })
          : runScore(request.sources, { ...options, out: request.out }, { ...hooks, resumes: status.jobId });
      return running.catch((thrown) => {
        throw ofItsCommand(BatchCoreError.from(thrown), request.spec.kind);
      });
    },
  };
}

/** What to do about it is an option of the command that began the job, where `resume` has no such option. */
function ofItsCommand(error: BatchCoreError, kind: 'score' | 'fit'): BatchCoreError {
  const { hint } = error;
  const plain = hint?.replaceAll(/"batch-core [^"]*"/g, '') ?? '';
  if (hint === undefined || !/--(?!home|workers)[a-z]/.test(plain)) return error;
  return restate(error, { hint: `${hint} (options of the "batch-core ${kind}" that began this job)` });
}
