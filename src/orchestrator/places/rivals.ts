/** Other jobs that write where this one is to write: one that runs is waited for, one that was left unfinished is looked at. */
import { BatchCoreError, type ErrorCode } from '../../errors.ts';
import { isOwnLeftover } from '../../sink/leftover.ts';
import { sweepBeside, temporaryPrefix } from '../../sink/temporaries.ts';
import { statIdentity } from '../../source/facts.ts';
import { sourceDifferences } from '../../source/identity.ts';
import { storage } from '../../storage/sources.ts';
import {
  outputPlace,
  type PlacedJob,
  publications,
  readHome,
  type UnreadableJob,
  withPlaces,
} from '../../store/home.ts';
import { isThere } from '../../store/smallFile.ts';
import { isFinished } from '../../store/states.ts';
import { type JobStatus, readStatus, writeStatus } from '../../store/status.ts';
import { removeWorkFiles } from '../../store/workFiles.ts';
import { type Beginning, readBeginning, readRequest } from '../job/beginning.ts';
import { changedInput, type OpenJob, readDatabase, requestOf } from '../job/job.ts';
import { refusedStatus } from '../job/lastWord.ts';
import { mismatchError } from '../job/mismatch.ts';
import { isAlive, truthful } from '../job/told.ts';
import { jobPaths } from '../prepare/home.ts';
import { inputFiles, writtenPlaces } from '../prepare/output.ts';
import { filesOf, type Prepared } from '../prepare/prepare.ts';

/**
 * Refuses while another job is unfinished for the same output that could still be gone on with, saying in which fields the
 * two differ, unless this one is unfinished too: then it is the one that goes on. A job whose source is not there any more
 * as it was (a file of it is another, is gone or came to it), or that ended because its data are bad, is retired, which is
 * said, and with `--fresh` every one that is unfinished. None of them runs: the place's lock is ours.
 */
export async function settleRivals(prepared: Prepared): Promise<string[]> {
  const { home, jobId, options } = prepared;
  const { rivals, warnings } = rivalsOf(prepared);
  for (const rival of rivals) {
    if (isFinished(rival.state) || rival.retired) continue;
    const job = await readDatabase(home, rival.jobId);
    if (!job?.stored || isFinished(job.stored.state)) continue;
    const request = requestOf(job.stored);
    const why = givenUp(rival, options.fresh);
    if (!why && (await sourceIsIntact({ request, files: job.stored.files }, prepared))) {
      const own = readStatus(jobPaths(home, jobId).directory)?.retired ? undefined : await readDatabase(home, jobId);
      if (own?.stored && !isFinished(own.stored.state)) continue;
      throw mismatchError(rival.jobId, request, prepared);
    }
    await retire(home, rival, job);
    warnings.push(retiredWords('was', rival.jobId, why));
  }
  return warnings;
}

/**
 * What {@link settleRivals} would warn of or refuse, told by what lies on disk alone: nothing is opened, locked or written.
 * What only a database knows is said to be unknown.
 */
export async function foreseeRivals(prepared: Prepared): Promise<string[]> {
  const { home, jobId, options } = prepared;
  const { rivals, warnings } = rivalsOf(prepared);
  for (const rival of rivals) {
    if (isOver(home, rival) || !isThere(jobPaths(home, rival.jobId).database)) continue;
    const beginning = readBeginning(home, rival.jobId);
    const why = givenUp(rival, options.fresh);
    const unknown = `job ${rival.jobId} of this home may be unfinished for this output`;
    if (!beginning) warnings.push(`${unknown}: its record is lost, and only its database knows`);
    else if (why || !(await sourceIsIntact(beginning, prepared)))
      warnings.push(retiredWords('would be', rival.jobId, why));
    else if (isUnfinished(home, jobId)) continue;
    else if (rival.phase === 'publish' && isThere(prepared.output.place))
      warnings.push(`${unknown}: it was stopped while it published`);
    else throw mismatchError(rival.jobId, beginning.request, prepared);
  }
  return warnings;
}

/** The other jobs that write to the same place and count, and which of the home may be such. */
function rivalsOf({ home, jobId, output, options }: Prepared): { rivals: JobStatus[]; warnings: string[] } {
  const { placed, unreadable } = withPlaces(readHome(home), home);
  const isRival = ({ job, place }: PlacedJob) => job.jobId !== jobId && place === output.place;
  const rivals = placed.filter(isRival).map(({ job }) => job);
  return {
    // Of several the latest counts, unless all are given up for this one.
    rivals: options.fresh ? rivals : rivals.slice(0, 1),
    warnings: unreadable.filter((job) => job.jobId !== jobId).map(unknownRival),
  };
}

