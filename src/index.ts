/**
 * Anomaly scores for Parquet files larger than memory, at the speed of the scan, exactly once.
 *
 * @packageDocumentation
 */
import { Model } from './model.ts';
import { type GuardedListener, guard } from './orchestrator/listener.ts';
import {
  checkOptions,
  checkPath,
  checkSource,
  type FitOptions,
  refuseMore,
  type ScoreOptions,
  type Taker,
} from './orchestrator/options.ts';
import { loadModelFile, prepare } from './orchestrator/prepare.ts';
import { type PlanReport, planReport } from './orchestrator/preview.ts';
import type { Progress, RunEvent } from './orchestrator/progress.ts';
import { runFitOf, runScore } from './orchestrator/run.ts';
import type { ModelOrigin } from './orchestrator/save.ts';
import { fromHere } from './paths.ts';
import type { Report } from './report.ts';
import { recentReports } from './store/reports.ts';

export { BatchCoreError, ERROR_CODES, type ErrorClass, type ErrorCode, type ErrorPlace } from './errors.ts';
export { Model } from './model.ts';
export type { FitOptions, Missing, Parameters, ScoreOptions } from './orchestrator/options.ts';
export type { PlanReport } from './orchestrator/preview.ts';
export type { Phase, Progress, RunEvent } from './orchestrator/progress.ts';
export type { Report, TopRow } from './report.ts';

/** How a run is followed and stopped. */
export interface RunControls {
  /** Aborting stops the run; finished chunks are kept and the same call goes on from them. */
  signal?: AbortSignal | undefined;
  /**
   * Called at least twice a second while the run goes on, and less often where it takes long itself: half of the time is
   * the run's. What it returns is not waited for; when it throws or rejects, it is not called again, the run goes on, and
   * the `warnings` of what is returned say so.
   */
  onProgress?: ((progress: Progress) => unknown) | undefined;
  /** Called for what happens once: started, resumed, retry, published, finished and so on; as `onProgress` is. */
  onEvent?: ((event: RunEvent) => unknown) | undefined;
}

/**
 * Scores every row of `source` into one Parquet file or a directory of parts.
 *
 * Runs plan, fit (unless `model` is given), score and publish. When the same job was interrupted, only what is missing
 * is done; when it is finished and its output is there, nothing is.
 *
 * @param source - A Parquet file, a directory, a glob, or several of them. A path that exists is taken literally.
 * @returns The report, as `report.json` in the job's directory has it.
 * @throws {@link BatchCoreError} with a stable `code`; nothing half-written is left under the output's name.
 */
export async function score(
  source: string | readonly string[],
  options: ScoreOptions & RunControls = {},
  ...more: never[]
): Promise<Report> {
  const { signal, listener, rest } = checked('score', source, options, more);
  const report = await runScore(source, rest, { signal, ...sinksOf(listener) });
  return { ...report, warnings: [...report.warnings, ...listener.warnings] };
}

/**
 * Fits a model on `source`.
 *
 * @returns The frozen model; `model.save(path)` writes it.
 * @throws {@link BatchCoreError} as {@link score} does.
 */
export async function fit(
  source: string | readonly string[],
  options: FitOptions &
    RunControls & { /** Where the model is written. Default: a file in the job's home. */ out?: string } = {},
  ...more: never[]
): Promise<Model> {
  const { signal, listener, rest } = checked('fit', source, options, more);
  const { out, ...fitting } = rest;
  const { report, origin } = await runFitOf(source, out, fitting, { signal, ...sinksOf(listener) });
  return modelAt(report.output.path, origin, [...report.warnings, ...listener.warnings]);
}

/**
 * What {@link score} would do: chunks, phases, workers and memory. Reads footers only and touches nothing.
 *
 * @throws {@link BatchCoreError} for whatever can be known before work.
 */
export async function plan(
  source: string | readonly string[],
  options: ScoreOptions = {},
  ...more: never[]
): Promise<PlanReport> {
  const { rest } = checked('plan', source, options, more);
  const prepared = await prepare('score', source, rest);
  return planReport(prepared, recentReports(prepared.home));
}

/**
 * Loads a model that {@link fit} or `--save-model` wrote.
 *
 * @throws {@link BatchCoreError} `MODEL_NOT_FOUND` or `MODEL_INVALID`.
 */
export async function loadModel(path: string, ...more: unknown[]): Promise<Model> {
  checkPath(path);
  // It has no options; what `paths.map(loadModel)` adds is none either.
  if (typeof more[0] === 'object') refuseMore('loadModel', 1, more);
  return modelAt(path, { sources: [], home: undefined }, []);
}

function modelAt(path: string, origin: ModelOrigin, warnings: readonly string[]): Model {
  return new Model(loadModelFile(fromHere(path)), origin, warnings);
}

/** What was asked, refused where no source could make it right, with callbacks that cannot fail. */
function checked<Options extends object>(
  taker: Taker,
  source: unknown,
  options: Options & RunControls,
  more: readonly unknown[],
) {
  checkSource(source);
  checkOptions(options, taker, 'name');
  refuseMore(taker, 2, more);
  const { signal, onProgress, onEvent, ...rest } = options;
  return { signal, listener: guard({ onProgress, onEvent }), rest };
}

function sinksOf({ onProgress, onEvent }: GuardedListener) {
  return { onProgress, onEvent };
}
