/**
 * Names of files on their way to a name that people see. They say whose they are: of which job in which home. Two homes
 * that run one job share none, so that whoever holds a job's lock may remove what its dead executions left.
 */
import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { FileId } from '../bindings/native.ts';
import { fileId } from './look.ts';

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
  return join(dirname(target), `${prefix}${process.pid}-${count}.tmp`);
}

/**
 * Removes what dead executions left beside `target`; the job's lock must be held. What was swapped out of the target may be
 * anybody's: it is removed where `isOurs` says so. Returns the paths of what stays.
 */
export function sweepBeside(target: string, prefix: string, isOurs: (path: string, id: FileId) => boolean): string[] {
  const directory = dirname(target);
  const kept: string[] = [];
  let names: string[];
  try {
    names = readdirSync(directory);
  } catch {
    return kept; // not there, or not to be read: whoever writes there says so
  }
  for (const name of names.filter((name) => name.startsWith(prefix) && /\.(tmp|swap)$/.test(name))) {
    const path = join(directory, name);
    const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!stats?.isFile()) continue;
    if (name.endsWith('.tmp') || isOurs(path, fileId(stats))) rmSync(path, { force: true });
    else kept.push(path);
  }
  return kept;
}
