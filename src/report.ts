/** What happened, in figures: the report of a run. */
import type { BestRecord, Double, Findings } from './bindings/task.ts';
import type { ErrorRecord } from './errors.ts';
import type { ChunkCounts } from './events/progress.ts';

/** A double in JSON, which has no infinities: they are spelled out. */
export type ReportedNumber = number | 'Infinity' | '-Infinity';

/** A cell; only a missing or NaN one is `null`. */
export type ReportedValue = ReportedNumber | null;

/** What names a row: a number, or the text of anything else. */
export type RowId = number | string | null;

/** A row worth a look. */
export interface TopRow {
  /** The file's place in the source. */
  file: number;
  /** 0-based row number in its file. */
  row: number;
  /** What the column of `--id` has there. */
  id?: RowId;
  score: ReportedNumber;
  /** Which share of the rows scores lower, in percent; null with a model that was imported and not calibrated. */
  severity: number | null;
  reasons: {
    column: string;
    value: ReportedValue;
    contribution: ReportedNumber;
    /** Between which cells of the column 98 of 100 lie; `null` where the model does not say. */
    usualLow: number | null;
    usualHigh: number | null;
  }[];
}

/** Figures are measured; one that could not be had is `null`. */
export interface Report {
  schema: 'batch-core.report/1';
  jobId: string;
  executionId: number;
  status: 'completed' | 'completed_with_quarantine' | 'stopped' | 'failed';
  exitCode: number;
  /** The job was finished before: nothing was run, and all else tells of the run that finished it. */
  recalled: boolean;
  /** Whether the source was read once more to verify it; then the two that follow are there. */
  inputVerified: boolean;
  /** SHA-256 over the row groups of each file, in order. */
  inputDigests: string[] | null;
  /** Pages that lie where they should, and those of them whose checksum was right. */
  inputPages: { checked: number; withChecksum: number } | null;
  source: {
    files: number;
    rows: number;
    rowGroups: number;
    bytes: number;
    columns: string[];
    ignored: { column: string; reason: string }[];
  };
  detector: string;
  /** `sourceRows`: the rows of the source that the model was fitted to, of which `fitRows` were looked at; null of an imported one that was not calibrated. */
  model: { digest: string; fitRows: number | null; sourceRows: number | null };
  output: {
    path: string;
    format: 'parquet' | 'parquet-directory' | 'model';
    rows: number;
    bytes: number;
    sha256: string;
  };
  anomalies: {
    count: number;
    threshold: number | null;
    method: string;
    shareError: number | null;
    skippedRows: number;
    top: TopRow[];
  } | null;
  /** The score phase. */
  chunks: ChunkCounts;
  /** The fit phase. */
  fit: ChunkCounts;
  timing: {
    planSeconds: number;
    fitSeconds: number;
    scoreSeconds: number;
    publishSeconds: number;
    totalSeconds: number;
  };
  throughput: { rowsPerSecond: number | null; bytesPerSecond: number | null };
  resources: {
    engine: string;
    workers: number;
    peakRssBytes: number;
    memoryBudgetBytes: number;
    /** Processor time of the process while it ran, user and system, of all its threads. */
    cpuSeconds: number | null;
    /** The same over wall time and workers. */
    cpuUtilization: number | null;
  };
  warnings: string[];
  error?: ErrorRecord;
}

/** What was found in chunks, as if they were one: sums, and the `count` highest rows by score, then file, then row. */
export function mergeFindings(a: Findings, b: Findings, count: number): Findings {
  const best = [...a.best, ...b.best]
    .sort((a, b) => compare(Number(b.score), Number(a.score)) || a.file - b.file || a.row - b.row)
    .slice(0, count);
  return { best, flagged: a.flagged + b.flagged, skipped: a.skipped + b.skipped };
}

/** A row as a report has it. */
export const topRow = ({ file, row, score, severity, reasons }: BestRecord): TopRow => ({
  file,
  row,
  score: reported(score),
  severity,
  reasons: reasons.map(({ column, value, contribution, usual }) => ({
    column,
    value: value === undefined ? null : reported(value),
    contribution: reported(contribution),
    usualLow: usual?.[0] ?? null,
    usualHigh: usual?.[1] ?? null,
  })),
});

// Infinities are equal to themselves, and their difference is no number.
const compare = (a: number, b: number) => Number(a > b) - Number(a < b);

const reported = (value: Double): ReportedNumber => (value === '-0' ? 0 : value);
