/** A job's identity: what decides its bytes (its fingerprint), and with the paths the job itself. Pure. */
import { createHash } from 'node:crypto';
import { sep } from 'node:path';
import { BatchCoreError } from '../../errors.ts';
import type { SourceFacts } from '../../source/facts.ts';
import {
  convertible,
  featureColumns,
  keptColumns,
  maybeIdentifiers,
  modelColumns,
  OF_FOREST,
  OF_MODEL,
  refuseId,
} from './columns.ts';
import { type Compression, type FlagRule, flagRule, parseCompression } from './options.ts';
import { DEFAULTS } from './optionTable.ts';
import type { Missing, Parameters, ScoreOptions } from './optionTypes.ts';
import { PLAN_VERSION } from './plan.ts';

/** An input as content: where it lies and when it was touched do not change a score. */
export interface SpecInput {
  /** Path below the files' common directory; empty for a single file. It is the text of the `file` column. */
  name: string;
  size: number;
  footerBytes: number;
  footerSha256: string;
  rows: number;
}

export interface JobSpec {
  schema: 'batch-core.job/1';
  kind: 'score' | 'fit';
  versions: { result: number; duckdb: string; plan: number };
  inputs: SpecInput[];
  /** Columns to fit on, or the saved model's. */
  columns: string[];
  missing: Missing;
  chunkRows: number;
  /**
   * `inputs`, `condition` and `fitRows` are there where they were asked for; `maybeIdentifiers` are those of the columns that the fit
   * leaves out where they number the rows, which an unfinished job of an earlier version has none of.
   */
  fit: {
    detector: string;
    parameters: Parameters;
    seed: number;
    /** What is fitted on, where that is another source. */
    inputs?: SpecInput[];
    /** SQL, true of the rows that are fitted on. */
    condition?: string;
    fitRows?: number | 'all';
    maybeIdentifiers?: string[];
    /** Digest of the imported model that is calibrated: nothing but the distribution of its scores is fitted. */
    forest?: string;
  } | null;
  /** Of a job that only fits: the share that its model's file flags. What a job that scores flags, its rule says. */
  contamination: number | null;
  /** Digest of the saved model that scores. */
  model: string | null;
  score: {
    flag: FlagRule;
    explain: number;
    keep: string[];
    layout: 'file' | 'directory';
    compression: Compression;
  } | null;
}

/** What a saved model says. */
interface SavedModel {
  digest: string;
  columns: readonly string[];
  /** The share that it flags where nothing else is asked for; null of an imported one, */
  contamination: number | null;
  /** which may have a threshold instead. */
  threshold: number | null;
  missing: Missing;
  /** Whether it is known how its scores are distributed. */
  calibrated: boolean;
}

/** What an imported model says that is calibrated. */
interface Forest {
  digest: string;
  detector: string;
  columns: readonly string[];
  missing: Missing;
}

export interface SpecRequest {
  kind: 'score' | 'fit';
  facts: SourceFacts;
  /** Of what is fitted on, where that is another source. */
  fitFacts?: SourceFacts | undefined;
  options: ScoreOptions;
  /** Parameters as the detector's table completed them. */
  parameters: Parameters;
  model: SavedModel | undefined;
  forest?: Forest | undefined;
  layout: 'file' | 'directory';
  versions: { result: number; duckdb: string };
}

export function specOf(request: SpecRequest): JobSpec {
  const { kind, facts, fitFacts, options, model, forest } = request;
  refuseId(facts, options.id);
  const columns = columnsOf(request);
  if (fitFacts) for (const name of columns) convertible(fitFacts, name, '--fit-on');
  return {
    schema: 'batch-core.job/1',
    kind,
    versions: { ...request.versions, plan: PLAN_VERSION },
    inputs: inputsOf(facts),
    columns,
    missing: forest?.missing ?? missingOf(options, model),
    chunkRows: options.chunkRows ?? DEFAULTS.chunkRows,
    fit: model
      ? null
      : {
          detector: forest?.detector ?? options.detector ?? DEFAULTS.detector,
          parameters: request.parameters,
          seed: options.seed ?? DEFAULTS.seed,
          ...(forest && { forest: forest.digest }),
          ...(fitFacts && { inputs: inputsOf(fitFacts) }),
          ...(options.fitWhere !== undefined && { condition: options.fitWhere }),
          ...(options.fitRows !== undefined && { fitRows: options.fitRows }),
          maybeIdentifiers: forest ? [] : maybeIdentifiers(fitFacts ?? facts, columns, options),
        },
    contamination: kind === 'fit' ? (options.contamination ?? DEFAULTS.contamination) : null,
    model: model?.digest ?? null,
    score:
      kind === 'fit'
        ? null
        : {
            flag: model ? flagRuleOf(model, options) : flagRule(options),
            explain: options.explain ?? DEFAULTS.explain,
            keep: keptColumns(facts, options.keep),
            layout: request.layout,
            compression: parseCompression(options.compression ?? DEFAULTS.compression),
          },
  };
}

