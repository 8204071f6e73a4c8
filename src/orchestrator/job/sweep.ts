/** What dead executions, and whoever else was there, left where a job works: removed before anything is read. */
import { lstatSync, rmSync, statSync } from 'node:fs';
import { isOwnLeftover } from '../../sink/leftover.ts';
import { leftAlone, removeFile, sweepBeside } from '../../sink/temporaries.ts';
import { mtimesOf } from '../../source/identity.ts';
import { readRecord, writeRecord } from '../../store/home.ts';
import { sweepShared } from '../../store/sharedModels.ts';
import { isFinished } from '../../store/states.ts';
import { removeScratch, removeStrangeWork, removeWorkFiles, scratchOf } from '../../store/workFiles.ts';
import { type OpenJob, requestOf } from './job.ts';

/** Removes what dead executions left, in the job's directory and beside what it writes. Returns what is to be said of it. */
export async function sweepJob(job: OpenJob, targets: readonly string[]): Promise<string[]> {
  const strange = removeStrange(job);
  const finished = job.stored !== undefined && isFinished(job.stored.state);
  const others = finished ? await removeWorkFiles(job.paths, job.fingerprint) : [];
  await removeScratch(job.paths);
  sweepShared(job.home, job.jobId);
  keepRecord(job);
  const isOwn = isOwnLeftover(job);
  const beside = targets.flatMap((target) => sweepBeside(target, job.temporaryPrefix, isOwn, finished));
  return [...strange, ...others.map(leftAlone), ...beside];
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
  for (const path of files) rmSync(path, { recursive: true, force: true });
  // One lies in another: what is strange goes before there is a look into it.
  const directories: string[] = [];
  for (const path of [paths.parts, paths.summaries, scratchOf(paths)]) {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined || isDirectory(path)) continue;
    removeFile(path);
    directories.push(path);
  }
  return [
    ...[...files, ...removeStrangeWork(paths)].map((path) => `${path} was no file; it was removed`),
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
  const mtimesNs = mtimesOf(stored.files);
  writeRecord(home, { jobId, fingerprint, createdAt, mtimesNs, request: { ...requestOf(stored) } });
}
