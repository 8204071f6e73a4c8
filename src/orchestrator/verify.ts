/** Whether what was published is still what was written, and whether every row of the input is in it. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileDigest, partFacts, rowGroupChecksums } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Report } from '../report.ts';
import { findJob, jobPaths, resolveHome } from './job.ts';
import { homeOf } from './jobs.ts';
import { MANIFEST, METADATA_JOB, SUCCESS } from './output.ts';
import { readManifest } from './publish.ts';

export interface Verified {
  path: string;
  jobId: string;
  rows: number;
  bytes: number;
  /** What was compared. */
  checks: string[];
}

/** A Parquet output, a directory of parts, or a job by its id. */
export function verify(target: string, home: string | undefined): Verified {
  const path = resolve(target);
  if (!existsSync(path)) {
    const status = findJob(homeOf(home), target);
    return verifyPath(status.out, homeOf(home));
  }
  return verifyPath(path, resolveHome(home, dirname(path), process.cwd()));
}

function damaged(path: string, what: string): BatchCoreError {
  return new BatchCoreError('OUTPUT_DAMAGED', `${path}: ${what}`, {
    where: { file: path },
    hint: 'make it again: run the same score command with --fresh --force',
  });
}

function verifyPath(path: string, home: string): Verified {
  if (!existsSync(path)) throw damaged(path, 'the output is not there');
  return statSync(path).isDirectory() ? verifyDirectory(path, home) : verifyFile(path, home);
}

function reportOf(home: string, jobId: string): Report {
  const path = jobPaths(home, jobId).report;
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as Report;
  throw new BatchCoreError(
    'JOB_NOT_FOUND',
    `there is no report of job ${jobId} in ${home}: nothing tells what the output should be`,
    {
      where: { job: jobId, file: path },
      hint: 'name the home the job ran in with --home',
    },
  );
}

function verifyFile(path: string, home: string): Verified {
  let jobId: string | undefined;
  try {
    jobId = partFacts(path).metadata[METADATA_JOB];
  } catch (cause) {
    throw damaged(path, `its footer cannot be read: ${BatchCoreError.from(cause).message}`);
  }
  if (jobId === undefined) throw damaged(path, 'it is no output of batch-core');
  const { output, source } = reportOf(home, jobId);
  const { size } = statSync(path);
  if (size !== output.bytes) throw damaged(path, `it has ${size} bytes and should have ${output.bytes}`);
  if (fileDigest(path) !== output.sha256) throw damaged(path, damage(path, jobPaths(home, jobId).rowGroups));
  const { rows } = partFacts(path);
  if (rows !== source.rows) throw damaged(path, `it has ${rows} rows; the source has ${source.rows}`);
  return { path, jobId, rows, bytes: size, checks: ['size', 'sha256', 'rows against the source'] };
}

/** Where a file whose digest is wrong differs from what was written. */
function damage(path: string, rowGroups: string): string {
  const what = 'its SHA-256 differs from the one written';
  if (!existsSync(rowGroups)) return what;
  const written = JSON.parse(readFileSync(rowGroups, 'utf8')) as number[];
  const now = rowGroupChecksums(path);
  const first = written.findIndex((checksum, group) => checksum !== now[group]);
  return first < 0 ? `${what}, outside its row groups` : `row group ${first} is damaged: ${what}`;
}

interface ManifestPart {
  name: string;
  rows: number;
  bytes: number;
  sha256: string;
}

function verifyDirectory(path: string, home: string): Verified {
  const manifest = readManifest(join(path, MANIFEST));
  if (!manifest || typeof manifest.jobId !== 'string' || !Array.isArray(manifest.parts))
    throw damaged(path, `it has no readable ${MANIFEST}`);
  if (!existsSync(join(path, SUCCESS))) throw damaged(path, `it has no ${SUCCESS}: it was never finished`);
  let rows = 0;
  let bytes = 0;
  for (const [chunk, part] of (manifest.parts as ManifestPart[]).entries()) {
    const file = join(path, part.name);
    if (!existsSync(file)) throw damaged(file, `part ${chunk} is missing`);
    const { size } = statSync(file);
    if (size !== part.bytes) throw damaged(file, `part ${chunk} has ${size} bytes and should have ${part.bytes}`);
    if (fileDigest(file) !== part.sha256) throw damaged(file, `part ${chunk} differs from what was written (SHA-256)`);
    rows += part.rows;
    bytes += size;
  }
  const { source } = reportOf(home, manifest.jobId);
  if (rows !== source.rows) throw damaged(path, `its parts have ${rows} rows; the source has ${source.rows}`);
  return {
    path,
    jobId: manifest.jobId,
    rows,
    bytes,
    checks: ['_SUCCESS', 'sizes', 'sha256 of every part', 'rows against the source'],
  };
}
