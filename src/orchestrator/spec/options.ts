/** What a caller may ask for, checked. Nothing here looks at the source. */
import type { DetectorInfo } from '../../bindings/native.ts';
import { nearestWord } from '../../distance.ts';
import { BatchCoreError } from '../../errors.ts';
import { isPath, isRecord, share, shown, text } from './checks.ts';
import { isLater } from './laterOptions.ts';
import type { OptionRow, Taker } from './option.ts';
import { FLAG_RULES, flagOf } from './optionFacts.ts';
import { DEFAULTS, OPTIONS } from './optionTable.ts';
import type { Parameters, ScoreOptions } from './optionTypes.ts';

export interface Compression {
  codec: 'zstd' | 'snappy' | 'none';
  level: number;
}

/** Which rows are anomalies. */
export type FlagRule =
  | { kind: 'contamination'; share: number }
  | { kind: 'threshold'; score: number }
  | { kind: 'top'; rows: number };

/** How options are named in what is said of them: as flags of the command line, or as properties of the package. */
export type Naming = 'flag' | 'name';

function refuse(option: string, message: string, hint: string): never {
  throw new BatchCoreError('USAGE', `${option}: ${message}`, { where: { option }, hint });
}

/** Refuses options that are unknown, do not apply, are of a wrong type, or that no source could make right. */
export function checkOptions(given: object, taker: Taker = 'score', naming: Naming = 'flag'): void {
  checkEach(given, taker, naming);
  checkTogether(given as ScoreOptions, (name) => labelOf(optionOf(name), naming) ?? name);
}

function labelOf(option: OptionRow, naming: Naming): string;
function labelOf(option: OptionRow | undefined, naming: Naming): string | undefined;
function labelOf(option: OptionRow | undefined, naming: Naming): string | undefined {
  return option && (naming === 'flag' ? flagOf(option) : option.name);
}

function optionOf(name: string): OptionRow | undefined {
  return OPTIONS.find((option) => option.name === name);
}

function checkEach(given: object, taker: Taker, naming: Naming): void {
  if (!isRecord(given))
    refuse('options', `${shown(given)} is not an object of options`, 'give an object such as { detector: "hbos" }');
  for (const [name, value] of Object.entries(given)) {
    const option = optionOf(name);
    if (!option && isLater(name, taker)) refuse(name, 'is not in this version', 'leave it out');
    if (!option) refuse(name, `${taker} has no such option`, nearestOption(name, taker));
    if (value === undefined) continue;
    if (!option.takers.includes(taker))
      refuse(
        labelOf(option, naming),
        `does not apply to ${taker}`,
        `it is an option of ${option.takers.join(' and ')}`,
      );
    const objection = option.check(value, taker);
    if (objection) refuse(labelOf(option, naming), objection.message, objection.hint);
  }
  const missing = OPTIONS.find(
    ({ name, needed, takers }) =>
      needed && takers.includes(taker) && (given as Record<string, unknown>)[name] === undefined,
  );
  if (missing) refuse(labelOf(missing, naming), 'it is not given', `${taker} needs it: ${missing.doc}`);
}

function nearestOption(name: string, taker: Taker): string {
  // As the command line calls it.
  const flagged = OPTIONS.find((option) => flagOf(option) === `--${name}` && option.takers.includes(taker));
  if (flagged) return `did you mean "${flagged.name}"?`;
  const known = OPTIONS.filter((option) => option.takers.includes(taker)).map((option) => option.name);
  const nearest = nearestWord(name, known, Math.max(2, Math.floor(name.length / 3)));
  return nearest !== undefined ? `did you mean "${nearest}"?` : `its options are ${known.join(', ')}`;
}

/** What says how a model is fitted, or where it goes. */
const OF_A_FIT = [
  'detector',
  'parameters',
  'columns',
  'exclude',
  'seed',
  'fitRows',
  'fitOn',
  'fitWhere',
  'saveModel',
] as const;

function checkTogether(options: ScoreOptions, label: (name: string) => string): void {
  const rules = FLAG_RULES.filter((rule) => options[rule] !== undefined);
  const [first, second] = rules;
  if (first && second)
    refuse(
      label(second),
      `cannot be given together with ${label(first)}`,
      `choose one of ${FLAG_RULES.map(label).join(', ')}`,
    );
  if (options.engine === 'sequential' && (options.workers ?? 1) > 1)
    refuse(
      label('workers'),
      'the sequential engine runs one chunk at a time',
      `leave ${label('workers')} out, or use the engine threads`,
    );
  if (options.model !== undefined)
    for (const option of OF_A_FIT)
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

/** Refuses what is no path of one file or directory. */
export function checkPath(given: unknown, name = 'path', example = 'm.bcm'): void {
  if (text('a path')(given, '')) refuseArgument(name, given, 'a path', `such as "${example}"`);
}

/** Refuses arguments after the last that is known: whoever gave them believes that they do something. */
export function refuseMore(taker: string, count: number, more: readonly unknown[]): void {
  const first = more.find((argument) => argument !== undefined);
  if (first === undefined) return;
  refuse(taker, `${shown(first)} is one argument too many`, `it takes ${count === 1 ? 'one' : count}`);
}

/** Refuses what is no share of rows. */
export function checkShare(given: unknown): void {
  const objection = share(given, '');
  if (objection) refuse('contamination', objection.message, objection.hint);
}

function refuseArgument(name: string, given: unknown, wanted: string, more: string): never {
  const message = given === undefined ? 'it is not given' : `${shown(given)} is not ${wanted}`;
  refuse(name, message, `give ${wanted}, ${more}`);
}

/** What was asked for, apart from how it is carried out. */
export interface SplitOptions {
  /** What decides the bytes, and what this version does not know. */
  what: Record<string, unknown>;
  /** What decides nothing of them. */
  how: Record<string, unknown>;
}

/** Parts options by what each decides. In neither part are the places, which the job itself knows, and what counts once. */
export function splitOptions(options: object): SplitOptions {
  const part = (wanted: OptionRow['decides']) =>
    Object.fromEntries(
      Object.entries(options).filter(([name]) => {
        const { decides, once } = optionOf(name) ?? { decides: 'bytes' };
        return decides === wanted && !once;
      }),
    );
  return { what: part('bytes'), how: part('nothing') };
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
  if (choices?.includes(String(value))) return String(value);
  if (kind === 'choice') bad(`one of ${choices?.join(', ')}`);
  if (kind === 'boolean') {
    if (!['true', 'false'].includes(String(value))) bad('true or false');
    return String(value) === 'true';
  }
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  const words = (choices ?? []).map((word) => `${word} or `).join('');
  const range = `${words}${kind === 'integer' ? 'a whole number' : 'a number'} from ${min ?? '-inf'} to ${max ?? 'inf'}`;
  if (typeof number !== 'number' || !Number.isFinite(number)) return bad(range);
  if (kind === 'integer' && !Number.isSafeInteger(number)) bad(range);
  if (number < (min ?? Number.NEGATIVE_INFINITY) || number > (max ?? Number.POSITIVE_INFINITY)) bad(range);
  return number;
}
