/**
 * What a job's process tells other processes, and what they may ask of it: two small files, each replaced whole, so that
 * whoever reads one never sees half of it.
 */
import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { BatchCoreError, type ErrorRecord } from '../errors.ts';
import type { Phase, Progress } from '../orchestrator/progress.ts';
import type { JobState } from './states.ts';

const SCHEMA = 'batch-core.status/1';

/** The content of `status.json`. */
export interface JobStatus {
  schema: typeof SCHEMA;
  jobId: string;
  state: JobState;
  phase: Phase;
  out: string;
  source: string[];
  detector: string;
  pid: number;
  host: string;
  bootId: string;
  startedAt: string;
  updatedAt: string;
  progress: Progress;
  exitCode?: number;
  error?: ErrorRecord;
  /** It can never go on: its source is not what it was. */
  retired?: true;
}

const REQUESTS = ['pause', 'resume', 'cancel'] as const;

export type ControlRequest = (typeof REQUESTS)[number];

let lost = 0;

/** Statuses that could not be written: telling must never fail a run. */
export const lostStatuses = (): number => lost;

export function writeStatus(directory: string, status: JobStatus): void {
  try {
    replace(join(directory, 'status.json'), status);
  } catch {
    lost += 1;
  }
}

/** The status of the job in `directory`; nothing where there is none, or none that this version understands. */
export function readStatus(directory: string): JobStatus | undefined {
  const status = readJson(join(directory, 'status.json')) as JobStatus | undefined;
  return status?.schema === SCHEMA && typeof status.startedAt === 'string' ? status : undefined;
}

/** Statuses of the jobs of a home, the one that started last first. */
export function listJobs(home: string): JobStatus[] {
  let names: string[];
  try {
    names = readdirSync(join(home, 'jobs'));
  } catch {
    return [];
  }
  return names
    .map((name) => readStatus(join(home, 'jobs', name)))
    .filter((status) => status !== undefined)
    .sort((a, b) => compare(b.startedAt, a.startedAt) || compare(a.jobId, b.jobId));
}

/** Leaves a request for the job's process; of two that meet before it looks, the later one counts. */
export function requestControl(directory: string, request: ControlRequest): void {
  try {
    replace(join(directory, 'control.json'), { request });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    throw new BatchCoreError(
      code === 'ENOENT' ? 'JOB_NOT_FOUND' : 'OUTPUT_UNWRITABLE',
      `cannot ask the job in ${directory} to ${request} (${code})`,
      { where: { file: directory }, cause },
    );
  }
}

/** Takes the request that was left, if there is one; it is answered once. */
export function takeControl(directory: string): ControlRequest | undefined {
  const path = join(directory, 'control.json');
  const taken = `${path}.${process.pid}.taken`;
  try {
    // Moved away before it is read: one that arrives in between is a file of its own, for the next time.
    renameSync(path, taken);
  } catch {
    return undefined;
  }
  const { request } = Object(readJson(taken)) as { request?: unknown };
  rmSync(taken, { force: true });
  return REQUESTS.find((known) => known === request);
}

function replace(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeFileSync(temporary, `${JSON.stringify(value)}\n`);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) ?? undefined;
  } catch {
    return undefined;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
