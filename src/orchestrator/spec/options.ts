/** What a caller may ask for, checked. Nothing here looks at the source. */
import { availableParallelism } from 'node:os';
import type { DetectorInfo } from '../../bindings/native.ts';
import { editDistance } from '../../distance.ts';
import { ENGINES, type EngineName } from '../../engines/engine.ts';
import { BatchCoreError } from '../../errors.ts';
import {
  abortSignal,
  boolean,
  type Check,
  callback,
  choice,
  finite,
  isRecord,
  names,
  namesOrAll,
  settings,
  share,
  shown,
  someNames,
  text,
  whole,
} from './optionChecks.ts';

/** What a null or NaN cell means: the column's centre, a row without a score, or an error. */
export type Missing = 'center' | 'skip' | 'error';

/** Values of detector parameters, by name. */
export type Parameters = Record<string, string | number | boolean>;

/** How a model is fitted. */
export interface FitOptions {
  /** The detector. Default `auto`. */
  detector?: string | undefined;
  /** Its parameters. Default: the detector's own. */
  parameters?: Parameters | undefined;
  /** Columns to score. Default: every numeric and boolean column; constants are dropped when fitted. */
  columns?: readonly string[] | undefined;
  /** Columns to leave out. */
  exclude?: readonly string[] | undefined;
  /** What a null or NaN cell means. Default `center`. */
  missing?: Missing | undefined;
  /** Share of rows to flag, in (0, 0.5]. Default 0.01. */
  contamination?: number | undefined;
  /** Seed of everything that is drawn. Default 0. */
  seed?: number | undefined;
  /** Rows of a chunk, 1,000 to 16,777,216, rounded to row groups. Default 1,048,576. */
  chunkRows?: number | undefined;
  /** What carries chunks out. Default `threads`. */
  engine?: EngineName | undefined;
  /** Chunks at the same time. Default: the cores this process may use. */
  workers?: number | undefined;
  /** Memory to stay under, such as `512MiB` or `50%`. Default 75 % of what this process may use. */
  memory?: string | undefined;
  /** Tries after the first for a chunk whose error may pass. Default 3. */
  retries?: number | undefined;
  /** Directory of jobs. Default `.batch-core` beside the output. */
  home?: string | undefined;
  /** Start over even if the same job was interrupted or is finished. */
  fresh?: boolean | undefined;
  /** Read the source once more first: digest its row groups, and check its pages' checksums where it has them. */
  verifyInput?: boolean | undefined;
  /** Replace an output that another job made. */
  force?: boolean | undefined;
}

/** How a source is scored. */
export interface ScoreOptions extends FitOptions {
  /** The output: a `.parquet` file, or a directory when it ends in `/`. Default `<stem>.scores.parquet`. */
  out?: string | undefined;
  /** Path of a saved model; nothing is fitted. */
  model?: string | undefined;
  /** Where to save the model that was fitted. */
  saveModel?: string | undefined;
  /** Columns copied to the output, or `all`. */
  keep?: readonly string[] | 'all' | undefined;
  /** Flag scores above this instead of a share. */
  threshold?: number | undefined;
  /** Flag exactly this many highest rows instead of a share. */
  top?: number | undefined;
  /** Reasons per flagged row; 0 leaves them out. Default 3. */
  explain?: number | undefined;
  /** `zstd`, `zstd:1` to `zstd:22`, `snappy` or `none`. Default `zstd:1`. */
  compression?: string | undefined;
}

export interface Compression {
  codec: 'zstd' | 'snappy' | 'none';
  level: number;
}

/** Which rows are anomalies. */
export type FlagRule =
  | { kind: 'contamination'; share: number }
  | { kind: 'threshold'; score: number }
  | { kind: 'top'; rows: number };

export const CHUNK_ROWS_MIN = 1000;
export const CHUNK_ROWS_MAX = 16 * 2 ** 20;
export const DEFAULTS = {
  detector: 'auto',
  missing: 'center',
  contamination: 0.01,
  seed: 0,
  chunkRows: 2 ** 20,
  engine: 'threads',
  retries: 3,
  explain: 3,
  compression: 'zstd:1',
} as const;

