/** A job's directory, opened: the lock, the store, and what an earlier execution left. */
import { existsSync, mkdirSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { JobLock, lockIsHeld, partFacts } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import { type SourceFile, sameIdentity } from '../source/facts.ts';
import { JobStore, type StoredJob } from '../store/job.ts';
import { isFinished } from '../store/states.ts';
import { type JobStatus, listJobs } from '../store/status.ts';
import { identify } from '../system.ts';
import { partName } from './phase.ts';
import type { PlannedChunk } from './plan.ts';
import { type JobSpec, specDifferences } from './spec.ts';

/** Where things of a job lie. */
export interface JobPaths {
  directory: string;
  database: string;
  lock: string;
  model: string;
  report: string;
  /** A checksum of each row group of the published file. */
  rowGroups: string;
  parts: string;
}

export function jobPaths(home: string, jobId: string): JobPaths {
  const directory = join(home, 'jobs', jobId);
  return {
    directory,
    database: join(directory, 'job.duckdb'),
    lock: join(directory, 'job.lock'),
    model: join(directory, 'model.bcm'),
    report: join(directory, 'report.json'),
    rowGroups: join(directory, 'row-groups.json'),
    parts: join(directory, 'parts'),
  };
}

/** What a job's row keeps beside its identity: enough to run it again from any directory. */
export interface StoredRequest {
  spec: JobSpec;
  sources: string[];
  out: string;
  options: Record<string, unknown>;
}

export interface OpenJob {
  jobId: string;
  paths: JobPaths;
  store: JobStore;
  lock: JobLock;
  executionId: number;
  epoch: number;
  /** An earlier execution left something to go on from. */
  resumed: boolean;
}

/** The home's absolute path; created with the job, readable by its owner only. */
export function resolveHome(home: string | undefined, beside: string, cwd: string): string {
  return resolve(cwd, home ?? process.env['BATCH_CORE_HOME'] ?? join(beside, '.batch-core'));
}

interface OpenRequest {
  home: string;
  jobId: string;
  fingerprint: string;
  request: StoredRequest;
  files: readonly SourceFile[];
  fresh: boolean;
}

/** Takes the lock and opens the store; refuses when another process has the job, or when what it read has changed. */
export async function openJob({ home, jobId, fingerprint, request, files, fresh }: OpenRequest): Promise<OpenJob> {
  const paths = jobPaths(home, jobId);
  try {
    makeDirectory(paths.parts);
  } catch (cause) {
    throw new BatchCoreError(
      'OUTPUT_UNWRITABLE',
      `cannot create the job's directory ${paths.directory}: ${(cause as Error).message}`,
      {
        where: { file: home, option: '--home' },
        hint: 'choose a directory that can be written with --out or --home',
        cause,
      },
    );
  }
  const identity = identify();
  const lock = new JobLock(
    paths.lock,
    `pid ${identity.pid} on host ${identity.host} since ${new Date().toISOString()}`,
  );
  if (lock.holder !== undefined) throw busy(jobId, lock.holder);
  try {
    const store = await JobStore.open(paths.database, { jobId, fresh });
    try {
      const resumed = await prepare(store, paths, { home, jobId, fingerprint, request, files, fresh });
      const execution = await store.beginExecution({ ...identity, out: request.out });
      return { jobId, paths, store, lock, ...execution, resumed };
    } catch (error) {
      await store.close();
      throw error;
    }
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Creates a directory and those above it. Node's own `recursive` spins for ever where a file system refuses with ENOENT (/proc). */
function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && statSync(path).isDirectory()) return;
    if (code !== 'ENOENT' || existsSync(dirname(path))) throw error;
    makeDirectory(dirname(path));
    mkdirSync(path, { mode: 0o700 });
  }
}

function busy(jobId: string, holder: string): BatchCoreError {
  return new BatchCoreError('JOB_BUSY', `job ${jobId} is already running: held by ${holder}`, {
    where: { job: jobId },
    hint: `follow it with "batch-core status ${jobId} --watch"`,
  });
}

