/**
 * A job's database that always opens: what a kill, a full disk or damage left of it is repaired as far as that goes, and
 * otherwise set aside for a new one. To be called with the job's lock held: nobody else has the files open.
 *
 *     never finished         nothing was acknowledged: removed                                    -> fresh
 *     log damaged            copied aside, cut before the first entry that cannot be replayed      -> cut
 *     anything else damaged  renamed to <file>.damaged-<n>                                         -> fresh
 *     disk full, EIO, ...    refused: the files may be sound
 */
import { type Database, openFile } from '../duckdb/client.ts';
import { claimFile } from '../duckdb/registry.ts';
import { BatchCoreError } from '../errors.ts';
import { checkTables } from './check.ts';
import { DatabaseFiles } from './files.ts';
import { holdsCommit, isWhole, logExtent } from './log.ts';
import { migrate } from './migrations.ts';

/** What had to be done so that the database opens. */
export interface Recovery {
  /** `cut`: the last entries of its log are lost. `fresh`: it starts from nothing. */
  kind: 'cut' | 'fresh';
  /** What happened, in a sentence for people. */
  words: string;
  /** The files that were set aside, by name. */
  setAside: string[];
}

/** How a job's database is to be opened. */
export interface OpenOptions {
  /** The job it must hold, if it holds one. */
  jobId?: string | undefined;
  /** Nothing of it is wanted: what cannot be opened, or is of a newer version, is set aside unread. */
  fresh?: boolean | undefined;
}

/** Opens the database at `path`, made, migrated and repaired as needed. */
export async function openJobDatabase(
  path: string,
  { jobId, fresh = false }: OpenOptions,
): Promise<{ database: Database; recovery: Recovery | undefined }> {
  // Refused before anything is touched when this process has it open.
  claimFile(path).release();
  const files = new DatabaseFiles(path);
  files.endTrial();
  files.unshare();
  const begun = beginAgain(files);
  try {
    if (!fresh && logExtent(files.log()).lost) throw damaged(path, 'its log cannot be followed to the end');
    // One that is made now holds nothing to check.
    const database = files.look().kind === 'absent' ? await openMigrated(path) : await openChecked(path, jobId);
    return { database, recovery: begun };
  } catch (error) {
    if (!(fresh ? isUnusable(error) : isDamage(error, files))) throw error;
    const recovery = (!fresh && (await cutLog(files, jobId))) || startOver(files, error as BatchCoreError);
    return { database: await openChecked(path, jobId), recovery };
  }
}

function openChecked(path: string, jobId: string | undefined): Promise<Database> {
  return openMigrated(path, (database) => checkTables(database, path, jobId));
}

async function openMigrated(path: string, check?: (database: Database) => Promise<void>): Promise<Database> {
  const database = await openFile(path);
  try {
    await migrate(database);
    await check?.(database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Deals with files that cannot be a database at all: a new one takes their place. */
function beginAgain(files: DatabaseFiles): Recovery | undefined {
  const found = files.look();
  if (found.kind === 'absent' || found.kind === 'file') return undefined;
  if (found.kind === 'strange')
    return startOver(files, damaged(files.path, `${found.names.join(' and ')}: not a regular file`));
  const log = files.log();
  if (holdsCommit(log))
    return startOver(files, damaged(files.path, found.kind === 'short' ? 'it is cut short' : 'it is not there'));
  files.remove();
  if (found.kind === 'log only') return undefined;
  const words = "the process that made the job's database ended before it was done; it was made again";
  return { kind: 'fresh', words, setAside: [] };
}

const damaged = (path: string, reason: string) =>
  new BatchCoreError('JOB_DAMAGED', `the job database "${path}" is damaged: ${reason}`, { where: { file: path } });

/** Whether the files are to blame. A log full of ones asks DuckDB for more memory than there is. */
function isDamage(error: unknown, files: DatabaseFiles): boolean {
  const code = error instanceof BatchCoreError ? error.code : undefined;
  return code === 'JOB_DAMAGED' || (code === 'OUT_OF_MEMORY' && !isWhole(files.log()));
}

function isUnusable(error: unknown): boolean {
  const code = error instanceof BatchCoreError ? error.code : undefined;
  return code === 'JOB_DAMAGED' || code === 'JOB_MISMATCH' || code === 'OUT_OF_MEMORY';
}

/** Keeps of the log what can be replayed; nothing, and `undefined`, when the database does not open without it either. */
async function cutLog(files: DatabaseFiles, jobId: string | undefined): Promise<Recovery | undefined> {
  const log = files.log();
  const whole = log.length;
  if (whole === 0) return undefined;
  const { ends } = logExtent(log);
  const opens = (bytes: number) => opensWith(files, log.subarray(0, bytes), jobId);
  try {
    files.beginTrial();
    if (!(await opens(0))) return undefined;
    // A log fails from its first bad entry on: the longest good beginning is found by halving.
    let [good, bad] = [-1, ends.length];
    while (bad - good > 1) {
      const middle = (good + bad) >> 1;
      if (await opens(ends[middle]!)) good = middle;
      else bad = middle;
    }
    const keptBytes = ends[good] ?? 0;
    const setAside = files.copyAside();
    files.cutLog(keptBytes);
    const words = `the log of the job's database was damaged: its last ${whole - keptBytes} of ${whole} bytes are lost`;
    return { kind: 'cut', words, setAside };
  } finally {
    files.endTrial();
  }
}

/** Whether a copy of the database opens with `log` as its log, and is sound. */
async function opensWith(files: DatabaseFiles, log: Buffer, jobId: string | undefined): Promise<boolean> {
  files.tryLog(log);
  try {
    const database = await openFile(files.trial, { readOnly: true });
    try {
      await checkTables(database, files.trial, jobId);
    } finally {
      await database.close();
    }
    return true;
  } catch (error) {
    const { code } = error as BatchCoreError;
    if (code === 'JOB_DAMAGED' || (code === 'OUT_OF_MEMORY' && log.length > 0)) return false;
    throw error;
  }
}

function startOver(files: DatabaseFiles, { message }: BatchCoreError): Recovery {
  const setAside = files.moveAside();
  return { kind: 'fresh', words: `${message}; it was set aside, and a new one begins`, setAside };
}
