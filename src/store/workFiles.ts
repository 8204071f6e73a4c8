/**
 * What a job's directory holds only while the job works: files of its own names, removed when they are of no more use. What
 * somebody else has put there is named, and never removed.
 */
import { lstatSync, readdirSync, renameSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { finalName } from '../sink/look.ts';
import { PART_NAME } from '../sink/manifest.ts';
import { isAnothers } from '../sink/part.ts';
import type { JobPaths } from './home.ts';
import { namesIn } from './smallFile.ts';

/** Where workers write parts that are not finished. */
export const scratchOf = ({ parts }: Pick<JobPaths, 'parts'>): string => join(parts, '.tmp');
const ATTEMPT_NAME = /^\d+\.\d+\.\d+$/;
const DURABLE_NAME = /^(job\.json|model\.bcm|report\.json|row-groups\.json)$/;
/** Of a chunk of a phase, or of all of its chunks from the first to one, merged. */
const SUMMARY_NAME = /^([a-z]+(?:-\d+)?)\.(?:0-)?(\d+)$/;
/** Of small files, of DuckDB, and of links that lend names. */
const LEFT_NAME =
  /^(status|control)\.json\.\d+\.(tmp|taken)$|^job\.lock\.tmp$|^duckdb_temp_|^batch-core-links-\d+-\d+$/;
const FIT_STATE = /^fit-\d+\.state$/;

/** Removes parts and summaries: gigabytes, which the event loop does not wait for. Returns the paths that are not the job's. */
export async function removeWorkFiles(paths: JobPaths, fingerprint: string): Promise<string[]> {
  const others = await removeParts(paths, fingerprint);
  return [...others, ...(await removeSummaries(paths))];
}

async function removeParts({ parts }: JobPaths, fingerprint: string): Promise<string[]> {
  await removeScratch({ parts });
  return removeOwn(parts, (name) => PART_NAME.test(name) && !isAnothers(join(parts, name), fingerprint));
}

/** Where the summaries of the first `chunks` chunks of a phase lie once they are merged into one. */
export function mergedPath({ summaries }: Pick<JobPaths, 'summaries'>, phase: string, chunks: number): string {
  return join(summaries, `${phase}.0-${chunks - 1}`);
}

/** Removes the summaries that are in that one. */
export async function removeMerged(paths: Pick<JobPaths, 'summaries'>, phase: string, chunks: number): Promise<void> {
  const kept = mergedPath(paths, phase, chunks);
  await removeFiles(paths.summaries, (name) => {
    const [, of, last] = SUMMARY_NAME.exec(name) ?? [];
    return of === phase && Number(last) < chunks && join(paths.summaries, name) !== kept;
  });
}

/** Removes what a fit's passes leave for it. Returns the paths that are not the job's. */
export function removeSummaries({ summaries }: Pick<JobPaths, 'summaries'>): Promise<string[]> {
  return removeOwn(summaries, (name) => SUMMARY_NAME.test(finalName(name)));
}

/** Removes parts that nobody will finish. */
export async function removeScratch({ parts }: Pick<JobPaths, 'parts'>): Promise<void> {
  await removeOwn(scratchOf({ parts }), (name) => ATTEMPT_NAME.test(name));
}

/**
 * Removes what is no file under the names of parts and summaries, in whose place none could be put. Returns the paths that
 * were.
 */
export function removeStrangeWork({ parts, summaries }: Pick<JobPaths, 'parts' | 'summaries'>): string[] {
  const strange = [...pathsIn(parts, PART_NAME), ...pathsIn(summaries, SUMMARY_NAME)].filter((path) => !isFile(path));
  for (const path of strange) rmSync(path, { recursive: true, force: true });
  return strange;
}

function pathsIn(directory: string, names: RegExp): string[] {
  return namesIn(directory)
    .filter((name) => names.test(name))
    .map((name) => join(directory, name));
}

/** Removes what dead executions left half done in the job's directory itself. */
export function sweepLeftovers(directory: string): void {
  removeNamed(directory, (name) => LEFT_NAME.test(name) || FIT_STATE.test(name));
  removeNamed(directory, (name) => name !== finalName(name) && DURABLE_NAME.test(finalName(name)));
}

/** Removes what the passes of a fit told each other. */
export function removeFitStates(directory: string): void {
  removeNamed(directory, (name) => FIT_STATE.test(name));
}

function removeNamed(directory: string, isLeft: (name: string) => boolean): void {
  for (const name of readdirSync(directory).filter(isLeft))
    rmSync(join(directory, name), { recursive: true, force: true });
}

/** Gives what is not ours another name, where a file of ours is to be put; it is named when the job ends. */
export function setAside(path: string): void {
  let aside = `${path}.not-ours`;
  for (let i = 1; isFile(aside); i += 1) aside = `${path}.not-ours-${i}`;
  renameSync(path, aside);
}

/** As many as the pool has threads for, twice: to give back what a part takes of the disk and of memory takes milliseconds. */
const REMOVED_AT_ONCE = 8;

/** Empties `directory` of the regular files that are ours, and removes it where nothing else is in it. */
async function removeOwn(directory: string, isOurs: (name: string) => boolean): Promise<string[]> {
  const others = await removeFiles(directory, isOurs);
  if (others.length === 0) removeEmpty(directory);
  return others;
}

/** Removes the regular files of `directory` that are ours; returns the paths of what else is in it. */
async function removeFiles(directory: string, isOurs: (name: string) => boolean): Promise<string[]> {
  const others: string[] = [];
  const names = namesIn(directory);
  for (let first = 0; first < names.length; first += REMOVED_AT_ONCE) {
    const removals = names.slice(first, first + REMOVED_AT_ONCE).map((name) => {
      const path = join(directory, name);
      if (isFile(path) && isOurs(name)) return unlink(path).catch(ignoreAbsence);
      others.push(path);
      return undefined;
    });
    for (const one of await Promise.allSettled(removals)) if (one.status === 'rejected') throw one.reason;
  }
  return others;
}

function isFile(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Somebody may have led it to another disk, by a link. */
function removeEmpty(directory: string): void {
  const stats = lstatSync(directory, { throwIfNoEntry: false });
  try {
    if (stats?.isSymbolicLink()) unlinkSync(directory);
    else if (stats?.isDirectory()) rmdirSync(directory);
  } catch (error) {
    // Somebody has just put something there: it is told of the next time.
    if ((error as NodeJS.ErrnoException).code !== 'ENOTEMPTY') ignoreAbsence(error);
  }
}

function ignoreAbsence(error: unknown): void {
  if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
}
