/** What a job's process tells other processes, and what they may ask of it: two small files, each replaced whole. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorRecord } from '../errors.ts';
import type { Phase, Progress } from '../orchestrator/progress.ts';
import type { JobState } from '../orchestrator/states.ts';

/** The content of `status.json`. */
export interface JobStatus {
  schema: 'batch-core.status/1';
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
}

export type ControlRequest = 'pause' | 'resume' | 'cancel';

function replace(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  writeFileSync(temporary, `${JSON.stringify(value)}\n`);
  renameSync(temporary, path);
}

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

export function readStatus(directory: string): JobStatus | undefined {
  try {
    return JSON.parse(readFileSync(join(directory, 'status.json'), 'utf8')) as JobStatus;
  } catch {
    return undefined;
  }
}

/** Statuses of the jobs of a home, the one that started last first. */
export function listJobs(home: string): JobStatus[] {
  let names: string[];
  try {
    names = readdirSync(join(home, 'jobs'));
  } catch {
    return [];
  }
  const statuses = names.map((name) => readStatus(join(home, 'jobs', name))).filter((status) => status !== undefined);
  return statuses.sort((a, b) => (a.startedAt < b.startedAt ? 1 : a.startedAt > b.startedAt ? -1 : 0));
}

/** Leaves a request for the job's process. */
export function requestControl(directory: string, request: ControlRequest): void {
  mkdirSync(directory, { recursive: true });
  replace(join(directory, 'control.json'), { request });
}

/** Takes the request that was left, if there is one; it is answered once. */
export function takeControl(directory: string): ControlRequest | undefined {
  const path = join(directory, 'control.json');
  try {
    const { request } = JSON.parse(readFileSync(path, 'utf8')) as { request: ControlRequest };
    rmSync(path, { force: true });
    return request;
  } catch {
    return undefined;
  }
}
