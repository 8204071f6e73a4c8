/** What a value of an option may be. A check answers with what is wrong, or with nothing. Pure. */

/** What is wrong with a value, to be read after the option's name, and what to give instead. */
export interface Objection {
  message: string;
  hint: string;
}

/** `taker`: what takes the option. */
export type Check = (value: unknown, taker: string) => Objection | undefined;

const objection = (value: unknown, wanted: string, hint = `give ${wanted}`): Objection => ({
  message: `${shown(value)} is not ${wanted}`,
  hint,
});

/** A value as a person would know it again, in one short line. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value);
  if (typeof value === 'function') return 'a function';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object' && value !== null) return `an object (${value.constructor?.name ?? 'without a class'})`;
  return typeof value === 'bigint' ? `${value}n` : String(value);
}

export const text =
  (wanted: string, hint?: string): Check =>
  (value) =>
    typeof value === 'string' && value !== '' ? undefined : objection(value, wanted, hint);

export const boolean: Check = (value) => (typeof value === 'boolean' ? undefined : objection(value, 'true or false'));

export const whole =
  (min: number, max: number): Check =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : objection(value, `a whole number from ${min} to ${max}`);

/** A whole number from `min`, or all there are. */
export const wholeOrAll =
  (min: number): Check =>
  (value) =>
    value === 'all' || (Number.isSafeInteger(value) && (value as number) >= min)
      ? undefined
      : objection(value, `a whole number from ${min}, or "all"`);

export const finite =
  (wanted: string): Check =>
  (value) =>
    Number.isFinite(value) ? undefined : objection(value, wanted);

export const share: Check = (value) =>
  typeof value === 'number' && value > 0 && value <= 0.5
    ? undefined
    : objection(value, 'a share in (0, 0.5]', 'it is the share of rows to flag, for example 0.01');

/** One of `choices`; those of `later` are known, and not in this version. */
export const choice =
  (what: string, choices: readonly string[], later: readonly string[] = []): Check =>
  (value) => {
    if (choices.some((known) => known === value)) return undefined;
    const hint = `choose ${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;
    return later.some((known) => known === value)
      ? { message: `${shown(value)} is not in this version`, hint }
      : objection(value, what, hint);
  };

/** Formats of an output that are not written yet. */
const LATER_FORMATS = /\.(csv|ndjson|jsonl|arrow|feather|duckdb)$/i;

/** Where an output goes: what scores are written as shows in its name. */
export const outPath: Check = (value, taker) => {
  if (typeof value !== 'string') return objection(value, 'a path');
  if (value.trim() === '') return { message: 'the path is empty', hint: 'name a file' };
  const [format] = (taker !== 'fit' && LATER_FORMATS.exec(value)) || [];
  const hint = 'end the name in .parquet, or in / for a directory of parts';
  return format === undefined ? undefined : { message: `${format} is not in this version`, hint };
};

/** The name of a column; a statement ends where a NUL is. */
export const columnName: Check = (value, taker) =>
  typeof value === 'string' && value.includes('\0')
    ? { message: `${shown(value)} has a NUL in it`, hint: 'a column of such a name cannot be read' }
    : text('the name of a column')(value, taker);

/** A path, or several. */
export const paths: Check = (value) => {
  // A copy has no holes, which `every` would step over.
  const list: unknown[] = Array.isArray(value) ? [...value] : [value];
  return list.length > 0 && list.every(isPath)
    ? undefined
    : objection(value, 'a path or an array of paths', 'name Parquet files, directories or globs');
};

/** Whether `value` may be the path of something. */
export function isPath(value: unknown): boolean {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

/** Names of columns, each once. */
export const names: Check = (value) => {
  const wanted = 'an array of column names';
  // A copy has no holes, which `some` would step over.
  const hint = `give ${wanted}, such as ["a", "b"]`;
  if (!Array.isArray(value)) return objection(value, wanted, hint);
  const wrong = [...value].findIndex((name) => typeof name !== 'string');
  if (wrong >= 0) return { message: `element ${wrong}, ${shown(value[wrong])}, is not the name of a column`, hint };
  const twice = value.find((name, i) => value.indexOf(name) !== i);
  return twice === undefined
    ? undefined
    : { message: `column ${shown(twice)} is named twice`, hint: 'name each column once' };
};

/** The same, one at least. */
export const someNames: Check = (value, taker) =>
  Array.isArray(value) && value.length === 0
    ? { message: 'it names no column', hint: 'name one at least, or leave it out to score every numeric column' }
    : names(value, taker);

export const namesOrAll: Check = (value, taker) => {
  if (value === 'all') return undefined;
  const wrong = names(value, taker);
  return wrong && !Array.isArray(value)
    ? objection(value, 'an array of column names, or "all"', 'give "all" or an array such as ["a", "b"]')
    : wrong;
};

/** Whether its fields are all there is to it: a map or a date holds what they do not show. */
export function isRecord(value: unknown): value is object {
  return Object.prototype.toString.call(value) === '[object Object]';
}

/** Values of a detector's parameters; which there are is the detector's to say. */
export const settings: Check = (value) => {
  const wanted = 'an object of parameter values';
  if (!isRecord(value)) return objection(value, wanted, `give ${wanted}, such as { n_bins: 20 }`);
  const bad = Object.entries(value).find(([, v]) => !['string', 'number', 'boolean'].includes(typeof v));
  return bad && objection(bad[1], `a value of ${shown(bad[0])}`, 'a parameter is a string, a number or a boolean');
};

/** By shape: a signal of another realm is no `instanceof` ours. */
export const abortSignal: Check = (value) => {
  const signal = value as Partial<AbortSignal> | null;
  const fits =
    typeof signal === 'object' &&
    signal !== null &&
    typeof signal.aborted === 'boolean' &&
    typeof signal.addEventListener === 'function' &&
    typeof signal.removeEventListener === 'function';
  return fits ? undefined : objection(value, 'an AbortSignal', 'give the signal of an AbortController');
};

export const callback: Check = (value) => (typeof value === 'function' ? undefined : objection(value, 'a function'));
