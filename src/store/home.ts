/**
 * The home of jobs: where the things of a job lie, which directories may be used, and what a job is. Its `job.json` is the
 * authority for that: other processes never open a job's database, and `status.json` is not durable.
 */
import { createHash } from 'node:crypto';
import { lstatSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { lockHolder, writeDurable } from '../bindings/native.ts';
import { BatchCoreError, restate } from '../errors.ts';
import { noProgress } from '../events/progress.ts';
import { realPlace } from '../sink/place.ts';
import { namesIn, readJson } from './smallFile.ts';
import { type JobStatus, readStatus } from './status.ts';

/** Where things of a job lie. */
export interface JobPaths {
  directory: string;
  /** What the job is. */
  request: string;
  database: string;
  lock: string;
  model: string;
  report: string;
  /** A checksum of each row group of the published file. */
  rowGroups: string;
  parts: string;
  /** Summaries of chunks that are too large to be sent. */
  summaries: string;
}

export function jobPaths(home: string, jobId: string): JobPaths {
  const directory = join(home, 'jobs', jobId);
  return {
    directory,
    request: join(directory, 'job.json'),
    database: join(directory, 'job.duckdb'),
    lock: join(directory, 'job.lock'),
    model: join(directory, 'model.bcm'),
    report: join(directory, 'report.json'),
    rowGroups: join(directory, 'row-groups.json'),
    parts: join(directory, 'parts'),
    summaries: join(directory, 'summaries'),
  };
}

/** Hidden: a home may lie where a pattern looks for sources. */
export const lockDirectory = (home: string): string => join(home, '.locks');

/** Models that jobs of the home have in common (sharedModels.ts); hidden as locks are. */
export const modelDirectory = (home: string): string => join(home, '.models');

/** The lock of a place where jobs of the home write: it stays when nobody has it, for removing it could take it from a successor. */
export function placeLock(home: string, place: string): string {
  const name = createHash('sha256').update(place).digest('hex').slice(0, 16);
  return join(lockDirectory(home), `${name}.lock`);
}

const SCHEMA = 'batch-core.job/1';

/** What is known of a job whatever becomes of its status and its database. */
export interface JobRecord {
  jobId: string;
  fingerprint: string;
  createdAt: string;
  /** Of each file of the source, when it began; a job of an earlier version did not say. */
  mtimesNs?: string[];
  /** What was asked: sources, output, options, spec. */
  request: { sources: string[]; out: string; [field: string]: unknown };
}

/** Keeps what the job is, durably; to be called once an execution begins, with the job's lock held. */
export function writeRecord(home: string, record: JobRecord): void {
  const text = `${JSON.stringify({ schema: SCHEMA, ...record }, null, 2)}\n`;
  writeDurable(jobPaths(home, record.jobId).request, text);
}

/** What the job is; nothing where it never said so, or where what it said is damaged or of a newer version. */
export function readRecord(home: string, jobId: string): JobRecord | undefined {
  const record = Object(readJson(jobPaths(home, jobId).request)) as Partial<JobRecord> & { schema?: string };
  if (record.schema !== SCHEMA || record.jobId !== jobId) return undefined;
  const { fingerprint, createdAt, mtimesNs, request } = record;
  const { sources, out } = Object(request) as Partial<JobRecord['request']>;
  if (typeof fingerprint !== 'string' || typeof createdAt !== 'string' || typeof out !== 'string') return undefined;
  if (!Array.isArray(sources) || !sources.every((source) => typeof source === 'string') || !request) return undefined;
  const timed = Array.isArray(mtimesNs) && mtimesNs.every((time) => typeof time === 'string');
  return { jobId, fingerprint, createdAt, ...(timed && { mtimesNs }), request };
}

/** What there is in a home. */
export interface HomeContent {
  /** The one that started last first. One that has lost its status is told by what else is there. */
  jobs: JobStatus[];
  /** Jobs whose files may not be read, or cannot: nothing is known of them. */
  unreadable: UnreadableJob[];
}

export interface UnreadableJob {
  jobId: string;
  error: BatchCoreError;
}

/** Reads what the jobs of a home say of themselves. */
export function readHome(home: string): HomeContent {
  const jobs: JobStatus[] = [];
  const refused: UnreadableJob[] = [];
  for (const jobId of jobNames(home)) {
    try {
      const status = readStatus(join(home, 'jobs', jobId));
      // A directory's name is the job's: a status that names another one would lead elsewhere.
      const told = status?.jobId === jobId ? status : guessStatus(home, jobId);
      if (told) jobs.push(told);
    } catch (thrown) {
      refused.push({ jobId, error: BatchCoreError.from(thrown) });
    }
  }
  jobs.sort((a, b) => compare(b.startedAt, a.startedAt) || compare(a.jobId, b.jobId));
  return { jobs, unreadable: refused };
}

function jobNames(home: string): string[] {
  try {
    return namesIn(join(home, 'jobs'));
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    const another = 'or name another home with --home';
    throw restate(error, { hint: error.hint === undefined ? another : `${error.hint}, ${another}` });
  }
}

/** The jobs of a home that can be read. */
export const listJobs = (home: string): JobStatus[] => readHome(home).jobs;

/** The same, none where the home may not be read: for whoever only guesses by them. */
export function readableJobs(home: string): JobStatus[] {
  try {
    return listJobs(home);
  } catch {
    return [];
  }
}

/** The jobs of a home, those that may not be read too; none where the home may not be. */
export function knownJobs(home: string): string[] {
  try {
    const { jobs, unreadable } = readHome(home);
    return [...jobs, ...unreadable].map(({ jobId }) => jobId);
  } catch {
    return [];
  }
}

/** Where a job's output is: where it was when it began, whatever a link on its way leads to now. */
export function outputPlace(home: string, { jobId, out }: Pick<JobStatus, 'jobId' | 'out'>): string {
  const place = readRecord(home, jobId)?.request['place'];
  if (place === '') return jobPaths(home, jobId).model;
  return typeof place === 'string' ? place : out && realPlace(out);
}

/** Jobs by where they write, and those of which that may not be known. */
export function withPlaces({ jobs, unreadable }: HomeContent, home: string): HomeContent & { placed: PlacedJob[] } {
  const placed: PlacedJob[] = [];
  const refused = [...unreadable];
  for (const job of jobs) {
    try {
      placed.push({ job, place: outputPlace(home, job) });
    } catch (thrown) {
      refused.push({ jobId: job.jobId, error: BatchCoreError.from(thrown) });
    }
  }
  return { jobs, placed, unreadable: refused };
}

export interface PlacedJob {
  job: JobStatus;
  place: string;
}

/** Where a job that scores was asked to save its model. */
export function savedModel(record: JobRecord | undefined): string | undefined {
  const { saveModel } = Object(record?.request['options']) as { saveModel?: unknown };
  return typeof saveModel === 'string' ? saveModel : undefined;
}

/** From what the jobs of a home make which files; none where it may not be read. */
export function publications(home: string): { source: string[]; places: string[] }[] {
  const { placed } = withPlaces({ jobs: readableJobs(home), unreadable: [] }, home);
  return placed.map(({ job, place }) => {
    const saved = savedModel(readRecord(home, job.jobId));
    return { source: job.source, places: [place, ...(saved === undefined ? [] : [realPlace(saved)])] };
  });
}

/**
 * The status of a job that has none: a power loss empties files that were not synced. It says "running", as the job's
 * process did; whether there is one, the lock knows.
 */
function guessStatus(home: string, jobId: string): JobStatus | undefined {
  const paths = jobPaths(home, jobId);
  const record = readRecord(home, jobId);
  const made = [paths.request, paths.database, paths.lock]
    .map((path) => statsOf(path))
    .find((stats) => stats?.isFile());
  const holder = holderOf(paths.lock);
  if (!made || (!record && !statsOf(paths.database) && !holder)) return undefined;
  const startedAt = holder?.startedAt || (record?.createdAt ?? made.mtime.toISOString());
  return {
    schema: 'batch-core.status/1',
    jobId,
    state: 'running',
    phase: 'plan',
    lost: true,
    out: record?.request.out ?? '',
    source: record?.request.sources ?? [],
    detector: '',
    pid: holder?.pid ?? 0,
    host: holder?.host ?? '',
    bootId: '',
    startedAt,
    updatedAt: made.mtime.toISOString(),
    progress: noProgress(jobId),
  };
}

/** Who works on the job, by what its process said when it took the lock. */
function holderOf(path: string): { pid: number; host: string; startedAt: string } | undefined {
  let text: string | undefined;
  try {
    text = lockHolder(path);
  } catch {
    return undefined;
  }
  if (text === undefined) return undefined;
  const [, pid = 0, host = '', startedAt = ''] = /^pid (\d+) on host (.*) since (\S+)$/.exec(text) ?? [];
  return { pid: Number(pid), host, startedAt };
}

/** What lies there; nothing where that cannot be told. */
export function statsOf(path: string, look: typeof lstatSync = lstatSync): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
