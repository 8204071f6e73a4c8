/** What a run found and took, and the report made of it. */
import type { NativeModel, ScoreReceipt } from '../bindings/native.ts';
import type { Engine } from '../engines/engine.ts';
import { EXIT } from '../errors.ts';
import { mergeTop, type Report } from '../report.ts';
import type { StoredOutput } from '../store/job.ts';
import { peakRssBytes } from '../system.ts';
import type { Execution, OpenJob } from './job.ts';
import type { Flagging } from './model.ts';
import type { Prepared } from './prepare.ts';
import { ActiveTime, type ChunkCounts } from './progress.ts';

/** Highest rows in a report. */
export const TOP_ROWS = 10;

/** What a scored chunk's receipt says beside its part: kept as its summary. */
export type ChunkFindings = Omit<ScoreReceipt, 'part'>;

/** Clocks of one run, in seconds; what a pause took is not counted. */
export class Timing {
  readonly #active = new ActiveTime(nowSeconds());
  #last = 0;
  readonly cpu = process.cpuUsage();
  /** Seconds since the last lap. */
  lap(): number {
    const { total } = this;
    const seconds = total - this.#last;
    this.#last = total;
    return seconds;
  }
  get total(): number {
    return this.#active.seconds(nowSeconds());
  }
  pause(): void {
    this.#active.pause(nowSeconds());
  }
  resume(): void {
    this.#active.resume(nowSeconds());
  }
}

const nowSeconds = () => performance.now() / 1000;

/** Everything a report is made of. */
export interface Outcome {
  prepared: Prepared;
  job: OpenJob;
  execution: Execution;
  model: NativeModel;
  engine: Pick<Engine, 'name' | 'workers'>;
  counts: { fit: ChunkCounts; score: ChunkCounts };
  output: StoredOutput;
  flagging: Flagging | null;
  receipts: ChunkFindings[];
  timing: Timing;
  laps: { planSeconds: number; fitSeconds: number; scoreSeconds: number };
  warnings?: string[];
}

/** The report of a finished run. */
export function reportOf(o: Outcome): Report {
  const { prepared, model, flagging, receipts, timing } = o;
  const { facts, spec } = prepared;
  const bytes = facts.files.reduce((sum, file) => sum + file.size, 0);
  const publishSeconds = timing.lap();
  const cpu = process.cpuUsage(timing.cpu);
  const total = timing.total;
  const sum = (pick: (receipt: ChunkFindings) => number) => receipts.reduce((n, receipt) => n + pick(receipt), 0);
  const scored = new Set(model.facts.columns);
  const ignored = facts.columns
    .filter((column) => !scored.has(column.name))
    .map((column) => ({ column: column.name, reason: ignoredReason(column, model, spec.columns) }));
  return {
    schema: 'batch-core.report/1',
    jobId: o.job.jobId,
    executionId: o.execution.executionId,
    status: 'completed',
    exitCode: EXIT.ok,
    recalled: false,
    source: {
      files: facts.files.length,
      rows: prepared.rows,
      rowGroups: facts.files.reduce((n, file) => n + file.rowGroups.length, 0),
      bytes,
      columns: model.facts.columns,
      ignored,
    },
    detector: model.facts.detector,
    model: { digest: model.facts.digest, fitRows: model.facts.fitRows },
    output: {
      path: prepared.output.path,
      format: prepared.kind === 'fit' ? 'model' : prepared.output.layout === 'file' ? 'parquet' : 'parquet-directory',
      rows: o.output.rows,
      bytes: o.output.bytes,
      sha256: o.output.sha256,
    },
    anomalies: flagging && {
      count: sum((receipt) => receipt.flagged),
      threshold: flagging.threshold ?? flagging.lastOfTop?.score ?? null,
      method: flagging.method,
      shareError: flagging.shareError,
      skippedRows: sum((receipt) => receipt.skipped),
      top: mergeTop(
        receipts.map((receipt) => receipt.best),
        TOP_ROWS,
      ),
    },
    chunks: o.counts.score,
    fit: o.counts.fit,
    timing: { ...o.laps, publishSeconds, totalSeconds: total },
    throughput: { rowsPerSecond: prepared.rows / total, bytesPerSecond: bytes / total },
    resources: {
      engine: o.engine.name,
      workers: o.engine.workers,
      peakRssBytes: peakRssBytes(),
      memoryBudgetBytes: prepared.budget.memoryBytes,
      cpuUtilization: (cpu.user + cpu.system) / 1e6 / total / o.engine.workers,
    },
    warnings: [...(o.warnings ?? [])],
  };
}

function ignoredReason(
  column: { name: string; type: string; usable: boolean },
  model: NativeModel,
  selected: readonly string[],
): string {
  if (model.facts.constants.includes(column.name)) return 'constant';
  if (!column.usable && !selected.includes(column.name)) return column.type;
  return selected.includes(column.name) ? 'constant' : 'not selected';
}
