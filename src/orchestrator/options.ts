/** What a caller may ask for, checked. Nothing here looks at the source. */
import { availableParallelism } from 'node:os';
import type { DetectorInfo } from '../bindings/native.ts';
import { ENGINES, type EngineName } from '../engines/engine.ts';
import { BatchCoreError } from '../errors.ts';

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

function refuse(option: string, message: string, hint: string): never {
  throw new BatchCoreError('USAGE', `${option}: ${message}`, { where: { option }, hint });
}

/** Refuses what no source could make right. */
export function checkOptions(options: ScoreOptions): void {
  const whole = (option: string, value: number | undefined, min: number, max: number) => {
    if (value !== undefined && (!Number.isSafeInteger(value) || value < min || value > max))
      refuse(
        option,
        `${value} is not a whole number from ${min} to ${max}`,
        `give a whole number from ${min} to ${max}`,
      );
  };
  whole('--workers', options.workers, 1, Math.max(64, availableParallelism()));
  whole('--chunk-rows', options.chunkRows, CHUNK_ROWS_MIN, CHUNK_ROWS_MAX);
  whole('--seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  whole('--explain', options.explain, 0, 1000);
  whole('--retries', options.retries, 0, 100);
  whole('--top', options.top, 1, 10_000_000);
  const share = options.contamination;
  if (share !== undefined && !(share > 0 && share <= 0.5))
    refuse(
      '--contamination',
      `${share} is not a share in (0, 0.5]`,
      'it is the share of rows to flag, for example 0.01',
    );
  if (options.threshold !== undefined && !Number.isFinite(options.threshold))
    refuse('--threshold', `${options.threshold} is not a finite score`, 'give a finite number');
  const rules = (['contamination', 'threshold', 'top'] as const).filter((rule) => options[rule] !== undefined);
  if (rules.length > 1)
    refuse(
      `--${rules[1]}`,
      `cannot be given together with --${rules[0]}`,
      'choose one of --contamination, --threshold, --top',
    );
  if (options.missing !== undefined && !['center', 'skip', 'error'].includes(options.missing))
    refuse('--missing', `"${options.missing}" is not a way to treat missing values`, 'choose center, skip or error');
  if (options.engine !== undefined && !ENGINES.includes(options.engine))
    refuse('--engine', `"${options.engine}" is not an engine`, `choose ${ENGINES.join(' or ')}`);
  if (options.engine === 'sequential' && (options.workers ?? 1) > 1)
    refuse(
      '--workers',
      'the sequential engine runs one chunk at a time',
      'leave --workers out, or use --engine threads',
    );
  if (options.model !== undefined)
    for (const option of ['detector', 'parameters', 'columns', 'exclude', 'seed', 'saveModel'] as const)
      if (options[option] !== undefined && JSON.stringify(options[option]) !== '{}')
        refuse(
          flagName(option),
          'does not apply with --model',
          'a saved model has its detector, columns and seed fixed',
        );
  parseCompression(options.compression ?? DEFAULTS.compression);
}

function flagName(option: string): string {
  if (option === 'parameters') return '--set';
  return `--${option.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** The one rule by which rows are flagged. */
export function flagRule(options: ScoreOptions): FlagRule {
  if (options.top !== undefined) return { kind: 'top', rows: options.top };
  if (options.threshold !== undefined) return { kind: 'threshold', score: options.threshold };
  return { kind: 'contamination', share: options.contamination ?? DEFAULTS.contamination };
}

export function parseCompression(text: string): Compression {
  const match = /^(zstd|snappy|none)(?::(\d+))?$/.exec(text);
  const level = match?.[2] === undefined ? 1 : Number(match[2]);
  if (!match || (match[1] !== 'zstd' && match[2] !== undefined) || level < 1 || level > 22)
    refuse('--compression', `"${text}" is not a codec`, 'choose zstd, zstd:1 to zstd:22, snappy or none');
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
