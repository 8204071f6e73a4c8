/** Whether what was published is still what was written, and whether every row of the input is in it. */
import { accessSync, constants, lstatSync, type Stats, statSync } from 'node:fs';
import { fileDigest, partFacts, rowGroupChecksums } from '../bindings/native.ts';
import { BatchCoreError, readError } from '../errors.ts';
import { fromHere, isLost, notUtf8 } from '../paths.ts';
import { isModelFile, lookAt, METADATA_FINGERPRINT } from '../sink/look.ts';
import { realPlace } from '../sink/place.ts';
import { outputPlace } from '../store/home.ts';
import { readJson } from '../store/smallFile.ts';
import { isFinished } from '../store/states.ts';
import type { JobStatus } from '../store/status.ts';
import { homeOf, jobStatus } from './jobs.ts';
import { loadModelFile } from './prepare.ts';
import { AGAIN, damaged, type Expected, NO_JOB, notOurs, type Verified, withCure } from './verified.ts';
import { verifyDirectory } from './verifyDirectory.ts';
import { expectedOf, refuseAnothers, writerOf } from './writers.ts';

/** An output, a directory of parts, a model, or a job by its id. */
export async function verify(target: string, home: string | undefined): Promise<Verified> {
  const named = fromHere(target);
  if (isLost(target, named)) throw notUtf8(target, named);
  if (statsOf(named, lstatSync)) return verifyPath(named, await writerOf(named, placeAt(named), home));
  return verifyJob(namedJob(target, named, homeOf(home)), homeOf(home));
}

/** The output of this very job: where it was published, whatever a link on its way leads to now, and whoever wrote there since. */
async function verifyJob(status: JobStatus, home: string): Promise<Verified> {
  const { jobId, state } = status;
  const expected = await expectedOf(home, jobId);
  if (!expected && !isFinished(state))
    throw new BatchCoreError('JOB_MISMATCH', `job ${jobId} is ${state}: it has published nothing yet`, {
      where: { job: jobId },
      hint: 'verify it when it is completed',
    });
  const place = outputPlace(home, status);
  const path = expected && placeAt(expected.report.output.path) === place ? expected.report.output.path : place;
  if (!statsOf(path, lstatSync)) throw damaged(path, 'the output is not there', AGAIN);
  return verifyPath(path, expected);
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

async function verifyPath(path: string, expected: Expected | undefined): Promise<Verified> {
  const stats = statsOf(path, statSync);
  if (!stats?.isDirectory() && !stats?.isFile()) {
    const what = stats ? 'is neither a file nor a directory' : 'is a link to nowhere';
    throw new BatchCoreError('USAGE', `${path} ${what}`, { where: { file: path } });
  }
  refuseUnreadable(path);
  const look = stats.isDirectory() ? verifyDirectory : isModelFile(path) ? verifyModel : verifyFile;
  return withCure(path, expected, () => {
    const found = lookAt(path);
    if (expected) refuseAnothers(path, found, expected);
    return look(path, expected, found);
  });
}

/** Where what lies at `path` is, which may be a directory. */
function placeAt(path: string): string {
  return realPlace(path, statsOf(path, statSync)?.isDirectory() ? 'directory' : 'file');
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
