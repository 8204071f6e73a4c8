/** Who wrote an output: the jobs that say so, and which of them the bytes name. */
import { fileDigest } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import { canLookAround } from '../paths.ts';
import type { Report } from '../report.ts';
import { type Found, isModelFile, lookAt } from '../sink/look.ts';
import { outputPlace, readRecord } from '../store/home.ts';
import { readReport } from '../store/reports.ts';
import { jobPaths, resolveHome } from './home.ts';
import { isAlive, readPublication } from './job.ts';
import { homeJobs, homeOf } from './jobs.ts';
import { damaged, type Expected } from './verified.ts';

/** The job is looked for in the home that is named; else beside its output, and where its command may have been given. */
export async function writerOf(path: string, place: string, home: string | undefined): Promise<Expected | undefined> {
  if (home !== undefined) return writerIn([homeOf(home)], path, place);
  const homes = [resolveHome(home, path), ...(canLookAround() ? [homeOf(home)] : [])];
  try {
    return await writerIn(homes, path, place);
  } catch (thrown) {
    // A home that nobody named, and that may not be read, is somebody else's.
    if (BatchCoreError.from(thrown).code === 'SOURCE_UNREADABLE') return undefined;
    throw thrown;
  }
}

/** Of several finished jobs that wrote there the one that the output names; else the newest, whose output it should be. */
async function writerIn(homes: readonly string[], path: string, place: string): Promise<Expected | undefined> {
  const writers: Expected[] = [];
  for (const home of new Set(homes)) {
    for (const status of homeJobs(home).jobs.filter((job) => outputPlace(home, job) === place)) {
      const writer = await expectedOf(home, status.jobId);
      if (writer) writers.push(writer);
    }
  }
  if (writers.length < 2) return writers[0];
  const named = await markOf(path);
  return writers.find((writer) => named !== undefined && markedBy(writer).includes(named)) ?? writers[0];
}

/** What a finished job says its output should be. */
export async function expectedOf(home: string, jobId: string): Promise<Expected | undefined> {
  const report = await reportOf(home, jobId);
  return report && { home, jobId, rowGroups: jobPaths(home, jobId).rowGroups, report };
}

/** The report file is a copy for people and programs; where it is lost, the job's database has it. */
async function reportOf(home: string, jobId: string): Promise<Report | undefined> {
  const report = readReport(jobPaths(home, jobId).report);
  if (report) return report;
  if (isAlive(home, jobId)) return undefined;
  const publication = await readPublication(home, jobId).catch(() => undefined);
  return (publication?.report as Report | null | undefined) ?? undefined;
}

/** By what an output names its job: its fingerprint, or the digest of a model, which carries none. */
async function markOf(path: string): Promise<string | undefined> {
  return isModelFile(path) ? fileDigest(path) : fingerprintOf(lookAt(path));
}

function markedBy({ home, jobId, report }: Expected): (string | null | undefined)[] {
  return [readRecord(home, jobId)?.fingerprint, report.output.sha256];
}

/** Refuses what another job has put in the place of an output, whole as it may be. */
export function refuseAnothers(path: string, found: Found, { home, jobId }: Expected): void {
  const [own, there] = [readRecord(home, jobId)?.fingerprint, fingerprintOf(found)];
  if (own === undefined || there === undefined || there === own) return;
  throw damaged(path, `it has the fingerprint of another job than ${jobId}, which wrote it`);
}

function fingerprintOf(found: Found): string | undefined {
  return found.kind === 'file' || found.kind === 'directory' ? found.fingerprint : undefined;
}
