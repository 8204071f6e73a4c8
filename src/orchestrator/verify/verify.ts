/** Whether what was published is still what was written, and whether every row of the input is in it. */
import { accessSync, constants, lstatSync, type Stats, statSync } from 'node:fs';
import { fileDigest, type NativeModel, partFacts, rowGroupChecksums } from '../../bindings/native.ts';
import { BatchCoreError, readError } from '../../errors.ts';
import { fromHere, isLost, notUtf8 } from '../../files/paths.ts';
import { isModel, lookAt, METADATA_FINGERPRINT } from '../../sink/look.ts';
import { outputPlace, readRecord, savedModel } from '../../store/home.ts';
import { readJson } from '../../store/smallFile.ts';
import { isFinished } from '../../store/states.ts';
import type { JobStatus } from '../../store/status.ts';
import { jobStatus } from '../job/told.ts';
import { homeOf } from '../prepare/home.ts';
import { loadModelFile } from '../prepare/modelFile.ts';
import { verifyDirectory } from './directory.ts';
import {
  AGAIN,
  AWAY,
  damaged,
  type Expected,
  NO_JOB,
  notOurs,
  VERIFIABLE,
  type Verified,
  withCure,
} from './verified.ts';
import { expectedOf, placeAt, refuseAnothers, writerOf } from './writers.ts';

/** An output, a directory of parts, a model, or a job by its id. */
export async function verify(target: string, home: string | undefined): Promise<Verified> {
  const named = fromHere(target);
  if (isLost(target, named)) throw notUtf8(target, named);
  if (statsOf(named, lstatSync)) return verifyPath(named, await writerOf(named, home));
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
  const verified = await verifyPath(path, expected);
  const saved = savedModel(readRecord(home, jobId));
  if (!expected || saved === undefined) return verified;
  if (!statsOf(saved, lstatSync)) throw damaged(saved, 'the saved model is not there', AGAIN);
  await verifyPath(saved, { ...expected, kind: 'model' });
  return { ...verified, checks: [...verified.checks, 'saved model'] };
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

/** What lies at `path`, compared with what a job says of it, where one does. */
export async function verifyPath(path: string, expected: Expected | undefined): Promise<Verified> {
  const stats = statsOf(path, statSync);
  const found = stats?.isDirectory() ? 'directory' : stats?.isFile() ? 'file' : undefined;
  if (!found) refuseKind(path, stats ? 'is neither a file nor a directory' : 'is a link to nowhere', expected);
  refuseUnreadable(path);
  if (expected && (found === 'directory') !== (expected.kind === 'directory'))
    refuseKind(
      path,
      found === 'directory' ? 'is a directory, and was a file' : 'is a file, and was a directory',
      expected,
    );
  return withCure(path, expected, () => {
    const look = lookAt(path);
    if (expected) refuseAnothers(path, look, expected);
    return LOOKS[expected?.kind ?? (isModel(look) ? 'model' : found)](path, expected, look);
  });
}

/** What could never be an output, or is not what a job made there. */
function refuseKind(path: string, what: string, expected: Expected | undefined): never {
  if (expected) throw damaged(path, `it ${what}`, AWAY);
  throw new BatchCoreError('USAGE', `${path} ${what}`, {
    where: { file: path },
    hint: VERIFIABLE,
  });
}

const LOOKS = { file: verifyFile, directory: verifyDirectory, model: verifyModel };

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
  const model = loadVerified(path, expected);
  const verified = {
    ...{ path, jobId: expected?.jobId ?? null },
    ...{ rows: model.facts.fitRows, bytes: model.bytes.length },
  };
  if (!expected) return { ...verified, checks: ['checksum of the model'], unchecked: [`digest: ${NO_JOB}`] };
  if (model.facts.digest !== expected.report.model.digest)
    throw damaged(path, 'it is another model than the job fitted');
  return { ...verified, checks: ['checksum of the model', 'digest'], unchecked: [] };
}

/** A model that cannot be read is damaged where one is known to have been. */
function loadVerified(path: string, expected: Expected | undefined): NativeModel {
  try {
    return loadModelFile(path);
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    if (!expected || error.code !== 'MODEL_INVALID') throw error;
    throw damaged(path, error.message.replace(`${path}: `, ''));
  }
}
