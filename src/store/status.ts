/**
 * What a job's process tells other processes, and what they may ask of it: two small files, each replaced whole, so that
 * whoever reads one never sees half of it.
 */
import { existsSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { lockHolder } from '../bindings/native.ts';
import { BatchCoreError, type ErrorRecord, systemError } from '../errors.ts';
import type { Sink } from '../events/bus.ts';
import { noProgress, type Phase, type Progress } from '../events/progress.ts';
import { readJson, replaceJson } from './smallFile.ts';
import { JOB_STATES, type JobState, STATE_TOLD, tellsState } from './states.ts';

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
  /** It was given up: its source is not what it was, or another job began in its place. */
  retired?: true;
  /** What it said of itself is lost: this is told by what else lies in its directory. */
  lost?: true;
}

const REQUESTS = ['pause', 'resume', 'cancel'] as const;

export type ControlRequest = (typeof REQUESTS)[number];

const STATUS = 'status.json';

const PHASES: readonly Phase[] = ['plan', 'fit', 'score', 'publish'];

/** Tells how the job stands, where no run tells it. What cannot be told fails nothing. */
export function writeStatus(directory: string, status: JobStatus): void {
  try {
    replaceJson(join(directory, STATUS), status);
  } catch {
    // The job is told by its record and its lock.
  }
}

/** What a status says of a job, whatever becomes of it. */
export type StatusBase = Omit<JobStatus, 'state' | 'phase' | 'progress' | 'updatedAt' | 'exitCode' | 'error'>;

/**
 * Writes status.json, from what is told of a run and from nothing else. To be made once the database says that the job
 * runs.
 */
export function statusSink(directory: string, base: StatusBase): Sink {
  let status: Omit<JobStatus, 'updatedAt'> = {
    ...base,
    state: 'running',
    phase: 'plan',
    progress: noProgress(base.jobId),
  };
  const write = (news: Partial<JobStatus>) => {
    status = { ...status, ...news };
    replaceJson(join(directory, STATUS), { ...status, updatedAt: new Date().toISOString() });
  };
  return {
    name: STATUS,
    lasting: true,
    onProgress: (progress) => write({ progress, phase: progress.phase }),
    onEvent: (event) => {
      if (!tellsState(event)) return;
      const end = 'exitCode' in event && { exitCode: event.exitCode, ...('error' in event && { error: event.error }) };
      write({ state: STATE_TOLD[event.event], ...end });
    },
  };
}

/** Takes back what an earlier execution told. */
export function forgetStatus(directory: string): void {
  rmSync(join(directory, STATUS), { force: true, recursive: true });
}

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === 'string';
const number: Check = (value) => Number.isFinite(value);
const known =
  (values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const orElse =
  (other: undefined | null, check: Check): Check =>
  (value) =>
    value === other || check(value);
const record =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    Object.entries(fields).every(([name, check]) => check(Object(value)[name]));

/** What a status must hold so that it can be told: whatever is read from it is here. */
const isStatus = record({
  schema: known([SCHEMA]),
  jobId: text,
  state: known(JOB_STATES),
  phase: known(PHASES),
  out: text,
  source: (value) => Array.isArray(value) && value.every(text),
  detector: text,
  pid: number,
  host: text,
  startedAt: text,
  updatedAt: text,
  exitCode: orElse(undefined, number),
  error: orElse(undefined, record({ code: text, message: text, hint: orElse(undefined, text) })),
  progress: record({
    phase: known(PHASES),
    chunksDone: number,
    chunksTotal: number,
    rowsDone: number,
    rowsTotal: number,
    rowsPerSecond: orElse(null, number),
    etaSeconds: orElse(null, number),
    retried: number,
  }),
});

/** The status of the job in `directory`; nothing where there is none, or none that this version understands. */
export function readStatus(directory: string): JobStatus | undefined {
  const status = readJson(join(directory, STATUS));
  return isStatus(status) ? (status as JobStatus) : undefined;
}

/**
 * Leaves a request for the process that holds the job's lock, and for no other: one that is gone before it looks leaves it to
 * nobody. Of two requests that meet before it looks, the later one counts.
 */
export function requestControl(directory: string, request: ControlRequest): void {
  if (!existsSync(directory)) throw noJob(directory);
  const to = lockHolder(join(directory, 'job.lock'));
  if (to === undefined)
    throw new BatchCoreError('JOB_MISMATCH', `the job in ${directory} is not running: there is nothing to ${request}`, {
      where: { file: directory },
      hint: 'it has ended a moment ago: see how it stands with "batch-core status"',
    });
  const path = join(directory, 'control.json');
  try {
    try {
      replaceJson(path, { request, to });
    } catch (error) {
      // An execution that begins sweeps temporaries, and may have taken ours for a dead one's.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !existsSync(directory)) throw error;
      replaceJson(path, { request, to });
    }
  } catch (cause) {
    if (!existsSync(directory))
      throw new BatchCoreError('JOB_NOT_FOUND', `there is no job in ${directory}`, {
        where: { file: directory },
        cause,
      });
    const denied = ['EACCES', 'EPERM'].includes((cause as NodeJS.ErrnoException).code ?? '');
    const hint = 'ask as the user who runs it';
    throw systemError(cause, `ask the job in ${directory} to ${request}`, { path: directory, ...(denied && { hint }) });
  }
}

/** What was asked of the holder of the job's lock, which has not yet looked. */
export function pendingControl(directory: string): ControlRequest | undefined {
  const { request, to } = readControl(join(directory, 'control.json'));
  if (request === undefined || to !== lockHolder(join(directory, 'job.lock'))) return undefined;
  return REQUESTS.find((known) => known === request);
}

function noJob(directory: string): BatchCoreError {
  return new BatchCoreError('JOB_NOT_FOUND', `there is no job in ${directory}`, { where: { file: directory } });
}

/**
 * Takes the request that was left for the holder of the job's lock that calls itself `holder`, if there is one; it is answered
 * once. What was asked of another, which is gone, is thrown away.
 */
export function takeControl(directory: string, holder: string): ControlRequest | undefined {
  const path = join(directory, 'control.json');
  const taken = `${path}.${process.pid}.taken`;
  try {
    // Moved away before it is read: one that arrives in between is a file of its own, for the next time.
    renameSync(path, taken);
  } catch {
    return undefined;
  }
  const { request, to } = readControl(taken);
  rmSync(taken, { force: true, recursive: true });
  return to === holder ? REQUESTS.find((known) => known === request) : undefined;
}

/** What was asked; nothing of one that cannot be read, which another user left. */
function readControl(path: string): { request?: unknown; to?: unknown } {
  try {
    return Object(readJson(path));
  } catch {
    return {};
  }
}
