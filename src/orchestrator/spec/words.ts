/** Values as words of the command line or of a configuration file say them. Pure. */
import type { Parameters } from './optionTypes.ts';

/** What a word says: `none` cannot be said in words. */
export type Kind =
  | 'word'
  | 'count'
  | 'countOrAll'
  | 'chunkRows'
  | 'number'
  | 'share'
  | 'names'
  | 'namesOrAll'
  | 'settings'
  | 'paths'
  | 'flag'
  | 'none';

/** A word that says no value of its kind; its message is a sentence about the word. */
export class WordError extends Error {}

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function parseNumber(text: string): number {
  if (!NUMBER.test(text)) throw new WordError('It is not a number.');
  return Number(text);
}

/** `0.01` or `1%`. */
export function parseShare(text: string): number {
  if (!text.endsWith('%')) return parseNumber(text);
  const percent = text.slice(0, -1).trim();
  if (!/^\d+\.?\d*$|^\.\d+$/.test(percent)) throw new WordError('It is not a share such as 0.01 or 1%.');
  // Shifted in decimal, so that 0.7% and 0.007 are the same number, and the same job.
  return Number(`${percent}e-2`);
}

/** `1000`, `64K` or `1M`, with 1K of so many. */
function countOf(text: string, kilo: number): number {
  const match = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(text);
  const unit = { '': 1, k: kilo, m: kilo ** 2 }[(match?.[2] ?? '').toLowerCase()] ?? 1;
  const value = Number(match?.[1] ?? Number.NaN) * unit;
  if (!Number.isInteger(value)) throw new WordError('It is not a count such as 500, 64K or 1M.');
  // What was typed would be told as another number.
  if (!Number.isSafeInteger(value)) throw new WordError(`It is more than ${Number.MAX_SAFE_INTEGER}.`);
  return value;
}

/** A count: 1K is 1,000. */
export const parseCount = (text: string): number => countOf(text, 1000);
const parseCountOrAll = (text: string): number | 'all' => (text === 'all' ? 'all' : parseCount(text));
/** Rows of a chunk: 1K is 1,024, as DuckDB's row groups are. */
export const parseChunkRows = (text: string): number => countOf(text, 1024);

/** Names of columns: `a,b`, or a JSON array for names with commas. Given again, it adds to those before. */
export function parseNames(text: string, before: readonly string[] = []): string[] {
  return [...before, ...(jsonNames(text) ?? splitNames(text))];
}

function jsonNames(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined;
  } catch {
    return undefined; // a column may be called "[x]"
  }
}

function splitNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new WordError('It is a list of names separated by commas, or a JSON array of names.');
  return names;
}

function parseNamesOrAll(text: string, before?: readonly string[] | 'all'): readonly string[] | 'all' {
  if (text !== 'all' && before !== 'all') return parseNames(text, before);
  if (before !== undefined) throw new WordError('all stands alone.');
  return 'all';
}

/** `key=value`. Given again, it adds to those before. */
function parseSetting(text: string, before: Parameters = {}): Parameters {
  const at = text.indexOf('=');
  if (at < 1) throw new WordError('It is key=value.');
  const key = text.slice(0, at);
  if (Object.hasOwn(before, key)) throw new WordError(`"${key}" is set twice.`);
  return Object.assign(Object.create(null) as Parameters, before, { [key]: text.slice(at + 1) });
}

/** A path. Given again, it adds to those before. */
const parsePaths = (text: string, before: readonly string[] = []): string[] => [...before, text];

type Parse = (text: string, before?: never) => unknown;

/** How a word of each kind is read; one that is absent is taken as it is. `before`: what the same option said before. */
export const PARSERS: Readonly<Partial<Record<Kind, Parse>>> = {
  count: parseCount,
  countOrAll: parseCountOrAll,
  chunkRows: parseChunkRows,
  number: parseNumber,
  share: parseShare,
  names: parseNames,
  namesOrAll: parseNamesOrAll,
  settings: parseSetting,
  paths: parsePaths,
};
