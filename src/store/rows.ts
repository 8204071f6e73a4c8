/** What the store holds, as plain data, and how it is read from rows. */
import type { Parameter, Row } from '../duckdb/client.ts';
import type { ErrorRecord } from '../errors.ts';
import type { QuickIdentity } from '../files/identity.ts';
import type { StagedPart } from '../sink/part.ts';
import type { FileIdentity } from '../source/identity.ts';
import type { Identity } from '../storage/storage.ts';
import type { ChunkState, JobState } from './states.ts';

/** An input file as it was when the job began. */
export type StoredFile = FileIdentity & {
  rows: number;
  rowGroups: number;
};

export interface StoredJob {
  jobId: string;
  specJson: string;
  fingerprint: string;
  state: JobState;
  createdAt: string;
  files: StoredFile[];
}

/** A job that is to be stored. */
export interface NewJob {
  jobId: string;
  specJson: string;
  fingerprint: string;
  files: readonly (FileIdentity & { rows: number; rowGroups: { length: number } })[];
}

/** A chunk as it was planned: whole row groups of one file, and about as much work as others. */
export interface ChunkRow {
  /** Position in the plan; output is in this order. */
  chunkId: number;
  /** The file's place in the source. */
  fileId: number;
  rowGroupFirst: number;
  /** Inclusive. */
  rowGroupLast: number;
  /** Row number, in the file, of the chunk's first row. */
  rowFirst: number;
  rows: number;
  /** Compressed bytes of its row groups. */
  bytes: number;
}

export interface StoredChunk extends ChunkRow {
  state: ChunkState;
  /** How often it was claimed, over all executions. */
  attempt: number;
  /** How many executions died while it ran, since it last got done. */
  deaths: number;
  /** What the sink keeps of its part, which only the sink reads. */
  staged: StagedPart | null;
  rowsOut: number | null;
  /** Why it waits or is set aside. */
  error: ErrorRecord | null;
}

/** What a finished chunk leaves. */
export interface ChunkReceipt {
  rowsOut: number;
  staged?: StagedPart;
  summary?: Uint8Array;
}

/** One process run of the job. */
export interface StoredExecution {
  executionId: number;
  epoch: number;
  pid: number;
  bootId: string;
  host: string;
  out: string;
  startedAt: string;
  endedAt: string | null;
  /** `running` until it ends; `died` when it never said that it did. */
  status: string;
  exitCode: number | null;
  reason: string | null;
}

export interface StoredEvent {
  at: string;
  epoch: number | null;
  kind: string;
  detail: unknown;
}

/** A file of an output: what it holds, and by what it is known again without reading it. */
export interface StoredOutputFile extends QuickIdentity {
  /** When it was made; a job of an earlier version did not say. */
  birthtimeNs?: string;
  /** Its name in the directory; empty for a file. */
  name: string;
  sha256: string;
  /** Its first bytes, in hexadecimal. */
  head: string;
}

/** An output. */
export interface StoredOutput {
  path: string;
  layout: 'file' | 'directory';
  rows: number;
  bytes: number;
  /** Of a directory: of its manifest, which has those of its parts. */
  sha256: string;
  files: StoredOutputFile[];
}

/**
 * What a job publishes: `staged` while it has a temporary name only; `former` when it is to be made again, so that what lies
 * there of it is still known.
 */
export interface StoredPublication {
  state: 'staged' | 'published' | 'former';
  /** Where it was staged; empty for a directory. */
  temporary: string;
  output: StoredOutput;
  /** The report of the execution that finished the job. */
  report: unknown;
}

const PUBLICATION_STATES = ['staged', 'published', 'former'] as const;

export function publicationOf(row: Row): StoredPublication {
  const report = text(row['report_json']);
  return {
    state: PUBLICATION_STATES.find((state) => state === row['state']) ?? 'staged',
    temporary: String(row['temporary']),
    output: JSON.parse(String(row['output_json'])) as StoredOutput,
    report: report === null ? null : (JSON.parse(report) as unknown),
  };
}

export function jobOf(row: Row, files: readonly Row[]): StoredJob {
  return {
    jobId: String(row['job_id']),
    specJson: String(row['spec_json']),
    fingerprint: String(row['fingerprint']),
    state: String(row['state']) as JobState,
    createdAt: timeOf(row['created_ms']) ?? '',
    files: files.map(fileOf),
  };
}

function fileOf(row: Row): StoredFile {
  return {
    ...identityOf(row),
    path: String(row['path']),
    footerBytes: Number(row['footer_bytes']),
    footerSha256: String(row['footer_sha256']),
    rows: Number(row['rows']),
    rowGroups: Number(row['row_groups']),
  };
}

function identityOf(row: Row): Identity {
  const size = Number(row['size']);
  if (row['kind'] === 'object')
    return { kind: 'object', size, etag: String(row['etag']), version: text(row['version']) };
  return {
    ...{ kind: 'file', size, mtimeNs: String(row['mtime_ns']), ctimeNs: String(row['ctime_ns']) },
    ...{ device: String(row['device']), inode: String(row['inode']) },
  };
}

/** The row of an input file, in the order of its columns. */
export function fileRow(file: NewJob['files'][number], fileId: number): Parameter[] {
  const { path, kind, size, footerBytes, footerSha256, rows, rowGroups } = file;
  const identity =
    file.kind === 'file'
      ? [file.mtimeNs, file.ctimeNs, file.device, file.inode, null, null]
      : [null, null, null, null, file.etag, file.version];
  return [fileId, path, kind, size, ...identity, footerBytes, footerSha256, rows, rowGroups.length];
}

export function chunkOf(row: Row): StoredChunk {
  const [staged, error] = [text(row['staged_json']), text(row['error_json'])];
  return {
    chunkId: Number(row['chunk_id']),
    fileId: Number(row['file_id']),
    rowGroupFirst: Number(row['rg_first']),
    rowGroupLast: Number(row['rg_last']),
    rowFirst: Number(row['row_first']),
    rows: Number(row['rows']),
    bytes: Number(row['bytes']),
    state: String(row['state']) as ChunkState,
    attempt: Number(row['attempt']),
    deaths: Number(row['deaths']),
    staged: staged === null ? null : (JSON.parse(staged) as StagedPart),
    rowsOut: number(row['rows_out']),
    error: error === null ? null : (JSON.parse(error) as ErrorRecord),
  };
}

export function executionOf(row: Row): StoredExecution {
  return {
    executionId: Number(row['exec_id']),
    epoch: Number(row['epoch']),
    pid: Number(row['pid']),
    bootId: String(row['boot_id']),
    host: String(row['host']),
    out: String(row['out']),
    startedAt: timeOf(row['started_ms']) ?? '',
    endedAt: timeOf(row['ended_ms']),
    status: String(row['status']),
    exitCode: number(row['exit_code']),
    reason: text(row['reason']),
  };
}

export function eventOf(row: Row): StoredEvent {
  return {
    at: timeOf(row['happened_ms']) ?? '',
    epoch: number(row['epoch']),
    kind: String(row['kind']),
    detail: JSON.parse(String(row['detail_json'])) as unknown,
  };
}

function timeOf(value: Row[string] | undefined): string | null {
  const milliseconds = number(value);
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}

function number(value: Row[string] | undefined): number | null {
  return value === null || value === undefined ? null : Number(value);
}

function text(value: Row[string] | undefined): string | null {
  return value === null || value === undefined ? null : String(value);
}