function columnsOf({ facts, options, model, forest }: SpecRequest): string[] {
  if (model) return modelColumns(facts, model.columns, OF_MODEL);
  return forest ? modelColumns(facts, forest.columns, OF_FOREST) : featureColumns(facts, options);
}

function inputsOf({ files }: SourceFacts): SpecInput[] {
  const names = relativeNames(files.map(({ path }) => path));
  return files.map(({ size, footerBytes, footerSha256, rows }, i) => ({
    name: names[i] ?? '',
    ...{ size, footerBytes, footerSha256, rows },
  }));
}

/** A model was fitted by its rule, and its scores mean nothing under another. */
function missingOf({ missing }: ScoreOptions, model: SpecRequest['model']): Missing {
  if (!model) return missing ?? DEFAULTS.missing;
  if (missing === undefined || missing === model.missing) return model.missing;
  throw new BatchCoreError(
    'MODEL_MISMATCH',
    `--missing: the model was fitted with "${model.missing}", not "${missing}"`,
    {
      where: { option: '--missing' },
      hint: `leave --missing out, or fit a model with --missing ${missing}`,
    },
  );
}

/** Without a wish of the caller's, a saved model is flagged at the share it was fitted for, or at its threshold. */
function flagRuleOf({ contamination, threshold, calibrated }: SavedModel, options: ScoreOptions): FlagRule {
  const option = '--contamination';
  if (options.contamination !== undefined && !calibrated)
    throw new BatchCoreError('MODEL_MISMATCH', `${option}: ${UNKNOWN_SHARES}`, {
      where: { option },
      hint: `flag rows by --threshold or --top, or ${CALIBRATE}`,
    });
  if (ruleGiven(options)) return flagRule(options);
  if (threshold !== null) return { kind: 'threshold', score: threshold };
  if (contamination !== null) return { kind: 'contamination', share: contamination };
  throw new BatchCoreError('MODEL_MISMATCH', `which rows to flag is not said, and ${UNKNOWN_SHARES}`, {
    hint: `say which rows to flag by --threshold or --top, or ${CALIBRATE}`,
  });
}

/** Why no share of rows can be flagged by a model that was not calibrated, */
export const UNKNOWN_SHARES =
  'the model was imported and not calibrated: what share of rows scores how high is not known';
/** and what to do about it. */
export const CALIBRATE = 'calibrate it with "batch-core model import --calibrate <source>"';

function ruleGiven(options: ScoreOptions): boolean {
  return options.contamination !== undefined || options.threshold !== undefined || options.top !== undefined;
}

export const fingerprintOf = (spec: JobSpec): string => digestOf(spec);

/** SHA-256 of a value with its keys in order. */
export function digestOf(value: unknown): string {
  return createHash('sha256').update(canonical(value)).digest('hex');
}

/** A job is its content and where it lies: the same content under two names is two jobs, whose bytes are equal. */
export function jobIdOf(fingerprint: string, paths: { sources: readonly string[]; out: string }): string {
  const { sources, out } = paths;
  return digestOf({ fingerprint, sources, out }).slice(0, 16);
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([key, v]) => `${JSON.stringify(key)}:${canonical(v)}`).join(',')}}`;
}

/** A field that is not what it was. */
export interface SpecDifference {
  field: string;
  before: unknown;
  after: unknown;
}

/** Every field in which two specs differ, by its path. */
export function specDifferences(before: unknown, after: unknown, field = ''): SpecDifference[] {
  const [a, b] = [before, after];
  const plain = (v: unknown): v is Record<string, unknown> => v !== null && typeof v === 'object' && !Array.isArray(v);
  if (plain(a) && plain(b)) {
    const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
    return keys.flatMap((key) => specDifferences(a[key], b[key], field ? `${field}.${key}` : key));
  }
  if (Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.some(plain))
    return a.flatMap((item, i) => specDifferences(item, b[i], `${field}[${i}]`));
  return canonical(a ?? null) === canonical(b ?? null) ? [] : [{ field, before: a, after: b }];
}

/** Paths below the directory that all share; a single file has no name to tell it by. */
export function relativeNames(paths: readonly string[]): string[] {
  if (paths.length < 2) return paths.map(() => '');
  const split = paths.map((path) => path.split(sep));
  const shortest = split.reduce((least, parts) => Math.min(least, parts.length - 1), Number.POSITIVE_INFINITY);
  let shared = 0;
  while (shared < shortest && split.every((parts) => parts[shared] === split[0]?.[shared])) shared += 1;
  return split.map((parts) => parts.slice(shared).join('/'));
}

/** A statement ends where a NUL is. */
export function refuseNul({ columns, score }: JobSpec, { files }: SourceFacts): void {
  const column = [...columns, ...(score?.keep ?? [])].find((name) => name.includes('\0'));
  if (column === undefined) return;
  throw new BatchCoreError(
    'CONFIG',
    `the column ${JSON.stringify(column)} has a NUL in its name: it cannot be scanned`,
    {
      where: { column, ...(files[0] && { file: files[0].path }) },
      hint: 'leave it out with --columns, or write the file again with another name for it',
    },
  );
}
