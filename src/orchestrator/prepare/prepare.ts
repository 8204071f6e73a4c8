/** From what was asked to what will be done: facts, model, identity and plan. Reads the source's footers; writes nothing. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import {
  beginFit,
  type DetectorInfo,
  detectorTable,
  duckdbVersion,
  type FitClaims,
  type FitStep,
  NativeModel,
} from '../../bindings/native.ts';
import { BatchCoreError, readError } from '../../errors.ts';
import { specialWords } from '../../files/head.ts';
import { fromHere, isLost, notUtf8, placeOf } from '../../files/paths.ts';
import { type Extent, GROUP_NUMBERS, withoutGroups } from '../../source/extent.ts';
import { readFacts, type SourceFacts } from '../../source/facts.ts';
import { storage } from '../../storage/sources.ts';
import { publications } from '../../store/home.ts';
import { measureCapacity } from '../../system.ts';
import { fingerprintOf, type JobSpec, jobIdOf, refuseNul, refuseRowNumbers, specOf } from '../spec/jobSpec.ts';
import { checkOptions, checkParameters } from '../spec/options.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import type { ScoreOptions } from '../spec/optionTypes.ts';
import {
  type Pilot,
  type Plan,
  type PlannedChunk,
  planPilot,
  planSample,
  planScan,
  SAMPLE_ROWS,
} from '../spec/plan.ts';
import { type Budget, decideBudget, type MemoryNeeds, parseBytes, refuseAddressLimit } from '../spec/resources.ts';
import { RESULT_VERSION } from '../spec/resultVersion.ts';
import { jobPaths, refuseHome, resolveHome } from './home.ts';
import { needsOf } from './needs.ts';
import { inputFiles, type Output, outputAt, resolveOutput, writtenPlaces } from './output.ts';

export interface Prepared {
  kind: 'score' | 'fit';
  /** The directory of jobs. */
  home: string;
  sources: string[];
  /** Of each file, with links resolved: a job is its content and where it lies. */
  realPaths: string[];
  options: ScoreOptions;
  facts: SourceFacts;
  /** The saved model, where one scores. */
  model: NativeModel | undefined;
  output: Output;
  spec: JobSpec;
  fingerprint: string;
  jobId: string;
  plan: Plan;
  budget: Budget;
  rows: number;
  /** What it will hold in memory. */
  needs: MemoryNeeds;
  /** The fit before its first pass, where one fits. */
  fit: FitStep | undefined;
  /** What a pilot pass reads, where the fit begins with one, or what a fit to a sample does. */
  pilot: PlannedChunk[];
}

