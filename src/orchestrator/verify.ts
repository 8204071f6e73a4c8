/** Whether what was published is still what was written, and whether every row of the input is in it. */
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileDigest, partFacts, rowGroupChecksums } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Report } from '../report.ts';
import { realPlace } from '../sink/place.ts';
import { isModelFile, lookAt, MANIFEST, METADATA_FINGERPRINT, SUCCESS } from '../sink/target.ts';
import { listJobs } from '../store/home.ts';
import { readReport } from '../store/reports.ts';
import { readJson } from '../store/smallFile.ts';
import { isFinished } from '../store/states.ts';
import type { JobStatus } from '../store/status.ts';
import { jobPaths, resolveHome } from './home.ts';
import { findJob } from './job.ts';
import { homeOf } from './jobs.ts';
import { loadModelFile } from './prepare.ts';

export interface Verified {
  path: string;
  /** The job that wrote it, where this home knows it. */
  jobId: string | null;
  rows: number;
  bytes: number;
  /** What was compared. */
  checks: string[];
  /** What could not be, and why. */
  unchecked: string[];
}

/** What a job says its output should be. */
interface Expected {
  jobId: string;
  rowGroups: string;
  report: Report;
}

/** An output, a directory of parts, a model, or a job by its id. */
export async function verify(target: string, home: string | undefined): Promise<Verified> {
  const path = resolve(target);
  if (existsSync(path))
    return verifyPath(path, home === undefined ? [resolveHome(home, path), homeOf(home)] : [homeOf(home)]);
  const jobs = homeOf(home);
  let status: JobStatus;
  try {
    status = findJob(jobs, target);
  } catch (cause) {
    throw new BatchCoreError('JOB_NOT_FOUND', `there is no file ${path}, and no job "${target}" in ${jobs}`, {
      where: { file: path },
      hint: 'name an output or a job; --home names another home',
      cause,
    });
  }
  if (!existsSync(status.out)) throw damaged(status.out, 'the output is not there', true);
  return verifyPath(status.out, [jobs]);
}

/** Only who made it can make it again: the hint is given where a job of this home did. */
function damaged(path: string, what: string, ours: boolean): BatchCoreError {
  return new BatchCoreError('OUTPUT_DAMAGED', `${path}: ${what}`, {
    where: { file: path },
    hint: ours ? 'run the same command again: it notices, and makes the output again' : undefined,
  });
}

function verifyPath(path: string, homes: readonly string[]): Promise<Verified> {
  const expected = expectedOf(path, homes);
  if (statSync(path).isDirectory()) return verifyDirectory(path, expected);
  if (statSync(path).isFile()) return isModelFile(path) ? verifyModel(path, expected) : verifyFile(path, expected);
  throw new BatchCoreError('USAGE', `${path} is neither a file nor a directory`, { where: { file: path } });
}

/** The newest finished job that wrote there. */
function expectedOf(path: string, homes: readonly string[]): Expected | undefined {
  for (const home of homes) {
    const wrote = (status: JobStatus) => realPlace(status.out) === realPlace(path) && isFinished(status.state);
    const status = listJobs(home).find(wrote);
    const paths = status && jobPaths(home, status.jobId);
    const report = paths && readReport(paths.report);
    if (paths && report) return { jobId: status.jobId, rowGroups: paths.rowGroups, report };
  }
  return undefined;
}

const NO_JOB = 'no job of this home wrote it: --home names another';

async function verifyFile(path: string, expected: Expected | undefined): Promise<Verified> {
  const { size } = statSync(path);
  if (expected) {
    const { output } = expected.report;
    if (size !== output.bytes) throw damaged(path, `it has ${size} bytes and should have ${output.bytes}`, true);
    if ((await fileDigest(path)) !== output.sha256) throw damaged(path, await place(path, expected.rowGroups), true);
  }
  let facts: ReturnType<typeof partFacts>;
  try {
    facts = partFacts(path);
  } catch (cause) {
    throw damaged(path, `its footer cannot be read: ${BatchCoreError.from(cause).message}`, false);
  }
  if (facts.metadata[METADATA_FINGERPRINT] === undefined) throw notOurs(path);
  const verified = { path, jobId: expected?.jobId ?? null, rows: facts.rows, bytes: size };
  if (!expected) return { ...verified, checks: ['footer'], unchecked: [`size, sha256 and rows: ${NO_JOB}`] };
  const { source } = expected.report;
  if (facts.rows !== source.rows) throw damaged(path, `it has ${facts.rows} rows; the source has ${source.rows}`, true);
  return { ...verified, checks: ['size', 'sha256', 'rows against the source'], unchecked: [] };
}

function notOurs(path: string): BatchCoreError {
  return new BatchCoreError('USAGE', `${path} is no output of batch-core: there is nothing to compare it with`, {
    where: { file: path },
    hint: 'name an output, a model or a job',
  });
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
    throw damaged(path, 'it is another model than the job fitted', true);
  return { ...verified, checks: ['checksum of the model', 'sha256'], unchecked: [] };
}

interface ManifestPart {
  name: string;
  rows: number;
  bytes: number;
  sha256: string;
}

async function verifyDirectory(path: string, expected: Expected | undefined): Promise<Verified> {
  const found = lookAt(path);
  if (found.kind !== 'directory' || found.fingerprint === undefined) {
    if (!expected) throw notOurs(path);
    throw damaged(path, `it has no readable ${MANIFEST}`, true);
  }
  if (!existsSync(join(path, SUCCESS))) throw damaged(path, `it has no ${SUCCESS}: it was never finished`, true);
  const manifest = readJson(join(path, MANIFEST)) as { parts?: ManifestPart[] } | undefined;
  if (!Array.isArray(manifest?.parts)) throw damaged(path, `it has no readable ${MANIFEST}`, true);
  const { rows, bytes } = await verifyParts(path, manifest.parts);
  const checks = ['_SUCCESS', 'sizes', 'sha256 of every part'];
  const verified = { path, jobId: expected?.jobId ?? null, rows, bytes };
  if (!expected) return { ...verified, checks, unchecked: [`rows against the source: ${NO_JOB}`] };
  const { source } = expected.report;
  if (rows !== source.rows) throw damaged(path, `its parts have ${rows} rows; the source has ${source.rows}`, true);
  return { ...verified, checks: [...checks, 'rows against the source'], unchecked: [] };
}

async function verifyParts(path: string, parts: readonly ManifestPart[]): Promise<{ rows: number; bytes: number }> {
  let [rows, bytes] = [0, 0];
  for (const [chunk, part] of parts.entries()) {
    const file = join(path, part.name);
    if (!existsSync(file)) throw damaged(file, `part ${chunk} is missing`, true);
    const { size } = statSync(file);
    if (size !== part.bytes) throw damaged(file, `part ${chunk} has ${size} bytes and should have ${part.bytes}`, true);
    if ((await fileDigest(file)) !== part.sha256)
      throw damaged(file, `part ${chunk} differs from what was written (SHA-256)`, true);
    rows += part.rows;
    bytes += size;
  }
  return { rows, bytes };
}
