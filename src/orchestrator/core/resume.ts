/** A job that was paused, stopped or killed goes on: in its own process, or here. */
import { BatchCoreError, restate } from '../../errors.ts';
import type { Report } from '../../report.ts';
import { type JobStatus, pendingControl, requestControl } from '../../store/status.ts';
import { readRequest } from '../job/beginning.ts';
import { findJob, isAlive } from '../job/told.ts';
import { homeOf, type JobPaths, jobPaths } from '../prepare/home.ts';
import { flagOf, HOW } from '../spec/optionFacts.ts';
import { splitOptions } from '../spec/options.ts';
import { type RunHooks, runFit, runScore } from '../work/run.ts';
import { isStopping } from './jobs.ts';

export type Resumed =
  | { kind: 'continued' | 'running'; jobId: string; pid: number }
  | {
      kind: 'here';
      jobId: string;
      /** The command that began it. */
      command: 'score' | 'fit' | 'model import';
      run: (hooks: RunHooks) => Promise<Report>;
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

/**
 * Lets a paused process go on, or says how to run the job here: what it does is what it was asked, how it does so is as
 * `how` says now, else as it was.
 */
export async function resumeJob(home: string | undefined, id: string, how: object = {}): Promise<Resumed> {
  const path = homeOf(home);
  const status = findJob(path, id);
  const paths = jobPaths(path, status.jobId);
  const { how: said } = splitOptions(how);
  if (isAlive(path, status.jobId)) {
    refuseHow(said, status);
    return goOn(paths, status);
  }
  const request = await readRequest(path, status.jobId);
  if (!request)
    throw new BatchCoreError('JOB_NOT_FOUND', `job ${status.jobId} has no record to go on from`, {
      where: { job: id },
      hint: 'run the command that began it',
    });
  const { spec } = request;
  const command = spec.fit?.forest === undefined ? spec.kind : 'model import';
  return {
    kind: 'here',
    command,
    jobId: status.jobId,
    run: (hooks) => {
      const options = { ...request.asked, ...request.options, ...said, home: path };
      const running =
        spec.kind === 'fit'
          ? runFit(request.sources, request.out || undefined, options, { ...hooks, resumes: status.jobId })
          : runScore(request.sources, { ...options, out: request.out }, { ...hooks, resumes: status.jobId });
      return running.catch((thrown) => {
        throw ofItsCommand(BatchCoreError.from(thrown), command);
      });
    },
  };
}

/** A process that is there goes on as it began. */
function refuseHow(said: Record<string, unknown>, { jobId, pid }: JobStatus): void {
  const given = HOW.find(({ name }) => said[name] !== undefined);
  if (given === undefined) return;
  const option = flagOf(given);
  throw new BatchCoreError('USAGE', `${option}: job ${jobId} has a process (pid ${pid}), which goes on as it began`, {
    where: { option, job: jobId },
    hint: 'leave it out, or cancel the job first: its finished chunks are kept',
  });
}

/** What to do about it is an option of the command that began the job, where `resume` has no such option. */
function ofItsCommand(error: BatchCoreError, command: string): BatchCoreError {
  const { hint } = error;
  const plain = hint?.replaceAll(/"batch-core [^"]*"/g, '') ?? '';
  const own: readonly string[] = ['--home', ...HOW.map(flagOf)];
  if (hint === undefined || (plain.match(/--[a-z-]+/g) ?? []).every((flag) => own.includes(flag))) return error;
  return restate(error, { hint: `${hint} (options of the "batch-core ${command}" that began this job)` });
}
