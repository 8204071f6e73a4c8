/**
 * Anomaly scores for Parquet files larger than memory, at the speed of the scan, exactly once.
 *
 * @packageDocumentation
 */

import type { RunEvent } from './events/event.ts';
import { sinksOf } from './events/listener.ts';
import type { Progress } from './events/progress.ts';
import { fromHere } from './files/paths.ts';
import { Model } from './model.ts';
import { followSignal, inPackageWords, packageWords, readOnce } from './orchestrator/core/call.ts';
import { type Evaluation, evaluate as evaluateOutput } from './orchestrator/core/evaluate.ts';
import {
  loadModelFile,
  type ModelOrigin,
  type PlanReport,
  planScore,
  type RunHooks,
  runFitOf,
  runScore,
} from './orchestrator/core/runs.ts';
import { checkOptions, checkPath, checkSource, refuseMore } from './orchestrator/spec/options.ts';
import type { EvaluateOptions, FitOptions, ScoreOptions } from './orchestrator/spec/optionTypes.ts';
import type { Report } from './report.ts';

export { BatchCoreError, ERROR_CODES, type ErrorClass, type ErrorCode, type ErrorPlace } from './errors.ts';
export type { RunEvent } from './events/event.ts';
export type { Phase, Progress } from './events/progress.ts';
export { Model } from './model.ts';
export type { Evaluation } from './orchestrator/core/evaluate.ts';
export type { PlanReport } from './orchestrator/core/runs.ts';
export type {
  EvaluateOptions,
  FitOptions,
  Missing,
  Parameters,
  ScoreOptions,
} from './orchestrator/spec/optionTypes.ts';
export type { Report, TopRow } from './report.ts';

/** How a run is followed and stopped. */
export interface RunControls {
  /**
   * Aborting stops the run; finished chunks are kept and the same call goes on from them. In a worker thread it is the way
   * to stop: `worker.terminate()` during a run ends the process, by the DuckDB client's hand.
   */
  signal?: AbortSignal | undefined;
  /**
   * Called at least twice a second while the run goes on, and less often where it takes long itself: half of the time is
   * the run's. What it returns is not waited for; when it throws or rejects, it is not called again, the run goes on, and
   * the `warnings` of what is returned say so.
   */
  onProgress?: ((progress: Progress) => unknown) | undefined;
  /** Called for what happens once: started, resumed, retry, published, finished and so on, each with its number; as
   * `onProgress` is. */
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
  return called('score', source, options, more, async ({ sources, rest, hooks }) => {
    const report = await runScore(sources, rest, hooks);
    return { ...report, warnings: packageWords(report.warnings, 'score') };
  });
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
    RunControls & {
      /** Where the model is written. Default: a file in the job's home. */ out?: string | undefined;
    } = {},
  ...more: never[]
): Promise<Model> {
  return called('fit', source, options, more, async ({ sources, rest, hooks }) => {
    const { out, ...fitting } = rest;
    const { report, origin } = await runFitOf(sources, out, fitting, hooks);
    return modelAt(report.output.path, origin, packageWords(report.warnings, 'fit'));
  });
}

/**
 * What {@link score} would do: chunks, phases, workers and memory. Reads footers only and touches nothing. Its `warnings` say
 * what `score` would refuse as things lie now: what lies at the output's place, another job that runs or is unfinished there.
 *
 * @throws {@link BatchCoreError} for what is wrong with source, options, model and memory.
 */
export async function plan(
  source: string | readonly string[],
  options: ScoreOptions = {},
  ...more: never[]
): Promise<PlanReport> {
  return called('plan', source, options, more, async ({ sources, rest }) => {
    const report = await planScore(sources, rest);
    return { ...report, warnings: packageWords(report.warnings, 'plan') };
  });
}

/**
 * What an output is worth against labels: AUROC, average precision, precision at n, and precision, recall and F1 of the rows
 * that are flagged. Each row counts with the label that the source has in the row of its number; nothing is written.
 *
 * @param out - A file or directory that {@link score} wrote.
 * @throws {@link BatchCoreError} `LABEL_INVALID` for a column that is no label, or that has one class only; `INPUT_CHANGED`
 * for a source that is not what was scored.
 */
export async function evaluate(
  out: string,
  options: EvaluateOptions & Pick<RunControls, 'signal'>,
  ...more: never[]
): Promise<Evaluation> {
  return inPackageWords('evaluate', async () => {
    const [path, given] = [readOnce(out, 'out'), readOnce(options, 'options')];
    checkPath(path, 'out', 'scores.parquet');
    checkOptions(given, 'evaluate', 'name');
    refuseMore('evaluate', 2, more);
    const { signal, letGo } = followSignal(given.signal);
    return evaluateOutput(path, { ...given, signal }).finally(letGo);
  });
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

/** What was asked: read once, and refused where no source could make it right; callbacks and signal cannot fail. */
interface Called<Options> {
  sources: string | readonly string[];
  rest: Omit<Options, keyof RunControls>;
  hooks: RunHooks;
}

function called<Options extends object, Answer>(
  taker: 'score' | 'fit' | 'plan',
  source: string | readonly string[],
  options: Options & RunControls,
  more: readonly unknown[],
  work: (call: Called<Options>) => Promise<Answer>,
): Promise<Answer> {
  return inPackageWords(taker, async () => {
    const [sources, given] = [readOnce(source, 'source'), readOnce(options, 'options')];
    checkSource(sources);
    checkOptions(given, taker, 'name');
    refuseMore(taker, 2, more);
    const { signal, onProgress, onEvent, ...rest } = given;
    const followed = followSignal(signal);
    const hooks = { signal: followed.signal, sinks: sinksOf({ onProgress, onEvent }) };
    return work({ sources, rest, hooks }).finally(followed.letGo);
  });
}
