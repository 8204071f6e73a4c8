/** A job's identity: what decides its bytes (its fingerprint), and with the paths the job itself. Pure. */
import { createHash } from 'node:crypto';
import { sep } from 'node:path';
import { BatchCoreError } from '../../errors.ts';
import type { SourceColumn, SourceFacts } from '../../source/facts.ts';
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

/** Columns of the output that a kept column may not be named after. */
export const OUTPUT_COLUMNS = ['row', 'file', 'score', 'severity', 'anomaly', 'reasons'] as const;

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

/** The scan asks DuckDB for the numbers of rows, which come under this name. */
const ROW_NUMBERS = 'file_row_number';

/** A column that has the name of something else cannot be told from it. */
export function refuseRowNumbers({ columns, files }: SourceFacts): void {
  const taken = columns.find(({ name }) => name.toLowerCase() === ROW_NUMBERS);
  if (taken)
    throw new BatchCoreError('CONFIG', `a column is named "${taken.name}", as DuckDB names the numbers of rows`, {
      where: { column: taken.name, ...(files[0] && { file: files[0].path }) },
      hint: 'write the file again with another name for it',
    });
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

/** The column that `option` names, by its very name. */
export function columnNamed(facts: Pick<SourceFacts, 'columns' | 'files'>, name: string, option: string): SourceColumn {
  const column = facts.columns.find((candidate) => candidate.name === name);
  if (column) return column;
  const near = facts.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  // So DuckDB calls all but the first of several that differ only in case.
  const numbered = facts.columns.find(
    (candidate) => /^_\d+$/.test(candidate.name.slice(name.length)) && candidate.name.startsWith(name),
  );
  const known = facts.columns.slice(0, 20).map((candidate) => candidate.name);
  throw new BatchCoreError('COLUMN_NOT_FOUND', `${option}: there is no column "${name}"`, {
    where: { column: name, ...(facts.files[0] && { file: facts.files[0].path }), option },
    hint: near
      ? `did you mean "${near.name}"${numbered ? `, or "${numbered.name}"? (of names that differ only in case all but the first have a number)` : '?'}`
      : `columns: ${known.join(', ')}${facts.columns.length > 20 ? ', ...' : ''}`,
  });
}

function convertible(facts: SourceFacts, name: string, option: string): string {
  const column = columnNamed(facts, name, option);
  if (!column.convertible)
    throw new BatchCoreError(
      'COLUMN_NOT_NUMERIC',
      `${option}: column "${name}" is ${column.reason ?? column.type}; scoring needs a number`,
      {
        where: { column: name, ...(facts.files[0] && { file: facts.files[0].path }), option },
        hint: column.unreadable ? REWRITE : 'leave it out, or --keep it to see it in the output',
      },
    );
  return column.name;
}

/** Columns to fit on: those asked for, or every numeric and boolean one but that which names rows, less the excluded. */
export function featureColumns(
  facts: SourceFacts,
  options: Pick<ScoreOptions, 'columns' | 'exclude' | 'id'>,
): string[] {
  const excluded = new Set((options.exclude ?? []).map((name) => columnNamed(facts, name, '--exclude').name));
  const asked = options.columns?.map((name) => convertible(facts, name, '--columns'));
  const twice = asked?.find((name, i) => asked.indexOf(name) !== i);
  if (twice !== undefined)
    throw new BatchCoreError('USAGE', `--columns: column "${twice}" is named twice`, {
      where: { option: '--columns', column: twice },
      hint: 'name each column once',
    });
  const usable = facts.columns.filter(({ name, usable }) => usable && name !== options.id);
  const candidates = asked ?? usable.map(({ name }) => name);
  const chosen = candidates.filter((name) => !excluded.has(name));
  if (chosen.length > 0) return chosen;
  if (candidates.length > 0)
    throw new BatchCoreError('NO_USABLE_COLUMN', `--exclude leaves out all ${candidates.length} columns to score`, {
      where: { option: '--exclude', ...(facts.files[0] && { file: facts.files[0].path }) },
      hint: `leave one of them in: ${candidates.slice(0, 8).join(', ')}${candidates.length > 8 ? ', ...' : ''}`,
    });
  const types = facts.columns.slice(0, 8).map((column) => `${column.name} ${column.type}`);
  throw new BatchCoreError('NO_USABLE_COLUMN', `no numeric column is left to score (${types.join(', ')})`, {
    ...(facts.files[0] && { where: { file: facts.files[0].path } }),
    hint: 'scoring needs at least one numeric or boolean column; --columns takes dates and times as numbers too',
  });
}

const WHOLE_NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,0\))$/;