/** What takes options. `plan` takes those of `score`, so that the same ones can be asked about first. */
export type Taker = 'score' | 'fit' | 'plan' | 'Model.score' | 'Model.save';

/** An option: one row for the package, the command line and their documentation. */
export interface OptionRow {
  /** The property of the package's options. */
  name: string;
  /** The flag of the command line; the property's name where there is none. */
  flag: string;
  type: string;
  check: Check;
  takers: readonly Taker[];
  doc: string;
}

const RUNS: readonly Taker[] = ['score', 'fit', 'plan'];
const SCORES: readonly Taker[] = ['score', 'plan'];
const FOLLOWED: readonly Taker[] = ['score', 'fit'];

function row(
  name: string,
  type: string,
  check: Check,
  takers: readonly Taker[],
  doc: string,
  flag?: string,
): OptionRow {
  const dashed = `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
  return { name, flag: flag ?? dashed, type, check, takers, doc };
}

const workersMax = Math.max(64, availableParallelism());
const path = text('a path');
const modelPath = text('the path of a model', 'save the model with model.save(path) and give that path');

/** Every option there is. */
export const OPTIONS: readonly OptionRow[] = [
  row('detector', 'string', text('the name of a detector'), RUNS, 'what scores the rows'),
  row('parameters', 'object', settings, RUNS, 'parameters of the detector', '--set'),
  row('columns', 'string[]', someNames, RUNS, 'columns to score'),
  row('exclude', 'string[]', names, RUNS, 'columns to leave out'),
  row(
    'missing',
    "'center' | 'skip' | 'error'",
    choice('a way to treat missing values', ['center', 'skip', 'error']),
    [...RUNS, 'Model.score'],
    'what a null or NaN cell means',
  ),
  row('contamination', 'number', share, RUNS, 'share of rows to flag'),
  row('seed', 'number', whole(0, Number.MAX_SAFE_INTEGER), RUNS, 'seed of everything drawn'),
  row('chunkRows', 'number', whole(CHUNK_ROWS_MIN, CHUNK_ROWS_MAX), RUNS, 'rows of a chunk'),
  row('engine', 'string', choice('an engine', ENGINES), RUNS, 'what carries chunks out'),
  row('workers', 'number', whole(1, workersMax), RUNS, 'chunks at the same time'),
  row(
    'memory',
    'string',
    text('a size or share of memory', 'for example "512MiB" or "50%"'),
    RUNS,
    'memory to stay under',
  ),
  row('retries', 'number', whole(0, 100), RUNS, 'tries after the first when an error may pass'),
  row('home', 'string', path, RUNS, 'directory of jobs'),
  row('fresh', 'boolean', boolean, RUNS, 'start over, whatever an earlier run left'),
  row('force', 'boolean', boolean, [...RUNS, 'Model.save'], 'replace an output of another job'),
  row(
    'verifyInput',
    'boolean',
    boolean,
    RUNS,
    'read the source once more first, and check its pages where they carry checksums',
  ),
  row('out', 'string', path, RUNS, 'where the output goes'),
  row('model', 'string', modelPath, SCORES, 'score with a saved model'),
  row('saveModel', 'string', path, SCORES, 'save the model that was fitted'),
  row('keep', "string[] | 'all'", namesOrAll, SCORES, 'columns copied to the output'),
  row('threshold', 'number', finite('a finite score'), SCORES, 'flag scores above this instead of a share'),
  row('top', 'number', whole(1, 10_000_000), SCORES, 'flag exactly the n highest rows instead of a share'),
  row('explain', 'number', whole(0, 1000), SCORES, 'reasons per flagged row'),
  row('compression', 'string', text('a codec'), SCORES, 'zstd[:level], snappy or none'),
  row('signal', 'AbortSignal', abortSignal, FOLLOWED, 'aborting stops the run, resumable', 'signal'),
  row('onProgress', 'function', callback, FOLLOWED, 'told the progress', 'onProgress'),
  row('onEvent', 'function', callback, FOLLOWED, 'told what happens once', 'onEvent'),
];

/** How options are named in what is said of them: as flags of the command line, or as properties of the package. */
export type Naming = 'flag' | 'name';

function refuse(option: string, message: string, hint: string): never {
  throw new BatchCoreError('USAGE', `${option}: ${message}`, { where: { option }, hint });
}

/** Refuses options that are unknown, do not apply, are of a wrong type, or that no source could make right. */
export function checkOptions(given: object, taker: Taker = 'score', naming: Naming = 'flag'): void {
  checkEach(given, taker, naming);
  checkTogether(given as ScoreOptions, (name) => optionOf(name)?.[naming] ?? name);
}

function optionOf(name: string): OptionRow | undefined {
  return OPTIONS.find((option) => option.name === name);
}

function checkEach(given: object, taker: Taker, naming: Naming): void {
  if (!isRecord(given))
    refuse('options', `${shown(given)} is not an object of options`, 'give an object such as { detector: "hbos" }');
  for (const [name, value] of Object.entries(given)) {
    const option = optionOf(name);
    if (!option) refuse(name, `${taker} has no such option`, nearestOption(name, taker));
    if (value === undefined) continue;
    if (!option.takers.includes(taker))
      refuse(option[naming], `does not apply to ${taker}`, `it is an option of ${option.takers.join(' and ')}`);
    const objection = option.check(value);
    if (objection) refuse(option[naming], objection.message, objection.hint);
  }
}

function nearestOption(name: string, taker: Taker): string {
  // As the command line calls it.
  const flagged = OPTIONS.find(({ flag, takers }) => flag === `--${name}` && takers.includes(taker));
  if (flagged) return `did you mean "${flagged.name}"?`;
  const known = OPTIONS.filter((option) => option.takers.includes(taker)).map((option) => option.name);
  const distanceMax = Math.max(2, Math.floor(name.length / 3));
  const [nearest] = known
    .map((option) => ({ option, distance: editDistance(name.toLowerCase(), option.toLowerCase(), distanceMax) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance);
  return nearest ? `did you mean "${nearest.option}"?` : `its options are ${known.join(', ')}`;
}

function checkTogether(options: ScoreOptions, label: (name: string) => string): void {
  const rules = (['contamination', 'threshold', 'top'] as const).filter((rule) => options[rule] !== undefined);
  const [first, second] = rules;
  if (first && second)
    refuse(
      label(second),
      `cannot be given together with ${label(first)}`,
      `choose one of ${['contamination', 'threshold', 'top'].map(label).join(', ')}`,
    );
  if (options.engine === 'sequential' && (options.workers ?? 1) > 1)
    refuse(
      label('workers'),
      'the sequential engine runs one chunk at a time',
      `leave ${label('workers')} out, or use the engine threads`,
    );
  if (options.model !== undefined)
    for (const option of ['detector', 'parameters', 'columns', 'exclude', 'seed', 'saveModel'] as const)
      if (options[option] !== undefined && JSON.stringify(options[option]) !== '{}')
        refuse(
          label(option),
          `does not apply with ${label('model')}`,
          'a saved model has its detector, columns and seed fixed',
        );
  parseCompression(options.compression ?? DEFAULTS.compression, label('compression'));
}

/** Refuses a source that names nothing. */
export function checkSource(source: unknown): void {
  const [wanted, more] = ['a path or an array of paths', 'which name Parquet files, directories or globs'];
  if (!Array.isArray(source)) return void (isPath(source) || refuseArgument('source', source, wanted, more));
  if (source.length === 0) refuse('source', 'it names nothing', `give ${wanted}, ${more}`);
  // A copy has no holes, which would be stepped over.
  const list: unknown[] = [...source];
  const wrong = list.findIndex((path) => !isPath(path));
  if (wrong >= 0) refuse('source', `element ${wrong}, ${shown(list[wrong])}, is not a path`, `give ${wanted}, ${more}`);
}

function isPath(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** Refuses what is no path of one file. */
export function checkPath(given: unknown): void {
  if (path(given)) refuseArgument('path', given, 'a path', 'such as "m.bcm"');
}

/** Refuses arguments after the last that is known: whoever gave them believes that they do something. */
export function refuseMore(taker: string, count: number, more: readonly unknown[]): void {
  const first = more.find((argument) => argument !== undefined);
  if (first === undefined) return;
  refuse(taker, `${shown(first)} is one argument too many`, `it takes ${count === 1 ? 'one' : count}`);
}

/** Refuses what is no share of rows. */
export function checkShare(given: unknown): void {
  const objection = share(given);
  if (objection) refuse('contamination', objection.message, objection.hint);
}

function refuseArgument(name: string, given: unknown, wanted: string, more: string): never {
  const message = given === undefined ? 'it is not given' : `${shown(given)} is not ${wanted}`;
  refuse(name, message, `give ${wanted}, ${more}`);
}

/** The one rule by which rows are flagged. */
export function flagRule(options: ScoreOptions): FlagRule {
  if (options.top !== undefined) return { kind: 'top', rows: options.top };
  if (options.threshold !== undefined) return { kind: 'threshold', score: options.threshold };
  return { kind: 'contamination', share: options.contamination ?? DEFAULTS.contamination };
}

export function parseCompression(text: string, option = '--compression'): Compression {
  const match = /^(zstd|snappy|none)(?::(\d+))?$/.exec(text);
  const level = match?.[2] === undefined ? 1 : Number(match[2]);
  if (!match || (match[1] !== 'zstd' && match[2] !== undefined) || level < 1 || level > 22)
    refuse(option, `"${text}" is not a codec`, 'choose zstd, zstd:1 to zstd:22, snappy or none');
  return { codec: match[1] as Compression['codec'], level: match[1] === 'zstd' ? level : 0 };
}

/** The detector's parameters with every default filled in; unknown names and values out of range are refused. */
export function checkParameters(table: readonly DetectorInfo[], detector: string, given: Parameters = {}): Parameters {
  const info = table.find(({ name }) => name === detector);
  if (!info) {
    const names = table.map(({ name }) => name).join(', ');
    throw new BatchCoreError('UNKNOWN_DETECTOR', `there is no detector "${detector}"`, {
      where: { option: '--detector' },
      hint: `choose one of ${names}`,
    });
  }
  const result: Parameters = {};
  for (const name of Object.keys(given))
    if (!info.parameters.some((parameter) => parameter.name === name)) {
      const names = info.parameters.map((parameter) => parameter.name).join(', ') || 'it has none';
      throw new BatchCoreError('UNKNOWN_PARAMETER', `detector ${detector} has no parameter "${name}"`, {
        where: { option: '--set' },
        hint: `its parameters: ${names}`,
      });
    }
  for (const parameter of info.parameters) {
    const value = given[parameter.name] ?? parameter.default;
    result[parameter.name] = checkParameter(detector, parameter, value);
  }
  return result;
}

function checkParameter(
  detector: string,
  parameter: DetectorInfo['parameters'][number],
  value: unknown,
): string | number | boolean {
  const { name, kind, min, max, choices } = parameter;
  const bad = (wanted: string): never =>
    refuse('--set', `${detector}'s ${name} must be ${wanted}, not ${JSON.stringify(value)}`, parameter.help);
  if (kind === 'choice') {
    if (!choices?.includes(String(value))) bad(`one of ${choices?.join(', ')}`);
    return String(value);
  }
  if (kind === 'boolean') {
    if (!['true', 'false'].includes(String(value))) bad('true or false');
    return String(value) === 'true';
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  const range = `${kind === 'integer' ? 'a whole number' : 'a number'} from ${min ?? '-inf'} to ${max ?? 'inf'}`;
  if (typeof number !== 'number' || !Number.isFinite(number)) return bad(range);
  if (kind === 'integer' && !Number.isSafeInteger(number)) bad(range);
  if (number < (min ?? Number.NEGATIVE_INFINITY) || number > (max ?? Number.POSITIVE_INFINITY)) bad(range);
  return number;
}
