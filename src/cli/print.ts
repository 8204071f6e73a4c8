/** Words for people. Loaded by every command, `--help` too: nothing heavy. */
import type { BatchCoreError } from '../errors.ts';

const colour = process.env['NO_COLOR'] === undefined && process.stderr.isTTY === true;
/** `text` in a colour, where there are colours. */
export const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

/** An error: what, where, what to do. On stdout as JSON where JSON was asked for. */
export function printError(error: BatchCoreError, how: { json?: boolean; verbose?: boolean }): void {
  if (how.json) {
    process.stdout.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
    return;
  }
  const lines = [`${paint(31, `error[${error.code}]`)}: ${oneLine(error.message)}`];
  if (error.hint !== undefined) lines.push(`  ${paint(36, 'hint')}: ${oneLine(error.hint)}`);
  if (how.verbose && error.stack !== undefined) lines.push(error.stack);
  if (how.verbose && error.cause instanceof Error && error.cause.stack !== undefined)
    lines.push(`caused by ${error.cause.stack}`);
  process.stderr.write(`${lines.join('\n')}\n`);
}

/** Names of files and columns are other people's: nothing in them may move the cursor. */
export function oneLine(text: string): string {
  return text.replaceAll(/\p{Cc}/gu, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}

export function printLine(text: string): void {
  process.stdout.write(`${text}\n`);
}

export const rowsText = (rows: number): string => rows.toLocaleString('en-US');

export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = bytes < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(bytes) / 10));
  return `${(bytes / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

export function secondsText(seconds: number): string {
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min ${Math.round(seconds % 60)} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Six significant figures, without an exponent where none is needed. */
export function numberText(value: number | null): string {
  if (value === null) return 'missing';
  return String(Number(value.toPrecision(6)));
}
