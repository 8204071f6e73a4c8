/** What `score` would meet before its first chunk as things lie now: told by looking alone, for whoever plans. */
import { BatchCoreError } from '../../errors.ts';
import { sourceDifferences } from '../../source/identity.ts';
import { refuseJobDirectories } from '../../store/directories.ts';
import { isThere } from '../../store/smallFile.ts';
import { isFinished } from '../../store/states.ts';
import { type JobStatus, readStatus } from '../../store/status.ts';
import { readBeginning } from '../job/beginning.ts';
import { truthful } from '../job/told.ts';
import { refuseLocked } from '../places/locks.ts';
import { foreseeRivals } from '../places/rivals.ts';
import { approveTargets, refusePlaces, refuseSavedModel, refuseUnwritable } from '../places/targets.ts';
import { jobPaths } from '../prepare/home.ts';
import { filesOf, type Prepared } from '../prepare/prepare.ts';

/** What a run would warn of, and its refusal, if it has one. No database is opened, no lock taken, nothing written. */
export async function foreseen(prepared: Prepared): Promise<string[]> {
  const warnings: string[] = [];
  try {
    refusePlaces(prepared);
    const own = ownStatus(prepared);
    // What a job may replace that was begun, its database knows.
    if (own) refuseSavedModel(prepared);
    else approveTargets(prepared, undefined);
    refuseJobDirectories(prepared.home, prepared.jobId);
    refuseLocked(prepared);
    warnings.push(...(await foreseeRivals(prepared)));
    if (own) warnings.push(...goesOn(prepared, own));
    if (!own || !isFinished(own.state)) refuseUnwritable(prepared);
  } catch (thrown) {
    const { message, hint } = BatchCoreError.from(thrown);
    warnings.push(`score would refuse: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  }
  return warnings;
}

/** How this very job stands, once it was begun. */
function ownStatus({ home, jobId }: Prepared): JobStatus | undefined {
  const { database, directory } = jobPaths(home, jobId);
  const status = isThere(database) ? readStatus(directory) : undefined;
  return status && truthful(home, status);
}

/** What becomes of a job that was begun before. */
function goesOn(prepared: Prepared, { state, error }: JobStatus): string[] {
  const { home, jobId, options } = prepared;
  if (options.fresh) return [`job ${jobId} was begun before, and would start over (--fresh)`];
  const now = filesOf(prepared);
  if (sourceDifferences('resume', readBeginning(home, jobId)?.files ?? now, now).length > 0)
    return [`job ${jobId} was begun before, and would begin anew: its source is not what it was`];
  if (isFinished(state))
    return [
      `job ${jobId} is finished: while source and output are what they were nothing is run (--fresh runs it again)`,
    ];
  if (error?.code === 'CHUNK_CRASHED') throw new BatchCoreError(error.code, error.message, { hint: error.hint });
  return [`job ${jobId} was left unfinished: score goes on with it`];
}
