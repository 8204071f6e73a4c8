/** What dead executions, and whoever else was there, left where a job works: removed before anything is read. */
import { lstatSync, rmSync, statSync } from 'node:fs';
import type { FileId } from '../bindings/native.ts';
import { sameFile } from '../sink/target.ts';
import { sweepBeside } from '../sink/temporaries.ts';
import { readRecord, writeRecord } from '../store/home.ts';
import { isFinished } from '../store/states.ts';
import { removeScratch, removeWorkFiles, sweepLeftovers } from '../store/workFiles.ts';
import { type OpenJob, requestOf } from './job.ts';

/** Removes what dead executions left, in the job's directory and beside what it writes. Returns what is to be said of it. */
export async function sweepJob(job: OpenJob, targets: readonly string[]): Promise<string[]> {
  const strange = removeStrange(job);
  const finished = job.stored !== undefined && isFinished(job.stored.state);
  const others = finished ? await removeWorkFiles(job.paths, job.fingerprint) : [];
  await removeScratch(job.paths);
  sweepLeftovers(job.paths.directory);
  keepRecord(job);
  const beside = targets.flatMap((target) => sweepBeside(target, job.temporaryPrefix, sparedBy(job)));
  return [...strange, ...[...others, ...beside].map(leftAlone)];
}

export const leftAlone = (path: string): string => `${path} is not ours; it was left alone`;

/** A kill in the instant of a swap may have left under a job's temporary name what lay at the target, and was not its to replace. */
export function sparedBy({ approved, publication }: Pick<OpenJob, 'approved' | 'publication'>) {
  const staged = publication?.state === 'staged' ? publication : undefined;
  const ours = [...approved.files, ...(publication?.output.files ?? [])];
  return (path: string, id: FileId): boolean => path === staged?.temporary && !ours.some((file) => sameFile(file, id));
}

/**
 * Removes what is no file where a file of the job belongs, and no directory where a directory does: nothing could be put in
 * its place. What lies at the end of a link stays. Returns what was removed, in words.
 */
function removeStrange({ paths }: OpenJob): string[] {
  const files = [paths.request, paths.model, paths.report, paths.rowGroups].filter((path) => {
    const found = lstatSync(path, { throwIfNoEntry: false });
    return found !== undefined && !found.isFile();
  });
  const directories = [paths.parts, paths.summaries].filter(
    (path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined && !isDirectory(path),
  );
  for (const path of [...files, ...directories]) rmSync(path, { recursive: true, force: true });
  return [
    ...files.map((path) => `${path} was no file; it was removed`),
    ...directories.map((path) => `${path} was no directory; it was removed`),
  ];
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

/** Says again what the job is, where that was lost: others know it by this. */
function keepRecord({ home, jobId, fingerprint, stored }: OpenJob): void {
  if (!stored || readRecord(home, jobId)) return;
  const { createdAt } = stored;
  writeRecord(home, { jobId, fingerprint, createdAt, request: { ...requestOf(stored) } });
}