/** Brings the store to where this execution begins. True when finished chunks are kept. */
async function prepare(store: JobStore, paths: JobPaths, open: OpenRequest): Promise<boolean> {
  rmSync(join(paths.parts, '.tmp'), { recursive: true, force: true });
  // Private directories of links, in which a killed scanner gave odd file names a plain one.
  for (const name of readdirSync(paths.directory))
    if (name.startsWith('batch-core-links-')) rmSync(join(paths.directory, name), { recursive: true, force: true });
  const stored = await store.read();
  if (stored === undefined) {
    await store.create({
      jobId: open.jobId,
      specJson: JSON.stringify(open.request),
      fingerprint: open.fingerprint,
      files: [...open.files],
    });
    return false;
  }
  if (open.fresh || isFinished(stored.state)) {
    // Again from the beginning: asked for, or the same job to an output that is not there.
    rmSync(paths.model, { force: true });
    rmSync(paths.parts, { recursive: true, force: true });
    makeDirectory(paths.parts);
    await store.resetAll({ specJson: JSON.stringify(open.request), files: [...open.files] });
    return false;
  }
  refuseChangedInput(stored, open.files);
  return true;
}

function refuseChangedInput(stored: StoredJob, files: readonly SourceFile[]): void {
  const differences = sameIdentity(stored.files, files);
  const [first] = differences;
  if (first === undefined) return;
  const list = differences.map((difference) => `${difference.field}: ${difference.old} -> ${difference.new}`);
  throw new BatchCoreError('INPUT_CHANGED', `${first.file} is not what this job began to read: ${list.join('; ')}`, {
    where: { file: first.file, job: stored.jobId },
    hint: 'put the original file back to go on, or start over with --fresh',
  });
}

/** Sends done chunks whose part is not there, or is another's, back to pending. Parts nobody knows are named, never deleted. */
export async function checkParts(job: OpenJob, phase: string, chunks: readonly PlannedChunk[]): Promise<string[]> {
  const stored = (await job.store.chunks(phase)).filter((chunk) => chunk.state === 'done');
  const lost = stored.filter(
    (chunk) => !isWhole(job, join(job.paths.parts, chunk.partName ?? ''), chunk.partSize ?? 0),
  );
  if (lost.length > 0)
    await job.store.reset(
      phase,
      lost.map((chunk) => chunk.chunkId),
    );
  const names = new Set(chunks.map(partName));
  return readdirSync(job.paths.parts).filter((name) => name !== '.tmp' && !names.has(name));
}

function isWhole(job: OpenJob, path: string, size: number): boolean {
  try {
    return statSync(path).size === size && partFacts(path).metadata['batch_core.job_id'] === job.jobId;
  } catch {
    return false;
  }
}

/** Refuses to begin while another, unfinished job is to write the same output, saying in which fields the two differ. */
export async function refuseOtherJob(home: string, jobId: string, request: StoredRequest): Promise<void> {
  const latest = listJobs(home).find((status) => samePath(status.out, request.out));
  if (latest === undefined || latest.jobId === jobId || isFinished(latest.state)) return;
  const paths = jobPaths(home, latest.jobId);
  if (lockIsHeld(paths.lock))
    throw busy(latest.jobId, `pid ${latest.pid} on host ${latest.host} since ${latest.startedAt}`);
  if (!existsSync(paths.database)) return;
  const store = await JobStore.open(paths.database);
  const stored = await store.read().finally(() => store.close());
  if (stored === undefined) return;
  const before = (JSON.parse(stored.specJson) as StoredRequest).spec;
  const differences = specDifferences(before, request.spec);
  const list = differences.map(({ field, before, after }) => `${field}: ${show(before)} -> ${show(after)}`);
  const inputOnly = differences.length > 0 && differences.every(({ field }) => field.startsWith('inputs'));
  throw new BatchCoreError(
    inputOnly ? 'INPUT_CHANGED' : 'JOB_MISMATCH',
    `job ${latest.jobId} for ${request.out} is unfinished and was begun differently: ${list.join('; ')}`,
    {
      where: { job: latest.jobId, file: request.out },
      hint: `go on with "batch-core resume ${latest.jobId}", or start this one instead with --fresh`,
    },
  );
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}

function samePath(a: string, b: string): boolean {
  const real = (path: string) => (existsSync(path) ? realpathSync(path) : path);
  return real(a) === real(b);
}

/** The status of a job by its id, or by a unique beginning of it. */
export function findJob(home: string, id: string): JobStatus {
  const matches = listJobs(home).filter((status) => status.jobId.startsWith(id));
  const [match] = matches;
  if (match && matches.length === 1) return match;
  throw new BatchCoreError(
    'JOB_NOT_FOUND',
    matches.length === 0 ? `there is no job "${id}" in ${home}` : `"${id}" names ${matches.length} jobs`,
    {
      where: { job: id, file: home },
      hint: '"batch-core jobs" lists them; --home names another home',
    },
  );
}