/** The columns to score that are left out where they turn out to number the rows: of whole numbers, and named by nobody. */
function maybeIdentifiers(
  facts: SourceFacts,
  columns: readonly string[],
  { columns: named }: Pick<ScoreOptions, 'columns'>,
): string[] {
  if (named !== undefined) return [];
  const whole = new Set(facts.columns.filter(({ type }) => WHOLE_NUMBER.test(type)).map(({ name }) => name));
  return columns.filter((name) => whole.has(name));
}

/** Of a model that scores a source, and of a forest that is calibrated on one: what it is called, what names it, what to do. */
const OF_MODEL = {
  whose: "the model's",
  option: '--model',
  hint: 'score a source with the columns the model was fitted on, or fit a new model',
};
const OF_FOREST = {
  whose: "the forest's",
  option: '--calibrate',
  hint: 'calibrate on a source that has the columns of the forest, or name these as the source does with --columns',
};

/** The model's columns, all of which the source must have as numbers. */
function modelColumns(facts: SourceFacts, columns: readonly string[], words: typeof OF_MODEL): string[] {
  const missing = columns.filter((name) => !facts.columns.some((column) => column.name === name && column.convertible));
  if (missing.length === 0) return [...columns];
  const column = facts.columns.find((candidate) => candidate.name === missing[0]);
  const trouble = column ? `is ${column.type} in the source` : 'is not in the source';
  throw new BatchCoreError(
    'MODEL_MISMATCH',
    `${words.whose} column "${missing[0]}" ${trouble}${missing.length > 1 ? `, and ${missing.length - 1} more do not match` : ''}`,
    {
      where: { column: missing[0] ?? '', ...(facts.files[0] && { file: facts.files[0].path }), option: words.option },
      hint: words.hint,
    },
  );
}

function keptColumns(facts: SourceFacts, keep: ScoreOptions['keep']): string[] {
  if (keep === undefined) return [];
  const names =
    keep === 'all'
      ? facts.columns.map((column) => column.name)
      : keep.map((name) => columnNamed(facts, name, '--keep').name);
  const clash = names.find((name) => OUTPUT_COLUMNS.some((reserved) => reserved === name.toLowerCase()));
  if (clash !== undefined)
    throw new BatchCoreError('CONFIG', `--keep: column "${clash}" has the name of an output column`, {
      where: { column: clash, option: '--keep' },
      hint: `output columns are ${OUTPUT_COLUMNS.join(', ')}; keep the others by name`,
    });
  const unreadable = facts.columns.find((column) => column.unreadable && names.includes(column.name));
  if (unreadable)
    throw new BatchCoreError('CONFIG', `--keep: column "${unreadable.name}" is ${unreadable.reason}`, {
      where: { column: unreadable.name, option: '--keep' },
      hint: REWRITE,
    });
  const uncopied = facts.columns.find((column) => column.uncopied && names.includes(column.name));
  if (uncopied)
    throw new BatchCoreError('CONFIG', `--keep: column "${uncopied.name}" is ${uncopied.type}, which is not written`, {
      where: { column: uncopied.name, option: '--keep' },
      hint: 'leave it out, or write it to the file as a number or as text',
    });
  return [...new Set(names)];
}

/** What names rows must be there, and readable; it enters no output. */
function refuseId(facts: SourceFacts, id: string | undefined): void {
  if (id !== undefined) refuseMisread(columnNamed(facts, id, '--id'), '--id');
}

/** Refuses a column whose cells DuckDB takes for others, where the scan does not put them right. */
export function refuseMisread({ name, type, unreadable, shifted }: SourceColumn, option: string): void {
  if (!unreadable && !shifted) return;
  throw new BatchCoreError('CONFIG', `${option}: column "${name}" is ${type}, which would be misread`, {
    where: { column: name, option },
    hint: REWRITE,
  });
}

/** What to do about a column that is unreadable. */
const REWRITE = 'leave it out, or write it to the file as a double or as text';