export async function prepare(
  kind: 'score' | 'fit',
  source: string | readonly string[],
  options: ScoreOptions,
  modelOut?: string,
): Promise<Prepared> {
  checkOptions(options, kind);
  options = absolutePaths(options);
  const model = options.model === undefined ? undefined : loadModelFile(options.model);
  const table = model ? [] : detectorTable();
  const parameters = model ? {} : checkParameters(table, options.detector ?? DEFAULTS.detector, options.parameters);
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
  const places = writtenPlaces(output, options.saveModel);
  const files = await inputFiles(asked, { places, jobs: () => publications(home) });
  const facts = await readFacts(files, { groups: !model });
  const rows = facts.files.reduce((sum, file) => sum + file.rows, 0);
  if (rows === 0)
    throw new BatchCoreError('SOURCE_EMPTY', `${asked.join(', ')} has no rows: there is nothing to ${kind}`, {
      where: { file: files[0] ?? '' },
      hint: 'check what wrote it',
    });
  refuseRowNumbers(facts);
  const spec = specOf({
    kind,
    facts,
    options,
    parameters,
    model: model && {
      digest: model.facts.digest,
      columns: model.facts.columns,
      contamination: model.facts.contamination,
      threshold: model.facts.threshold,
      missing: model.facts.missing ?? DEFAULTS.missing,
    },
    layout: output.layout,
    versions: { result: RESULT_VERSION, duckdb: duckdbVersion() },
  });
  refuseNul(spec, facts);
  const fingerprint = fingerprintOf(spec);
  const plan = planScan(facts.files, spec.chunkRows);
  const needs = needsOf(facts, spec.columns, spec.score?.keep ?? [], {
    topRows: spec.score?.flag.kind === 'top' ? spec.score.flag.rows : 0,
    chunks: plan.chunks.length,
  });
  const workers = options.engine === 'sequential' ? 1 : options.workers;
  const budget = decideBudget(capacity, { workers, memoryBytes, needs });
  const sources = asked.map((path) => fromHere(path));
  const realPaths = await Promise.all(files.map((file) => storage.realPath(file)));
  const jobId = jobIdOf(fingerprint, { sources: realPaths, out: output.place });
  // A model that nobody asked to have elsewhere stays in the job.
  const published = output.path === '' ? outputAt(jobPaths(home, jobId).model, 'file') : output;
  const pilot = spec.fit ? readFirst(spec.fit, facts, table) : undefined;
  const fit =
    pilot && spec.fit
      ? beginFit(fitSpecOf(spec.fit, spec, rows), claimsOf(spec.columns, facts, pilot.groups))
      : undefined;
  return {
    kind,
    fit,
    pilot: pilot?.chunks ?? [],
    home,
    sources,
    realPaths,
    options,
    facts: { ...facts, extents: ofWholeSource(facts.extents) },
    model,
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

/** What is read of a source before all of it is, or instead: a pilot, or what is sampled. */
function readFirst(
  { detector, seed, fitRows }: NonNullable<JobSpec['fit']>,
  facts: SourceFacts,
  table: readonly DetectorInfo[],
): Pilot {
  const passes = table.find(({ name }) => name === detector)?.passes;
  if (fitRows === 'all' || (fitRows === undefined && passes !== 0)) return planPilot(facts.files);
  return planSample(facts.files, { seed, rows: fitRows ?? SAMPLE_ROWS });
}

/** The most cells that a sample may have: 64 MiB, which a fit copies. */
const SAMPLE_CELLS_MAX = 2 ** 23;

/** What is to be fitted, as the kernels read it. */
function fitSpecOf(
  { fitRows, maybeIdentifiers = [], ...fit }: NonNullable<JobSpec['fit']>,
  { columns, missing }: JobSpec,
  rows: number,
): Record<string, unknown> {
  const most = Math.max(1, Math.floor(SAMPLE_CELLS_MAX / columns.length));
  if (typeof fitRows === 'number' && fitRows > most && fitRows < rows)
    throw new BatchCoreError(
      'USAGE',
      `--fit-rows: a sample of ${fitRows} rows of ${columns.length} columns is too large`,
      {
        where: { option: '--fit-rows' },
        hint: `give up to ${most}, or all`,
      },
    );
  return {
    ...{ ...fit, columns, missing, rows, maybe_identifiers: maybeIdentifiers },
    ...(fitRows !== undefined && { fit_rows: fitRows }),
  };
}

/** What the source's own statistics say of the columns to fit: nothing unless they tell of each. */
function claimsOf(columns: readonly string[], facts: SourceFacts, groups: Pilot['groups']): FitClaims {
  const extents = columns.flatMap((name) => facts.extents.get(name) ?? []);
  const ranges = extents.length === columns.length ? extents.flatMap(({ low, high }) => [low, high]) : [];
  return {
    ranges,
    groupRows: groups.rows,
    groupPilot: groups.arePilot,
    groupExtents: groupExtents(columns.length, extents, groups.rows.length),
  };
}

/** Without what is said of each row group, which only a fit that begins is told. */
function ofWholeSource(extents: SourceFacts['extents']): SourceFacts['extents'] {
  return new Map([...extents].map(([name, extent]) => [name, withoutGroups(extent)]));
}

/** What is said of each row group, of each of so many columns: nothing unless it is said of all. */
function groupExtents(columns: number, extents: readonly Extent[], groups: number): Float64Array {
  const told = extents.flatMap((extent) => (extent.groups ? [extent.groups] : []));
  if (told.length < columns) return new Float64Array();
  const numbers = new Float64Array(groups * columns * GROUP_NUMBERS);
  told.forEach((column, place) => {
    for (let at = 0; at < groups * GROUP_NUMBERS; at += 1) {
      const [group, number] = [Math.floor(at / GROUP_NUMBERS), at % GROUP_NUMBERS];
      numbers[(group * columns + place) * GROUP_NUMBERS + number] = column[at] ?? 0;
    }
  });
  return numbers;
}

/** Paths that mean the same from any directory: a job may be resumed from another one. */
function absolutePaths(options: ScoreOptions): ScoreOptions {
  const { model, saveModel } = options;
  return {
    ...options,
    ...(model !== undefined && { model: fromHere(model) }),
    ...(saveModel !== undefined && { saveModel: placeOf(saveModel, '--save-model') }),
  };
}

function memoryWish(text: string, capacityBytes: number): number {
  const bytes = parseBytes(text, capacityBytes);
  if (bytes !== undefined) return bytes;
  throw new BatchCoreError('USAGE', `--memory: "${text}" is not a size, nor a share of memory`, {
    where: { option: '--memory' },
    hint: 'for example 512MiB, 2GB or 50%',
  });
}

/** Reads a saved model. */
export function loadModelFile(path: string): NativeModel {
  const bytes = readModelBytes(path, 'model', {
    absent: 'make one with "batch-core fit <source> -m <path>"',
    other: 'name the file that "batch-core fit <source> -m <path>" wrote',
  });
  try {
    return new NativeModel(bytes);
  } catch (cause) {
    const { code, message } = BatchCoreError.from(cause);
    // Not the file's fault.
    if (code === 'ADDON_MISSING' || code === 'OUT_OF_MEMORY') throw cause;
    throw new BatchCoreError('MODEL_INVALID', `${path}: ${message}`, {
      where: { file: path },
      hint: 'the file is damaged, of a newer version or not a model; fit it again',
      cause,
    });
  }
}

/** What is asked to do where there is no such file, and where it is no file. */
interface FileHints {
  absent: string;
  other: string;
}

/** Reads a file that holds a model, or what `what` says. */
export function readModelBytes(path: string, what: string, hints: FileHints): Buffer {
  try {
    // Asked before it is opened: opening a pipe waits for whoever writes into it.
    const stats = statSync(path);
    if (!stats.isFile())
      throw new BatchCoreError('MODEL_NOT_FOUND', `cannot read the ${what} ${path}: it is ${specialWords(stats)}`, {
        where: { file: path },
        hint: hints.other,
      });
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof BatchCoreError) throw cause;
    if (isLost(path, path)) throw notUtf8(basename(path), path, 'MODEL_NOT_FOUND');
    throw readError(cause, `the ${what} ${path}`, { path, absent: 'MODEL_NOT_FOUND', absentHint: hints.absent });
  }
}
