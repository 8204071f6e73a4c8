/** Whether what was published is still what was written, and whether every row of the input is in it. */
import { accessSync, constants, lstatSync, type Stats, statSync } from 'node:fs';
import { fileDigest, partFacts, rowGroupChecksums } from '../bindings/native.ts';
import { BatchCoreError, readError } from '../errors.ts';
import { canLookAround, fromHere, isLost, notUtf8 } from '../paths.ts';
import type { Report } from '../report.ts';
import { isModelFile, METADATA_FINGERPRINT } from '../sink/look.ts';
import { realPlace } from '../sink/place.ts';
import { readReport } from '../store/reports.ts';
import { readJson } from '../store/smallFile.ts';
import { isFinished } from '../store/states.ts';
import type { JobStatus } from '../store/status.ts';
import { jobPaths, resolveHome } from './home.ts';
import { isAlive, readPublication } from './job.ts';
import { homeJobs, homeOf, jobStatus } from './jobs.ts';
import { loadModelFile } from './prepare.ts';
import { AGAIN, damaged, type Expected, NO_JOB, notOurs, type Verified, withCure } from './verified.ts';
import { verifyDirectory } from './verifyDirectory.ts';

/** An output, a directory of parts, a model, or a job by its id. */
export async function verify(target: string, home: string | undefined): Promise<Verified> {
  const named = fromHere(target);
  if (isLost(target, named)) throw notUtf8(target, named);
  if (statsOf(named, lstatSync)) return verifyPath(named, home);
  const { out, jobId, state } = namedJob(target, named, homeOf(home));
  const report = await reportOf(homeOf(home), jobId);
  if (!report && !isFinished(state))
    throw new BatchCoreError('JOB_MISMATCH', `job ${jobId} is ${state}: it has published nothing yet`, {
      where: { job: jobId },
      hint: 'verify it when it is completed',
    });
  const path = report?.output.path ?? out;
  if (!statsOf(path, lstatSync)) throw damaged(path, 'the output is not there', AGAIN);
  return verifyPath(path, home);
}

function namedJob(target: string, path: string, home: string): JobStatus {
  try {
    return jobStatus(home, target);
  } catch (cause) {
    if (BatchCoreError.from(cause).code !== 'JOB_NOT_FOUND') throw cause;
    throw new BatchCoreError('JOB_NOT_FOUND', `there is no file ${path}, and no job "${target}" in ${home}`, {
      where: { file: path },
      hint: 'name an output or a job; --home names another home',
      cause,
    });
  }
}

/** Nothing where there is nothing; what cannot be looked at is not taken for that. */
function statsOf(path: string, look: typeof lstatSync): Stats | undefined {
  try {
    return look(path, { throwIfNoEntry: false });
  } catch (cause) {
    throw readError(cause, path, { path, absent: 'SOURCE_NOT_FOUND' });
  }
}

/** Nothing but damage is taken for damage. */
function refuseUnreadable(path: string): void {
  try {
    accessSync(path, constants.R_OK);
  } catch (cause) {
    throw readError(cause, path, { path, absent: 'SOURCE_NOT_FOUND' });
  }
}

async function verifyPath(path: string, home: string | undefined): Promise<Verified> {
  const stats = statsOf(path, statSync);
  if (stats) refuseUnreadable(path);
  const expected = await lookUp(path, home);
  if (stats?.isDirectory() || stats?.isFile()) {
    const look = stats.isDirectory() ? verifyDirectory : isModelFile(path) ? verifyModel : verifyFile;
    return withCure(path, expected, () => look(path, expected));
  }
  const what = stats ? 'is neither a file nor a directory' : 'is a link to nowhere';
  throw new BatchCoreError('USAGE', `${path} ${what}`, { where: { file: path } });
}

