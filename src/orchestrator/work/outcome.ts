/** What a run found and took, and the report made of it. */
import type { LeftOut, NativeModel } from '../../bindings/native.ts';
import type { Findings } from '../../bindings/task.ts';
import type { Engine } from '../../engines/engine.ts';
import { EXIT } from '../../errors.ts';
import { ActiveTime, type ChunkCounts } from '../../events/progress.ts';
import { type Report, topRow } from '../../report.ts';
import type { Extent } from '../../source/extent.ts';
import type { SourceColumn } from '../../source/facts.ts';
import type { StoredOutput } from '../../store/job.ts';
import { peakRssBytes } from '../../system.ts';
import type { Execution, OpenJob } from '../job/job.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { coarseWarnings, reportedSource, unscoredReason } from '../prepare/reportedSource.ts';
import type { FlagRule } from '../spec/options.ts';
import type { Flagging } from './model.ts';
import type { VerifiedInput } from './verifyInput.ts';

/** Highest rows in a report. */
export const TOP_ROWS = 10;

/** Clocks of one run, in seconds; what a pause took is not counted. */
export class Timing {
  readonly #active = new ActiveTime(nowSeconds());
  #last = 0;
  readonly #cpu = process.cpuUsage();
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
  /** Of the process, since this began. */
  get cpuSeconds(): number {
    const { user, system } = process.cpuUsage(this.#cpu);
    return (user + system) / 1e6;
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
  engine: Pick<Engine, 'name' | 'capacity'>;
  counts: { fit: ChunkCounts; score: ChunkCounts };
  output: StoredOutput;
  verified: VerifiedInput | null;
  flagging: Flagging | null;
  /** Of all chunks. */
  findings: Findings;
  timing: Timing;
  laps: { planSeconds: number; fitSeconds: number; scoreSeconds: number; publishSeconds: number };
  warnings?: string[];
}

/** The report of a finished run. */
export function reportOf(o: Outcome): Report {
  const { prepared, model, flagging, findings, timing } = o;
  const { cpuSeconds } = timing;
  const total = timing.total;
  const source = reportedSource(prepared, model.facts.columns, (column) => ignoredReason(column, prepared, model));
  return {
    schema: 'batch-core.report/1',
    jobId: o.job.jobId,
    executionId: o.execution.executionId,
    status: 'completed',
    exitCode: EXIT.ok,
    recalled: false,
    inputVerified: o.verified !== null,
    inputDigests: o.verified?.digests ?? null,
    inputPages: o.verified?.pages ?? null,
    source,
    detector: model.facts.detector,
    model: { digest: model.facts.digest, fitRows: model.facts.fitRows, sourceRows: model.facts.sourceRows },
    output: {
      path: prepared.output.path,
      format: prepared.kind === 'fit' ? 'model' : prepared.output.layout === 'file' ? 'parquet' : 'parquet-directory',
      rows: o.output.rows,
      bytes: o.output.bytes,
      sha256: o.output.sha256,
    },
    anomalies: flagging && {
      count: findings.flagged,
      threshold: flagging.threshold ?? flagging.lastOfTop?.score ?? null,
      method: flagging.method,
      shareError: flagging.shareError,
      skippedRows: findings.skipped,
      top: findings.best.map(topRow),
    },
    chunks: o.counts.score,
    fit: o.counts.fit,
    timing: { ...o.laps, totalSeconds: total },
    throughput: { rowsPerSecond: prepared.rows / total, bytesPerSecond: source.bytes / total },
    resources: {
      engine: o.engine.name,
      workers: o.engine.capacity,
      peakRssBytes: peakRssBytes(),
      memoryBudgetBytes: prepared.budget.memoryBytes,
      cpuSeconds,
      cpuUtilization: cpuSeconds / total / o.engine.capacity,
    },
    warnings: [
      ...source.ignored.filter(({ reason }) => reason === EQUAL_AS_DOUBLES).map(({ column }) => equalWarning(column)),
      ...coarseWarnings(prepared),
      ...fewerWarnings(prepared.spec.score?.flag, findings.flagged),
      ...(o.warnings ?? []),
    ],
  };
}

/** Fewer rows have a score than were asked for. */
function fewerWarnings(flag: FlagRule | undefined, flagged: number): string[] {
  if (flag?.kind !== 'top' || flagged === flag.rows) return [];
  return [`--top ${flag.rows}: ${flagged} rows have a score, and all of them are flagged`];
}

/** Why a column is left out whose cells differ as integers or decimals, and not as the doubles that are scored. */
const EQUAL_AS_DOUBLES = 'equal as doubles';

function equalWarning(column: string): string {
  return `column "${column}" was left out: its cells are equal as doubles, which tell whole numbers apart up to 2^53`;
}

function ignoredReason(column: SourceColumn, { spec, facts, fitting, options }: Prepared, model: NativeModel): string {
  const leftOut = model.facts.leftOut.find((one) => one.column === column.name);
  if (!leftOut) return unscoredReason(column, options);
  if (leftOut.reason === 'identifier') return leftOut.reason;
  const { extents } = fitting?.facts ?? facts;
  if (spec.model === null && wasRounded(leftOut, column, extents.get(column.name))) return EQUAL_AS_DOUBLES;
  if (!isSaidOfAll(leftOut, extents.get(column.name), model)) return `${leftOut.reason} in the sample`;
  const ofOthers = spec.fit?.condition !== undefined || fitting?.isSource === false;
  return ofOthers ? `${leftOut.reason} in the fit` : leftOut.reason;
}

/** Whether what was seen of a column holds of all rows: these were seen, or the files' statistics say so. */
function isSaidOfAll({ reason }: LeftOut, extent: Extent | undefined, { facts }: NativeModel): boolean {
  if (facts.fitRows === facts.sourceRows) return true;
  return extent !== undefined && (reason === 'empty' ? extent.low > extent.high : extent.low === extent.high);
}

/** Whether cells that are one double may differ as they are stored. Where the files' statistics say, they are believed. */
function wasRounded(leftOut: LeftOut, column: SourceColumn, extent: Extent | undefined): boolean {
  if (extent?.integers) return extent.integers.length > 1;
  if (leftOut.reason !== 'constant' || typeof leftOut.value !== 'number') return false;
  const [, scale] = /^DECIMAL\(\d+,(\d+)\)$/.exec(column.type) ?? [];
  if (scale !== undefined) return Math.abs(leftOut.value) * 10 ** Number(scale) >= 2 ** 53;
  return leftOut.mayBeRounded && /^(U?BIGINT|TIME|TIMESTAMP)/.test(column.type);
}
