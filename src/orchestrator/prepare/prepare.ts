/** From what was asked to what will be done: facts, model, identity and plan. Reads the source's footers; writes nothing. */
import { type DetectorInfo, detectorTable, duckdbVersion, type NativeModel } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { fromHere, placeOf } from '../../files/paths.ts';
import { readFacts, type SourceFacts, type SourceFile } from '../../source/facts.ts';
import { storage } from '../../storage/sources.ts';
import { publications } from '../../store/home.ts';
import { measureCapacity } from '../../system.ts';
import { refuseRowNumbers } from '../spec/columns.ts';
import { fingerprintOf, type JobSpec, jobIdOf, refuseNul, specOf } from '../spec/jobSpec.ts';
import { checkOptions, checkParameters } from '../spec/options.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import type { Parameters as DetectorParameters, ForestOptions, ScoreOptions } from '../spec/optionTypes.ts';
import { type Plan, planScan } from '../spec/plan.ts';
import { type Budget, decideBudget, type MemoryNeeds, parseBytes, refuseAddressLimit } from '../spec/resources.ts';
import { RESULT_VERSION } from '../spec/resultVersion.ts';
import { checkCondition } from './condition.ts';
import { type Fitting, fittingOf, ofWholeSource, type Source } from './fitting.ts';
import { jobPaths, refuseHome, resolveHome } from './home.ts';
import { loadForest, loadModelFile } from './modelFile.ts';
import { mostOf, needsOf } from './needs.ts';
import { inputFiles, type Output, outputAt, resolveOutput, writtenPlaces } from './output.ts';

/** What is asked of a run; a forest to calibrate is no model that scores, and takes the place of a detector. */
export type RunOptions = ScoreOptions & Partial<Pick<ForestOptions, 'forest'>>;

export interface Prepared {
  kind: 'score' | 'fit';
  /** The directory of jobs. */
  home: string;
  sources: string[];
  /** Of each file, with links resolved: a job is its content and where it lies. */
  realPaths: string[];
  options: RunOptions;
  facts: SourceFacts;
  /** The saved model, where one scores. */
  model: NativeModel | undefined;
  /** The imported forest, where one is calibrated. */
  forest: NativeModel | undefined;
  output: Output;
  spec: JobSpec;
  fingerprint: string;
  jobId: string;
  plan: Plan;
  budget: Budget;
  rows: number;
  /** What it will hold in memory. */
  needs: MemoryNeeds;
  /** What is fitted, and on what, where one fits. */
  fitting: Fitting | undefined;
}

/** All files that a job reads: those of its source, and after them those that it only fits on. */
export function filesOf({ facts, fitting }: Pick<Prepared, 'facts' | 'fitting'>): readonly SourceFile[] {
  return fitting && !fitting.isSource ? [...facts.files, ...fitting.facts.files] : facts.files;
}

