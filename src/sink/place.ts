/** Where may be written at all, whatever lies there: never on an input, nor around one, nor into a job. */
import { type BigIntStats, existsSync, readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, sep } from 'node:path';
import { BatchCoreError, systemError } from '../errors.ts';
import { tooLong } from '../files/names.ts';
import { TEMPORARY_BYTES_MAX } from './temporaries.ts';

/** Something that is to be written. */
export interface Place {
  /** As it was asked for. */
  path: string;
  /** Where that is: {@link realPlace}. */
  place: string;
  option: string;
  layout: 'file' | 'directory';
}

/** What must be left alone. */
export interface Kept {
  /** Files that are read: sources and models. */
  inputs: readonly string[];
  /** What they are called. Default: an input of this run. */
  inputWords?: string;
  /** The home of jobs. */
  home: string;
}

/** Refuses places on which or around which lies what must be left alone, and places that are each other's. */
export function checkPlaces(places: readonly Place[], kept: Kept): void {
  const real = new Map<string, Place>();
  for (const place of places) {
    const path = place.place;
    for (const [taken, other] of real) refuseOther(place, path, other, taken);
    refuseLength(place);
    refuseParent(place);
    refuseInput(place, path, kept);
    if (place.layout === 'directory') refuseAround(place, path, kept);
    refuseHome(place, path, kept);
    const ofHome = ['jobs', '.models'].some((name) => isBelow(path, realPlace(join(kept.home, name))));
    if (ofHome || isAmongJobs(path)) throw refused(place, "lies among the jobs' own files", 'choose another path');
    real.set(path, place);
  }
}

/** Two places are not one, and neither lies in the other's directory. */
function refuseOther(place: Place, path: string, other: Place, taken: string): void {
  if (path === taken) throw refused(place, `is the same file as ${other.option} names`, 'give each its own path');
  if (other.layout === 'directory' && isBelow(path, taken))
    throw refused(place, `lies in the directory that ${other.option} names`, 'give each its own path');
  if (place.layout === 'directory' && isBelow(taken, path))
    throw refused(place, `holds the file that ${other.option} names`, 'give each its own path');
}

/**
 * Where `path` is: its directories' links are resolved, for they may lead elsewhere tomorrow. The last name need not be
 * there; that of a file is replaced and so never followed, that of a directory is written into.
 */
export function realPlace(path: string, layout: Place['layout'] = 'file'): string {
  try {
    if (layout === 'directory' && existsSync(path)) return realpathSync(path);
    return join(realpathSync(dirname(path)), basename(path));
  } catch {
    return path;
  }
}

function refused({ path, option }: Place, what: string, hint: string): BatchCoreError {
  return new BatchCoreError('OUTPUT_EXISTS', `${option}: ${path} ${what}`, { where: { option, file: path }, hint });
}

function refuseInput(place: Place, path: string, { inputs, inputWords = 'an input of this run' }: Kept): void {
  const there = look(path);
  const same = inputs.find((input) => {
    const stats = look(input);
    return stats && there && stats.dev === there.dev && stats.ino === there.ino;
  });
  if (same === undefined) return;
  const words = same === place.path || same === path ? `is ${inputWords}` : `is the input ${same}`;
  throw refused(place, words, 'choose another path; what is read is never written, not even with --force');
}

/** Before the home is made: what lies there then would be taken for the output's. */
function refuseHome(place: Place, path: string, kept: Kept): void {
  const [home, followed] = [real(kept.home), place.layout === 'directory' ? real(path) : path];
  if (home === followed) throw refused(place, 'is the home of jobs', 'choose another path for one of them');
  if (isBelow(home, followed)) throw around(place, `the home of jobs, ${kept.home}`);
}

function around(place: Place, what: string): BatchCoreError {
  return refused(place, `holds ${what}`, 'choose a path of its own for the output');
}

/** A directory of parts is emptied of what is ours: nothing else that matters may lie in it. */
function refuseAround(place: Place, path: string, { inputs }: Kept): void {
  const followed = real(path);
  const input = inputs.find((file) => isBelow(real(file), followed));
  if (input !== undefined) throw around(place, `the input ${input}`);
  if (isBelow(real(workingDirectory()), followed)) throw around(place, 'the working directory');
}

/** Jobs of other homes have files too: a directory named `jobs` is theirs where one of them has its lock in it. */
function isAmongJobs(path: string): boolean {
  for (let above = dirname(path); above !== dirname(above); above = dirname(above))
    if (basename(above) === 'jobs' && namesIn(above).some((name) => look(join(above, name, 'job.lock')))) return true;
  return false;
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    // Who may not look may not write either.
    return [];
  }
}

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch {
    // It is gone, and so holds nothing.
    return '';
  }
}

/** Before the work, not after it: a name of the same directory must be possible that is as long as a temporary's. */
function refuseLength({ path, option }: Place): void {
  const words = tooLong(path, TEMPORARY_BYTES_MAX);
  if (words === undefined) return;
  throw new BatchCoreError('NAME_TOO_LONG', `${option}: ${words}`, {
    where: { option, file: path },
    hint: `choose a shorter one with ${option}`,
  });
}

function refuseParent({ path, option }: Place): void {
  const parent = dirname(path);
  let found: BigIntStats | undefined;
  try {
    found = statSync(parent, { bigint: true, throwIfNoEntry: false });
  } catch (cause) {
    throw systemError(cause, `look at ${parent}`, { path: parent, option });
  }
  if (found?.isDirectory()) return;
  throw new BatchCoreError(
    'OUTPUT_UNWRITABLE',
    `${option}: ${found ? `${parent} is no directory` : `there is no directory ${parent}`}`,
    {
      where: { option, file: parent },
      hint: 'create it, or choose another output',
    },
  );
}

function look(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return realPlace(path);
  }
}

function isBelow(path: string, directory: string): boolean {
  return path === directory || path.startsWith(directory.endsWith(sep) ? directory : directory + sep);
}
