/** Who wrote an output: the jobs that say so, and which of them the bytes name. */
import { BatchCoreError } from '../../errors.ts';
import { canLookAround } from '../../files/paths.ts';
import type { Report } from '../../report.ts';
import { type Found, isModelFile, lookAt } from '../../sink/look.ts';
import { realPlace } from '../../sink/place.ts';
import { type HomeContent, outputPlace, readRecord, savedModel } from '../../store/home.ts';
import { readReport } from '../../store/reports.ts';
import { statsAt } from '../../store/smallFile.ts';
import { readPublication } from '../job/job.ts';
import { homeJobs, isAlive } from '../job/told.ts';
import { homeOf, jobPaths, resolveHome } from '../prepare/home.ts';
import { loadModelFile } from '../prepare/modelFile.ts';
import { damaged, type Expected } from './verified.ts';

/** The job is looked for in the home that is named; else beside its output, and where its command may have been given. */
export async function writerOf(path: string, home: string | undefined): Promise<Expected | undefined> {
  const homes = home === undefined ? [resolveHome(home, path), ...(canLookAround() ? [homeOf(home)] : [])] : [home];
  // Where it is, and where it is called so: a directory may have been moved and linked back.
  const places = [placeAt(path), realPlace(path)];
  const writers: Expected[] = [];
  const refused: BatchCoreError[] = [];
  for (const each of new Set(homes.map((one) => homeOf(one)))) {
    const { jobs, unreadable } = jobsOf(each, home !== undefined);
    refused.push(...unreadable.map(({ error }) => error));
    for (const { jobId } of jobs) {
      try {
        writers.push(...(await writtenBy(each, jobId, places)));
      } catch (thrown) {
        refused.push(BatchCoreError.from(thrown));
      }
    }
  }
  // Nobody is known to have written it, and one who may have cannot be asked.
  const [first] = refused;
  if (writers.length === 0 && first) throw first;
  return named(path, writers);
}

/** A home that nobody named, and that may not be read, is somebody else's. */
function jobsOf(home: string, isNamed: boolean): HomeContent {
  try {
    return homeJobs(home);
  } catch (thrown) {
    if (isNamed || BatchCoreError.from(thrown).code !== 'UNREADABLE') throw thrown;
    return { jobs: [], unreadable: [] };
  }
}

/** What a job says should lie at one of `places`, if it wrote there: its output, or its model. */
async function writtenBy(home: string, jobId: string, places: readonly string[]): Promise<Expected[]> {
  const record = readRecord(home, jobId);
  const saved = savedModel(record);
  const isOutput = places.includes(outputPlace(home, { jobId, out: record?.request.out ?? '' }));
  if (!isOutput && (saved === undefined || !places.includes(realPlace(saved)))) return [];
  const expected = await expectedOf(home, jobId);
  return expected ? [isOutput ? expected : { ...expected, kind: 'model' }] : [];
}

/** Of several the one that the bytes name; else the newest, whose they should be. */
function named(path: string, writers: readonly Expected[]): Expected | undefined {
  if (writers.length < 2) return writers[0];
  const isModel = isModelFile(path);
  const mark = isModel ? modelDigest(path) : fingerprintOf(lookAt(path));
  const marked = ({ kind, home, jobId, report }: Expected) =>
    kind === 'model' ? isModel && report.model.digest === mark : readRecord(home, jobId)?.fingerprint === mark;
  return writers.find((writer) => mark !== undefined && marked(writer)) ?? writers[0];
}

/** Of a whole model. */
function modelDigest(path: string): string | undefined {
  try {
    return loadModelFile(path).facts.digest;
  } catch {
    return undefined;
  }
}

/** What a finished job says its output should be. */
export async function expectedOf(home: string, jobId: string): Promise<Expected | undefined> {
  const report = await reportOf(home, jobId);
  return (
    report && { home, jobId, kind: KINDS[report.output.format], rowGroups: jobPaths(home, jobId).rowGroups, report }
  );
}

const KINDS = { parquet: 'file', 'parquet-directory': 'directory', model: 'model' } as const;

/** The report file is a copy for people and programs; where it is lost, the job's database has it. */
async function reportOf(home: string, jobId: string): Promise<Report | undefined> {
  const report = readReport(jobPaths(home, jobId).report);
  if (report) return report;
  if (isAlive(home, jobId)) return undefined;
  const publication = await readPublication(home, jobId).catch(() => undefined);
  return (publication?.report as Report | null | undefined) ?? undefined;
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

/** Where what lies at `path` is, which may be a directory. */
export function placeAt(path: string): string {
  return realPlace(path, statsAt(path)?.isDirectory() ? 'directory' : 'file');
}
