/** A job's directory, opened: the lock, the store, and what an earlier execution left. */
import { existsSync, lstatSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { JobLock } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { type Approved, NOTHING_APPROVED } from '../../sink/target.ts';
import { temporaryPrefix } from '../../sink/temporaries.ts';
import type { SourceFile } from '../../source/facts.ts';
import {
  differencesText,
  type FieldDifference,
  type FileIdentity,
  mtimesOf,
  sourceDifferences,
} from '../../source/identity.ts';
import { makeJobDirectories, makeWorkDirectories } from '../../store/directories.ts';
import { writeRecord } from '../../store/home.ts';
import { type Beginning, JobStore, type StoredJob, type StoredPublication } from '../../store/job.ts';
import { isThere } from '../../store/smallFile.ts';
import { isFinished } from '../../store/states.ts';
import { forgetStatus, readStatus } from '../../store/status.ts';
import { removeWorkFiles } from '../../store/workFiles.ts';
import { identify } from '../../system.ts';
import { jobCommand } from '../prepare/commands.ts';
import { type JobPaths, jobPaths } from '../prepare/home.ts';
import type { Prepared } from '../prepare/prepare.ts';
import type { JobSpec } from '../spec/jobSpec.ts';
import { splitOptions } from '../spec/options.ts';

/** What a job's row keeps beside its identity: enough to run it again from any directory. */
export interface StoredRequest {
  spec: JobSpec;
  sources: string[];
  /** Of each file; a job of an earlier version did not say. */
  realPaths?: string[];
  out: string;
  /** Where that is; empty where it is in the job. A job of an earlier version did not say. */
  place?: string;
  /** What decides the bytes, as it was asked for: `spec` is what came of it. */
  asked: Record<string, unknown>;
  /** How it is carried out, unless whoever goes on with it says otherwise. Nothing here decides a byte. */
  options: Record<string, unknown>;
  /** What this job was allowed to replace: `--force` is for that, and not for what comes to lie there later. */
  approved: Approved;
}

/** A job whose lock is ours. */
export interface OpenJob {
  jobId: string;
  fingerprint: string;
  home: string;
  paths: JobPaths;
  store: JobStore;
  lock: JobLock;
  /** What we call ourselves as its holder: what others ask is addressed to it. */
  holder: string;
  /** What an earlier execution left. */
  stored: StoredJob | undefined;
  publication: StoredPublication | undefined;
  /** SHA-256 of the file of its model, once it has one. */
  model: string | undefined;
  /** What it was allowed to replace. */
  approved: Approved;
  /** How its temporaries begin, wherever they lie. */
  temporaryPrefix: string;
}

/** An execution that has begun. */
export interface Execution {
  executionId: number;
  epoch: number;
  /** Finished chunks of an earlier execution are kept. */
  resumed: boolean;
  warnings: string[];
}

/** Whether the home knows the job. */
export function jobExists(prepared: Pick<Prepared, 'home' | 'jobId'>): boolean {
  return existsSync(jobPaths(prepared.home, prepared.jobId).directory);
}

/** Takes the lock and opens the store; refuses when another process has the job. `whenLocked` is called in between. */
export async function openJob(
  prepared: Pick<Prepared, 'home' | 'jobId' | 'fingerprint'>,
  fresh = false,
  whenLocked: (paths: JobPaths) => void = () => {},
): Promise<OpenJob> {
  const { home, jobId, fingerprint } = prepared;
  const paths = jobPaths(home, jobId);
  makeJobDirectories(home, jobId);
  const { pid, host } = identify();
  const holder = `pid ${pid} on host ${host} since ${new Date().toISOString()}`;
  const lock = takeLock(paths.lock, holder);
  if (lock.holder !== undefined) throw busy(home, jobId, lock.holder);
  try {
    whenLocked(paths);
    const store = await JobStore.open(paths.database, { jobId, fresh });
    try {
      const stored = await store.read();
      const [publication, model] = stored ? [await store.publication(), await store.model()] : [];
      return {
        ...{ jobId, fingerprint, home, paths, store, lock, holder, stored, publication, model },
        // Once is what it was for: what lies there when the job is done is another matter.
        approved: stored && !isFinished(stored.state) ? requestOf(stored).approved : NOTHING_APPROVED,
        temporaryPrefix: temporaryPrefix(home, jobId),
      };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** A lock that is no file is never written into nor removed: somebody else may just have made it a lock. */
export function takeLock(lock: string, holder: string): JobLock {
  try {
    return new JobLock(lock, holder);
  } catch (thrown) {
    const { code, message } = BatchCoreError.from(thrown);
    throw (code === 'OUTPUT_UNWRITABLE' && foreignLock(lock, message, thrown)) || thrown;
  }
}

/** Refuses what could not be taken as a lock, without taking it. */
export function refuseForeignLock(lock: string): void {
  const error = foreignLock(lock, `${lock} is no lock file of batch-core`);
  if (error) throw error;
}

function foreignLock(lock: string, message: string, cause?: unknown): BatchCoreError | undefined {
  const found = lstatSync(lock, { throwIfNoEntry: false });
  if (!found || found.isFile()) return undefined;
  const hint = `remove ${lock}, then run the same command again`;
  return new BatchCoreError('OUTPUT_UNWRITABLE', message, { where: { file: lock }, hint, cause });
}

/** Lets go of the job, whatever goes wrong with it: of its lock when nobody works in its directory any more. */
export async function closeJob(
  { store, lock }: Pick<OpenJob, 'store' | 'lock'>,
  workers: Promise<void> = Promise.resolve(),
): Promise<void> {
  const [closed] = await Promise.allSettled([store.close(), workers]);
  lock.release();
  if (closed.status === 'rejected') throw closed.reason;
}

/** What takes a directory away removes one file of it after the other. */
const REMOVAL_MS = 200;

/** What is missing from a directory that is gone is not damaged: somebody took it away, and all that was in it. */
export async function takenAway({ jobId, paths }: OpenJob, error: BatchCoreError): Promise<BatchCoreError> {
  const file = error.where?.file;
  if (error.code !== 'JOB_DAMAGED' || file === undefined || isThere(file)) return error;
  await sleep(REMOVAL_MS);
  const gone = [paths.directory, dirname(file), paths.lock].find((path) => !isThere(path));
  if (gone === undefined) return error;
  return new BatchCoreError('PATH_LOST', `job ${jobId} was taken away while it ran: ${gone} is not there any more`, {
    where: { file: gone, job: jobId },
    cause: error,
  });
}

/** A holder that has the lock since an instant has not said who it is. */
export function busy(home: string, jobId: string, holder: string): BatchCoreError {
  return new BatchCoreError('JOB_BUSY', `job ${jobId} is already running: held by ${holder || 'another process'}`, {
    where: { job: jobId },
    hint: busyHint(home, jobId),
  });
}

/** What to do about a job that has a process: a paused one would be followed for ever. */
export function busyHint(home: string, jobId: string): string {
  const { state } = readStatus(jobPaths(home, jobId).directory) ?? {};
  if (state === 'paused') return `it is paused: "${jobCommand('resume', jobId, home)}" lets it go on`;
  return `follow it with "${jobCommand('status', jobId, home, '--watch')}"`;
}

export function requestOf(stored: StoredJob): StoredRequest {
  return requestFrom(JSON.parse(stored.specJson) as WrittenRequest);
}

/** A request as it was written: by an earlier version with all that was asked for in `options`. */
export type WrittenRequest = Omit<StoredRequest, 'asked'> & Partial<Pick<StoredRequest, 'asked'>>;

export function requestFrom(written: WrittenRequest): StoredRequest {
  const { what, how } = splitOptions(written.options);
  return { ...written, asked: written.asked ?? what, options: how };
}

/** Begins an execution: goes on where the last one ended, or from the beginning. */
export async function beginJob(
  job: OpenJob,
  begin: {
    request: StoredRequest;
    files: readonly SourceFile[];
    fresh: boolean;
    /** It is this job that is to go on, and no other: it is not begun anew because its source changed. */
    goOn: boolean;
  },
): Promise<Execution> {
  const { recovery } = job.store;
  const warnings = recovery ? [recovery.words] : [];
  job.approved = begin.request.approved;
  // They tell of an execution that is finished; this one is not.
  rmSync(job.paths.report, { force: true, recursive: true });
  forgetStatus(job.paths.directory);
  const { resumed, why, ...beginning } = beginningOf(job, begin);
  if (why !== undefined) warnings.push(why);
  if (resumed && job.stored) warnings.push(...touchedInput(job.stored, begin.files));
  if (beginning.restarted) await forgetWork(job);
  makeWorkDirectories(job.paths);
  const createdAt = job.stored?.createdAt ?? new Date().toISOString();
  writeRecord(job.home, {
    ...{ jobId: job.jobId, fingerprint: job.fingerprint, createdAt },
    mtimesNs: mtimesOf(begin.files),
    request: { ...begin.request },
  });
  const execution = await job.store.beginExecution({ ...identify(), out: begin.request.out }, beginning);
  return { ...execution, resumed, warnings };
}

/** Where the execution begins; `why` says why finished chunks of an earlier one are of no use. */
function beginningOf(
  { jobId, fingerprint, stored }: OpenJob,
  begin: Parameters<typeof beginJob>[1],
): Beginning & { resumed: boolean; why?: string } {
  const { request, files } = begin;
  const specJson = JSON.stringify(request);
  if (stored === undefined) return { resumed: false, created: { jobId, specJson, fingerprint, files: [...files] } };
  const unfinished = !begin.fresh && !isFinished(stored.state);
  const changed = unfinished ? sourceDifferences('resume', stored.files, files) : [];
  const refused = begin.goOn ? changedInput(stored, changed) : undefined;
  if (refused) throw refused;
  if (unfinished && changed.length === 0) return { resumed: true, ...(stored.specJson !== specJson && { specJson }) };
  const why = `this job was left unfinished and begins anew: its source is not what it was (${changed[0]?.file}: ${differencesText(changed)})`;
  return { resumed: false, restarted: { specJson, files: [...files] }, ...(changed.length > 0 && { why }) };
}

/**
 * What an earlier execution made is not wanted any more. It goes before the database says so: a kill in between leaves
 * chunks and a model that are said to be there and are not, which are made again.
 */
async function forgetWork(job: OpenJob): Promise<void> {
  retirePublication(job);
  job.model = undefined;
  rmSync(job.paths.model, { force: true, recursive: true });
  rmSync(job.paths.rowGroups, { force: true, recursive: true });
  await removeWorkFiles(job.paths, job.fingerprint);
}

/** What was published is to be made again: what lies there of it is still the job's. */
export function retirePublication(job: OpenJob): void {
  if (job.publication) job.publication = { ...job.publication, state: 'former' };
}

/** Why a job whose source differs in `differences` cannot go on; nothing where there are none. */
export function changedInput(stored: StoredJob, differences: readonly FieldDifference[]): BatchCoreError | undefined {
  const [first] = differences;
  if (first === undefined) return undefined;
  return new BatchCoreError(
    'INPUT_CHANGED',
    `${first.file} is not what this job began to read: ${differencesText(differences)}`,
    {
      where: { file: first.file, job: stored.jobId },
      hint: 'put the original file back to go on; the command that began this job begins it anew',
    },
  );
}

/** What content, size and time do not show: whoever rewrites a file in place may set its time back. */
function touchedInput(stored: StoredJob, files: readonly FileIdentity[]): string[] {
  return stored.files.flatMap((before, i) => {
    const differences = sourceDifferences('touched', [before], files.slice(i, i + 1));
    if (differences.length === 0) return [];
    return `${before.path} was touched since this job began (${differencesText(differences)}), and has the size, footer and time that it had: finished chunks are kept; --fresh scores it anew`;
  });
}

/** What the database knows of what the job published. */
export async function readPublication(home: string, jobId: string): Promise<StoredPublication | undefined> {
  return (await readDatabase(home, jobId))?.publication;
}

/**
 * All that the database knows of a job, which is not open when this returns. Its lock is taken meanwhile: nobody else's
 * database is ever opened.
 */
export async function readDatabase(home: string, jobId: string): Promise<OpenJob | undefined> {
  if (!jobExists({ home, jobId })) return undefined;
  const job = await openJob({ home, jobId, fingerprint: '' });
  await closeJob(job);
  return { ...job, fingerprint: job.stored?.fingerprint ?? '' };
}
