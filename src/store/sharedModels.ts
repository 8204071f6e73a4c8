/**
 * Models that jobs of a home have in common, so that none fits what another has fitted. Each is named by what was fitted and
 * by its own SHA-256: a file that does not hold what its name says is nobody's. All of them may be removed at any time.
 */
import { lstatSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockIsHeld, writeCommitted } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import { sha256Of } from '../sink/sink.ts';
import { makeModelDirectory } from './directories.ts';
import { jobPaths, modelDirectory, statsOf } from './home.ts';
import { namesIn, readRegular } from './smallFile.ts';

/** What was fitted, and what came of it. */
const NAME = /^([0-9a-f]{64})\.([0-9a-f]{64})\.bcm$/;
/** Of a job: whoever holds its lock has no rival for it. */
const TEMPORARY = /^\.([0-9a-f]{16})\.tmp$/;
const temporaryOf = (home: string, jobId: string): string => join(modelDirectory(home), `.${jobId}.tmp`);
/** So many are kept, the newest: each is as large as the fit has columns, some MiB at most. */
const KEPT_MAX = 16;
/** More is no model. */
const BYTES_MAX = 256 * 1024 * 1024;

/** A file that bears the name of a model. */
export interface SharedFile {
  path: string;
  /** Absent where they are not those of its name. */
  bytes: Buffer | undefined;
}

/** The files of what was fitted under `key`: one, as long as nothing has happened to it. */
export function readShared(home: string, key: string): SharedFile[] {
  const named = namesIn(modelDirectory(home)).filter((name) => NAME.exec(name)?.[1] === key);
  // One that another job has removed meanwhile is not damaged.
  return named
    .map((name) => readNamed(join(modelDirectory(home), name)))
    .filter((file) => file.bytes || statsOf(file.path));
}

function readNamed(path: string): SharedFile {
  const bytes = readRegular(path, BYTES_MAX);
  return { path, bytes: bytes && path.endsWith(`.${sha256Of(bytes)}.bcm`) ? bytes : undefined };
}

/** Keeps the model, durably, and of all of them the newest. The job's lock is held. */
export function keepShared(home: string, key: string, jobId: string, bytes: Uint8Array): void {
  makeModelDirectory(home);
  const name = `${key}.${sha256Of(bytes)}.bcm`;
  const path = join(modelDirectory(home), name);
  const there = readShared(home, key);
  // What bears a name of this fit and is something else makes room.
  for (const other of there) if (!other.bytes) rmSync(other.path, { recursive: true, force: true });
  if (there.some((file) => file.path === path && file.bytes)) return;
  rmSync(temporaryOf(home, jobId), { recursive: true, force: true });
  try {
    writeCommitted(temporaryOf(home, jobId), path, bytes, undefined);
  } catch (thrown) {
    // Another job has just put the same there.
    if (BatchCoreError.from(thrown).code !== 'OUTPUT_EXISTS') throw thrown;
  }
  removeOldest(home, name);
  removeAbandoned(home);
}

function removeOldest(home: string, newest: string): void {
  const files = namesIn(modelDirectory(home)).flatMap((name) => {
    const path = join(modelDirectory(home), name);
    const stats = NAME.test(name) && name !== newest ? lstatSync(path, { throwIfNoEntry: false }) : undefined;
    return stats?.isFile() ? [{ path, writtenMs: stats.mtimeMs }] : [];
  });
  files.sort((a, b) => b.writtenMs - a.writtenMs || (a.path < b.path ? -1 : 1));
  for (const { path } of files.slice(KEPT_MAX - 1)) rmSync(path, { force: true });
}

/** Removes what jobs that died here left, which may never run again. */
function removeAbandoned(home: string): void {
  for (const name of namesIn(modelDirectory(home))) {
    const [, jobId] = TEMPORARY.exec(name) ?? [];
    if (jobId !== undefined && !lockIsHeld(jobPaths(home, jobId).lock)) sweepShared(home, jobId);
  }
}

/** Removes what dead executions of the job left half written; its lock is held. Nothing rests on it. */
export function sweepShared(home: string, jobId: string): void {
  try {
    rmSync(temporaryOf(home, jobId), { recursive: true, force: true });
  } catch {
    // The next one may.
  }
}