const isOver = (home: string, status: JobStatus): boolean =>
  isFinished(truthful(home, status).state) || status.retired === true;

/** Whether the job is there and could go on, by what it told. */
function isUnfinished(home: string, jobId: string): boolean {
  const status = readStatus(jobPaths(home, jobId).directory);
  return status !== undefined && !isOver(home, status);
}

/** Why an unfinished job is given up whose source is what it was; nothing where it could go on. */
function givenUp({ error }: JobStatus, fresh = false): string | undefined {
  if (fresh) return 'this one starts instead (--fresh)';
  return error && LASTING.includes(error.code) ? `it cannot do what it was asked (${error.message})` : undefined;
}

/** A source that is what it was is as bad the next time. */
const LASTING: readonly string[] = [
  'DATA',
  'SOURCE_INVALID',
  'SOURCE_DAMAGED',
  'SOURCE_EMPTY',
  'SCHEMA_MISMATCH',
  'NO_USABLE_COLUMN',
] satisfies ErrorCode[];

function retiredWords(was: 'was' | 'would be', jobId: string, why = 'its source is not what it was'): string {
  return `job ${jobId}, left unfinished for this output, ${was} retired: ${why}`;
}

/** Refuses to go on with job `jobId` where what it was asked is another job now: what it reads is not what it was. */
export async function refuseAnother(prepared: Prepared, jobId: string): Promise<void> {
  if (prepared.jobId === jobId) return;
  const error = await whyAnother(prepared, jobId);
  const { directory } = jobPaths(prepared.home, jobId);
  const status = readStatus(directory);
  // Its last word, but for what has ended for good.
  if (status && !isFinished(status.state) && !status.retired && !isAlive(prepared.home, jobId))
    writeStatus(directory, refusedStatus(status, error));
  throw error;
}

async function whyAnother(prepared: Prepared, jobId: string): Promise<BatchCoreError> {
  const stored = (await readDatabase(prepared.home, jobId))?.stored;
  const changed = stored && changedInput(stored, sourceDifferences('resume', stored.files, filesOf(prepared)));
  const request = changed ? undefined : await readRequest(prepared.home, jobId);
  if (request) return mismatchError(jobId, request, prepared);
  return changed ?? new BatchCoreError('JOB_NOT_FOUND', `job ${jobId} has no record to go on from`);
}

function unknownRival({ jobId, error }: UnreadableJob): string {
  return `${error.message}: whether job ${jobId} of this home writes to the same output is not known`;
}

/** Whether what the job reads is there as it was: every file of it, in its place, and no other. */
async function sourceIsIntact({ request, files }: Beginning, prepared: Prepared): Promise<boolean> {
  const { output, home } = prepared;
  const { sources, realPaths, options, asked } = request;
  try {
    const written = writtenPlaces(output, options['saveModel']);
    const look = { places: written, jobs: () => publications(home), of: sources };
    const scored = await inputFiles(sources, look);
    const fitOn = Array.isArray(asked['fitOn']) ? asked['fitOn'].map(String) : [];
    const paths = [...scored, ...(await inputFiles(fitOn, look))];
    const places = await Promise.all(scored.map((path) => storage.realPath(path)));
    // Of files that are read now the footers are known too.
    const read = new Map(filesOf(prepared).map((file) => [file.path, file]));
    const now = await Promise.all(paths.map(async (path) => read.get(path) ?? { path, ...(await statIdentity(path)) }));
    const moved = realPaths !== undefined && places.some((place, i) => place !== realPaths[i]);
    return !moved && sourceDifferences('resume', files, now).length === 0;
  } catch {
    // What cannot be looked at is not there as it was.
    return false;
  }
}

/** It cannot go on: its finished chunks are of no more use. Its records stay. */
async function retire(home: string, status: JobStatus, job: OpenJob): Promise<void> {
  const paths = jobPaths(home, status.jobId);
  await removeWorkFiles(paths, job.fingerprint);
  sweepBeside(outputPlace(home, status), temporaryPrefix(home, status.jobId), isOwnLeftover(job), false);
  writeStatus(paths.directory, { ...status, state: 'failed', retired: true });
}
