/** What a run would do, for people and programs. */
import type { FitStep } from '../../bindings/native.ts';
import type { Report } from '../../report.ts';
import { recentReports } from '../../store/reports.ts';
import { findShared } from '../job/sharedModel.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { coarseWarnings, reportedSource, unscoredReason } from '../prepare/reportedSource.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import { type Expected, expectedTime } from './expected.ts';
import { foreseen } from './foreseen.ts';

/** The answer of `plan`: nothing has been touched. */
export interface PlanReport {
  schema: 'batch-core.plan/1';
  jobId: string;
  fingerprint: string;
  source: Report['source'];
  detector: string;
  /** What would be fitted on: rows of so many files, of those the ones of which the SQL condition is true; null where nothing is fitted. */
  fit: { files: number; rows: number; condition: string | null } | null;
  output: { path: string; layout: 'file' | 'directory' };
  /** Scans of the source, in order. */
  phases: string[];
  chunks: { planned: number; rowsMax: number; oversizedRowGroups: number };
  resources: { engine: string; workers: number; memoryBudgetBytes: number };
  /** How long it would take, were nothing finished yet. */
  expected: Expected;
  /** Of what is planned, and of what `score` would refuse as things lie now. */
  warnings: string[];
}

/** What a run would do, and what it would refuse, by all that can be seen without touching anything. */
export async function preview(prepared: Prepared): Promise<PlanReport> {
  // What the home has is not fitted.
  const fitting = findShared(prepared).found ? undefined : prepared.fitting;
  const report = planReport({ ...prepared, fitting }, recentReports(prepared.home));
  return { ...report, warnings: [...(await foreseen(prepared)), ...report.warnings] };
}

/** `recent`: the reports of the home's latest runs, which tell how long one takes. */
export function planReport(prepared: Prepared, recent: readonly Report[]): PlanReport {
  const { spec, plan, output, model } = prepared;
  const { warning } = prepared.budget;
  const warnings = [...(warning === undefined ? [] : [warning]), ...coarseWarnings(prepared)];
  if (plan.oversized > 0)
    warnings.push(`${plan.oversized} row groups are larger than --chunk-rows ${spec.chunkRows}: each is one chunk`);
  const scans = [
    ...passesOf(prepared.fitting?.step).map((pass) => `fit-${pass}`),
    ...(spec.score?.flag.kind === 'top' ? ['rank'] : []),
    'score',
  ];
  const detector = model?.facts.detector ?? spec.fit?.detector ?? '';
  const { workers } = prepared.budget;
  const work = { rows: prepared.rows, columns: spec.columns.length, scans: scans.length, workers, detector };
  return {
    schema: 'batch-core.plan/1',
    jobId: prepared.jobId,
    fingerprint: prepared.fingerprint,
    source: reportedSource(prepared, spec.columns, (column) => unscoredReason(column, prepared.options)),
    detector,
    fit: fitOf(prepared),
    output: { path: output.path, layout: output.layout },
    phases: [...scans, 'publish'],
    chunks: {
      planned: plan.chunks.length,
      rowsMax: plan.chunks.reduce((most, { rows }) => Math.max(most, rows), 0),
      oversizedRowGroups: plan.oversized,
    },
    resources: {
      engine: prepared.options.engine ?? DEFAULTS.engine,
      workers,
      memoryBudgetBytes: prepared.budget.memoryBytes,
    },
    expected: expectedTime(work, recent),
    warnings,
  };
}

function fitOf({ fitting, spec }: Prepared): PlanReport['fit'] {
  if (!fitting) return null;
  const { facts, rows } = fitting;
  return { files: facts.files.length, rows, condition: spec.fit?.condition ?? null };
}

/** The passes of a fit, as far as can be told before it: one more follows where the source's statistics are wrong. */
function passesOf(fit: FitStep | undefined): number[] {
  return fit ? Array.from({ length: fit.passes - fit.pass + 1 }, (_, i) => fit.pass + i) : [];
}
