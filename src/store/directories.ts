/** The directories of a home: each for its owner only, durable in its parent, and refused where somebody else laid it out for us. */
import { accessSync, constants, lstatSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { createDirectories } from '../bindings/native.ts';
import { BatchCoreError, systemError } from '../errors.ts';
import { specialWords } from '../files/head.ts';
import { type JobPaths, jobPaths, lockDirectory, modelDirectory, statsOf } from './home.ts';

/**
 * Makes the directories of a job, each for its owner only and durable in its parent before the next, and refuses those
 * that somebody else could have laid out for us.
 */
export function makeJobDirectories(home: string, jobId: string): void {
  const { directory } = jobPaths(home, jobId);
  makeDirectories(directory, [home, dirname(directory), directory]);
}

/** Makes the directory of the locks of places, for a job. */
export function makeLockDirectory(home: string, jobId: string): void {
  makeDirectories(jobPaths(home, jobId).directory, [home, lockDirectory(home)]);
}

/** Makes the directory of the models that jobs of a home have in common; a home that was taken away is not made again for that. */
export function makeModelDirectory(home: string): void {
  if (statsOf(home, statSync)) makeDirectories(modelDirectory(home), [modelDirectory(home)]);
}

/** Refuses where the directories of a job could not be made, without making any. */
export function refuseJobDirectories(home: string, jobId: string): void {
  const { directory } = jobPaths(home, jobId);
  inMakingOf(directory, () => {
    for (const path of [home, lockDirectory(home), dirname(directory), directory]) {
      if (statsOf(path, statSync)?.isDirectory()) refuseForeign(path);
      else refuseOccupied(path);
      let there = path;
      while (!statsOf(there, statSync)) there = dirname(there);
      // With a dot after it a file is refused as what it is.
      accessSync(`${there}/.`, constants.W_OK | constants.X_OK);
    }
  });
}

/** Makes the directories that a job has while it works: what its workers write into them rests on their names. */
export function makeWorkDirectories({ directory, parts, summaries }: JobPaths): void {
  makeDirectories(directory, [parts, summaries]);
}

function makeDirectories(directory: string, paths: readonly string[]): void {
  inMakingOf(directory, () => {
    for (const path of paths) {
      makeDirectory(path);
      refuseForeign(path);
    }
  });
}

/** Says of what goes wrong that it was the making of a job's directory. */
function inMakingOf(directory: string, make: () => void): void {
  try {
    make();
  } catch (cause) {
    if (cause instanceof BatchCoreError) throw cause;
    throw systemError(cause, `create the job's directory ${directory}`, {
      path: directory,
      option: '--home',
      ...unwritable(cause),
    });
  }
}

/** Where it is not the machine that fails, it is the place that was chosen. */
function unwritable(cause: unknown): { code?: 'OUTPUT_UNWRITABLE'; hint?: string } {
  const hint = 'choose a directory that can be written with --out or --home';
  const { code = '' } = cause as NodeJS.ErrnoException;
  if (['ENOENT', 'ENOTDIR', 'EEXIST', 'ELOOP'].includes(code)) return { code: 'OUTPUT_UNWRITABLE', hint };
  return ['EACCES', 'EPERM', 'EROFS'].includes(code) ? { hint } : {};
}

/** Node's own `recursive` spins for ever where a file system refuses with ENOENT (/proc). */
function makeDirectory(path: string): void {
  if (!statsOf(path, statSync)?.isDirectory()) {
    refuseOccupied(path);
    if (!statsOf(dirname(path), statSync)) makeDirectory(dirname(path));
    try {
      mkdirSync(path, { mode: 0o700 });
    } catch (error) {
      // Another process was faster.
      if (!statsOf(path, statSync)?.isDirectory()) throw error;
    }
  }
  // It is there; this makes its name durable, also where whoever made it was stopped before that.
  createDirectories(path);
}

function refuseOccupied(path: string): void {
  const found = statsOf(path);
  // Another process may just have made it.
  if (!found || found.isDirectory()) return;
  const what = found.isSymbolicLink() ? 'a link to no directory' : found.isFile() ? 'a file' : specialWords(found);
  throw new BatchCoreError('OUTPUT_UNWRITABLE', `a directory is needed at ${path}, where ${what} lies`, {
    where: { file: path, option: '--home' },
    hint: 'move it away, or choose another directory with --home',
  });
}

/** In a directory like /tmp anybody may lay out a home, or a link to a place of their own, and wait for us to write there. */
function refuseForeign(path: string): void {
  const user = process.geteuid?.();
  if (user === undefined) return;
  const [own, target, parent] = [lstatSync(path), statSync(path), statSync(dirname(path))];
  const link = own.isSymbolicLink();
  const sticky = (parent.mode & 0o1000) !== 0;
  if ((!link || target.uid === user) && (!sticky || (own.uid === user && target.uid === user))) return;
  const what = link ? "is another user's link, or leads to another user's directory" : 'belongs to another user';
  throw new BatchCoreError('OUTPUT_UNWRITABLE', `${path} ${what} (uid ${link ? target.uid : own.uid})`, {
    where: { file: path, option: '--home' },
    hint: 'choose a directory of your own with --home',
  });
}
