/**
 * Names of files on their way to a name that people see. They say whose they are: of which job in which home. Two homes
 * that run one job share none, so that whoever holds a job's lock may remove what its dead executions left.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, realpathSync, unlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type FileId, putBack } from '../bindings/native.ts';
import { fileId } from '../files/identity.ts';

/** No name made here is longer. */
export const TEMPORARY_BYTES_MAX = 80;

let count = 0;

/** How the temporaries of a job's files begin. */
export function temporaryPrefix(home: string, jobId: string): string {
  let real = home;
  try {
    real = realpathSync(home);
  } catch {
    // It is about to be made, under this very name.
  }
  return `.batch-core-${jobId}-${createHash('sha256').update(real).digest('hex').slice(0, 8)}-`;
}

/** A temporary beside `target`. Its length does not depend on that of the target's name. */
export function temporaryBeside(target: string, prefix: string): string {
  count += 1;
  return join(dirname(target), `${prefixAt(target, prefix)}${process.pid}-${count}.tmp`);
}

/** Several targets may lie in one directory. */
function prefixAt(target: string, prefix: string): string {
  return `${prefix}${createHash('sha256').update(basename(target)).digest('hex').slice(0, 6)}-`;
}

/** Removes a file. That it is gone already is as well; what is no file stays. */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

const LEFT_ALONE = ' is not ours; it was left alone';

export const leftAlone = (path: string): string => path + LEFT_ALONE;

/** Whether a warning told what was left where a job works: it is of its time. */
export const isOfLeftovers = (warning: string): boolean => warning.endsWith(LEFT_ALONE);

/** Whether a file is the job's own, by what it is or what is in it. */
export type IsOurs = (path: string, id: FileId) => boolean;

/**
 * Removes what dead executions of a job left beside `target`; its lock must be held. What was swapped out of the target may
 * be anybody's: where it is not ours it goes back, over what the swap put there, or is named in what is returned. Of a
 * finished job (`done`) what lies at the target stays.
 */
export function sweepBeside(target: string, prefix: string, isOurs: IsOurs, done: boolean): string[] {
  const said: string[] = [];
  for (const path of pathsBeside(target, prefixAt(target, prefix))) {
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stats) continue;
    const isSwapped = path.endsWith('.swap');
    if (stats.isFile() && (!isSwapped || isOurs(path, fileId(stats)))) removeFile(path);
    else if (!isSwapped || done || !goesBack(path, target, isOurs)) said.push(leftAlone(path));
    else said.push(`${target} was swapped out when an execution was killed; it was put back`);
  }
  return said;
}

function pathsBeside(target: string, prefix: string): string[] {
  const directory = dirname(target);
  try {
    const names = readdirSync(directory).filter((name) => name.startsWith(prefix) && /\.(tmp|swap)$/.test(name));
    return names.map((name) => join(directory, name));
  } catch {
    return []; // not there, or not to be read: whoever writes there says so
  }
}

/** Puts back what was swapped out of `target`, unless something else has come to lie there. */
function goesBack(swap: string, target: string, isOurs: IsOurs): boolean {
  try {
    const there = lstatSync(target, { bigint: true, throwIfNoEntry: false });
    if (!there) return putBack(swap, target, undefined);
    return there.isFile() && isOurs(target, fileId(there)) && putBack(swap, target, fileId(there));
  } catch {
    return false; // it is named where it lies
  }
}