/** The job is looked for in the home that is named; else beside its output, and where its command may have been given. */
async function lookUp(path: string, home: string | undefined): Promise<Expected | undefined> {
  if (home !== undefined) return expectedOf(path, [homeOf(home)]);
  const homes = [resolveHome(home, path), ...(canLookAround() ? [homeOf(home)] : [])];
  try {
    return await expectedOf(path, homes);
  } catch (thrown) {
    // A home that nobody named, and that may not be read, is somebody else's.
    if (BatchCoreError.from(thrown).code === 'SOURCE_UNREADABLE') return undefined;
    throw thrown;
  }
}

/** The newest finished job that wrote there. */
async function expectedOf(path: string, homes: readonly string[]): Promise<Expected | undefined> {
  const real = realPlace(path);
  for (const home of new Set(homes)) {
    for (const { jobId } of homeJobs(home).jobs.filter(({ out }) => realPlace(out) === real)) {
      const paths = jobPaths(home, jobId);
      const report = await reportOf(home, jobId);
      if (report && realPlace(report.output.path) === real) return { home, jobId, rowGroups: paths.rowGroups, report };
    }
  }
  return undefined;
}

/** The report file is a copy for people and programs; where it is lost, the job's database has it. */
async function reportOf(home: string, jobId: string): Promise<Report | undefined> {
  const report = readReport(jobPaths(home, jobId).report);
  if (report) return report;
  if (isAlive(home, jobId)) return undefined;
  const publication = await readPublication(home, jobId).catch(() => undefined);
  return (publication?.report as Report | null | undefined) ?? undefined;
}

async function verifyFile(path: string, expected: Expected | undefined): Promise<Verified> {
  const { size } = statSync(path);
  if (expected) {
    const { output } = expected.report;
    if (size !== output.bytes) throw damaged(path, `it has ${size} bytes and should have ${output.bytes}`);
    if ((await fileDigest(path)) !== output.sha256) throw damaged(path, await place(path, expected.rowGroups));
  }
  let facts: ReturnType<typeof partFacts>;
  try {
    facts = partFacts(path);
  } catch (cause) {
    const error = BatchCoreError.from(cause);
    throw error.class === 'DATA' ? damaged(path, `its footer cannot be read: ${error.message}`) : error;
  }
  if (facts.metadata[METADATA_FINGERPRINT] === undefined) throw notOurs(path);
  const verified = { path, jobId: expected?.jobId ?? null, rows: facts.rows, bytes: size };
  if (!expected) return { ...verified, checks: ['footer'], unchecked: [`size, sha256 and rows: ${NO_JOB}`] };
  const { source } = expected.report;
  if (facts.rows !== source.rows) throw damaged(path, `it has ${facts.rows} rows; the source has ${source.rows}`);
  return { ...verified, checks: ['size', 'sha256', 'rows against the source'], unchecked: [] };
}

/** Where a file whose digest is wrong differs from what was written. */
async function place(path: string, rowGroups: string): Promise<string> {
  const what = 'its SHA-256 differs from the one written';
  const written = readJson(rowGroups);
  if (!Array.isArray(written)) return what;
  let now: number[];
  try {
    now = await rowGroupChecksums(path);
  } catch {
    return `${what}, and its footer cannot be read`;
  }
  const first = written.findIndex((checksum, group) => checksum !== now[group]);
  return first < 0 ? `${what}, outside its row groups` : `row group ${first} is damaged: ${what}`;
}

async function verifyModel(path: string, expected: Expected | undefined): Promise<Verified> {
  const model = loadModelFile(path);
  const verified = { path, jobId: expected?.jobId ?? null, rows: 0, bytes: model.bytes.length };
  if (!expected) return { ...verified, checks: ['checksum of the model'], unchecked: [`digest: ${NO_JOB}`] };
  if ((await fileDigest(path)) !== expected.report.output.sha256)
    throw damaged(path, 'it is another model than the job fitted');
  return { ...verified, checks: ['checksum of the model', 'sha256'], unchecked: [] };
}