export async function prepare(
  kind: 'score' | 'fit',
  source: string | readonly string[],
  options: RunOptions,
  modelOut?: string,
): Promise<Prepared> {
  checkOptions(options, options.forest === undefined ? kind : 'model import');
  options = absolutePaths(options);
  const model = options.model === undefined ? undefined : loadModelFile(options.model);
  const forest = forestOf(options);
  const table = model ? [] : detectorTable();
  const parameters = model ? {} : parametersOf(forest, table, options);
  const capacity = measureCapacity();
  refuseAddressLimit(capacity);
  const memoryBytes = options.memory === undefined ? undefined : memoryWish(options.memory, capacity.memoryBytes);

  const asked = typeof source === 'string' ? [source] : [...source];
  const output =
    kind === 'fit'
      ? outputAt(modelOut === undefined ? '' : placeOf(modelOut, '--model'), 'file')
      : resolveOutput(options.out, asked);
  const home = resolveHome(options.home, output.path);
  refuseHome(home);
  const look = { places: writtenPlaces(output, options.saveModel), jobs: () => publications(home), of: asked };
  const fitOn = options.fitOn === undefined ? undefined : [options.fitOn].flat();
  const purpose = forest ? 'calibrate on' : kind;
  const from = await readSource(asked, look, { groups: !model && !fitOn, purpose });
  const other = fitOn && (await readSource(fitOn, look, { groups: true, purpose: 'fit on' }));
  const { facts, realPaths, rows } = from;
  const spec = specOf({
    kind,
    facts,
    fitFacts: other?.facts,
    options,
    parameters,
    model: model && {
      digest: model.facts.digest,
      columns: model.facts.columns,
      contamination: model.facts.contamination,
      threshold: model.facts.threshold,
      missing: model.facts.missing ?? DEFAULTS.missing,
      calibrated: model.facts.fitRows !== null,
    },
    forest: forest?.facts,
    layout: output.layout,
    versions: { result: RESULT_VERSION, duckdb: duckdbVersion() },
  });
  refuseNul(spec, facts);
  if (options.fitWhere !== undefined) await checkCondition(options.fitWhere, (other ?? from).facts, '--fit-where');
  const fingerprint = fingerprintOf(spec);
  const plan = planScan(facts.files, spec.chunkRows);
  const { chunks } = other ? planScan(other.facts.files, spec.chunkRows) : plan;
  const fitting = fittingOf(spec, other ?? from, chunks, table);
  const needs = mostOf(
    needsOf(facts, spec.columns, spec.score?.keep ?? [], {
      topRows: spec.score?.flag.kind === 'top' ? spec.score.flag.rows : 0,
      chunks: plan.chunks.length,
    }),
    other && needsOf(other.facts, spec.columns, [], { topRows: 0, chunks: chunks.length }),
  );
  const workers = options.engine === 'sequential' ? 1 : options.workers;
  const budget = decideBudget(capacity, { workers, memoryBytes, needs });
  const sources = asked.map((path) => fromHere(path));
  const jobId = jobIdOf(fingerprint, { sources: realPaths, out: output.place });
  // A model that nobody asked to have elsewhere stays in the job.
  const published = output.path === '' ? outputAt(jobPaths(home, jobId).model, 'file') : output;
  return {
    kind,
    fitting,
    home,
    sources,
    realPaths,
    options,
    facts: { ...facts, extents: ofWholeSource(facts.extents) },
    model,
    forest,
    output: published,
    spec,
    fingerprint,
    jobId,
    plan,
    budget,
    needs,
    rows,
  };
}

/** The facts of the files that are meant; refuses a source without a row. */
async function readSource(
  asked: readonly string[],
  look: Parameters<typeof inputFiles>[1],
  { groups, purpose }: { groups: boolean; purpose: string },
): Promise<Source> {
  const files = await inputFiles(asked, look);
  const facts = await readFacts(files, { groups });
  const rows = facts.files.reduce((sum, file) => sum + file.rows, 0);
  if (rows === 0)
    throw new BatchCoreError('SOURCE_EMPTY', `${asked.join(', ')} has no rows: there is nothing to ${purpose}`, {
      where: { file: files[0] ?? '' },
      hint: 'check what wrote it',
    });
  refuseRowNumbers(facts);
  return { facts, rows, realPaths: await Promise.all(files.map((file) => storage.realPath(file))) };
}

/** Paths that mean the same from any directory: a job may be resumed from another one. */
function absolutePaths(options: RunOptions): RunOptions {
  const { model, saveModel, fitOn, forest } = options;
  return {
    ...options,
    ...(model !== undefined && { model: fromHere(model) }),
    ...(forest !== undefined && { forest: fromHere(forest) }),
    ...(fitOn !== undefined && { fitOn: [fitOn].flat().map((path) => fromHere(path)) }),
    ...(saveModel !== undefined && { saveModel: placeOf(saveModel, '--save-model') }),
  };
}

/** The forest to calibrate. A share of rows to flag takes the place of the threshold that its file has. */
function forestOf({ forest, columns, missing, contamination }: RunOptions): NativeModel | undefined {
  if (forest === undefined) return undefined;
  return loadForest(forest, {
    columns,
    missing: missing ?? DEFAULTS.missing,
    withoutThreshold: contamination !== undefined,
  });
}

/** Those of the fit: another program's, or those of the detector's table that were not asked for otherwise. */
function parametersOf(
  forest: NativeModel | undefined,
  table: readonly DetectorInfo[],
  { detector, parameters }: RunOptions,
): DetectorParameters {
  // They are numbers.
  if (forest) return forest.facts.parameters as DetectorParameters;
  return checkParameters(table, detector ?? DEFAULTS.detector, parameters);
}

function memoryWish(text: string, capacityBytes: number): number {
  const bytes = parseBytes(text, capacityBytes);
  if (bytes !== undefined) return bytes;
  throw new BatchCoreError('USAGE', `--memory: "${text}" is not a size, nor a share of memory`, {
    where: { option: '--memory' },
    hint: 'for example 512MiB, 2GB or 50%',
  });
}
