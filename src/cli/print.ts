/** Words and tables for people. */
import Table from 'cli-table3';
import type { BatchCoreError } from '../errors.ts';
import type { Report } from '../report.ts';

const colour = process.env['NO_COLOR'] === undefined && process.stderr.isTTY === true;
const paint = (code: number, text: string) => (colour ? `\u001b[${code}m${text}\u001b[0m` : text);

/** An error: what, where, what to do. On stdout as JSON where JSON was asked for. */
export function printError(error: BatchCoreError, how: { json?: boolean; verbose?: boolean }): void {
  if (how.json) {
    process.stdout.write(`${JSON.stringify({ error: error.toJSON() })}\n`);
    return;
  }
  const lines = [`${paint(31, `error[${error.code}]`)}: ${oneLine(error.message)}`];
  if (error.hint !== undefined) lines.push(`  ${paint(36, 'hint')}: ${oneLine(error.hint)}`);
  if (how.verbose && error.stack !== undefined) lines.push(error.stack);
  if (how.verbose && error.cause instanceof Error && error.cause.stack !== undefined) lines.push(`caused by ${error.cause.stack}`);
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
  return minutes < 60 ? `${minutes} min ${Math.round(seconds % 60)} s` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Six significant figures, without an exponent where none is needed. */
export function numberText(value: number | null): string {
  if (value === null) return 'missing';
  return String(Number(value.toPrecision(6)));
}

/** A table without frames; the first row is its head. */
export function tableText(head: string[], rows: string[][], right: number[] = []): string {
  const table = new Table({
    head: head.map((text) => paint(1, text)),
    chars: Object.fromEntries(
      ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right', 'left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'].map((part) => [part, '']).concat([['middle', '  ']]),
    ),
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
  });
  table.push(...rows.map((row) => row.map(oneLine)));
  return table.toString().replaceAll(/ +$/gm, '');
}

/** The result a person reads. */
export function reportText(report: Report): string {
  const { output, anomalies, source, timing, throughput, resources, chunks, fit } = report;
  const resumed = chunks.resumed + fit.resumed;
  const lines = [
    `${paint(32, 'scored')} ${rowsText(source.rows)} rows in ${secondsText(timing.totalSeconds)}` +
      ` (${rowsText(Math.round(throughput.rowsPerSecond ?? 0))} rows/s, ${resources.workers} ${resources.workers === 1 ? 'worker' : 'workers'}, peak ${bytesText(resources.peakRssBytes)})`,
    `  detector  ${report.detector} on ${source.columns.length} columns: ${shortList(source.columns)}`,
  ];
  if (source.ignored.length > 0)
    lines.push(`  left out  ${shortList(source.ignored.map(({ column, reason }) => `${column} (${reason})`))}`);
  if (anomalies) {
    const share = ((100 * anomalies.count) / source.rows).toFixed(2);
    const threshold = anomalies.threshold === null ? '' : `, score above ${numberText(anomalies.threshold)}`;
    const doubt = anomalies.shareError ? `, share known to ±${(100 * anomalies.shareError).toFixed(2)} %` : '';
    lines.push(`  anomalies ${rowsText(anomalies.count)} (${share} %; ${anomalies.method}${threshold}${doubt})`);
    if (anomalies.skippedRows > 0) lines.push(`  no score  ${rowsText(anomalies.skippedRows)} rows with missing values`);
  }
  lines.push(`  output    ${output.path} (${bytesText(output.bytes)})`);
  lines.push(`  job       ${report.jobId}${resumed > 0 ? `, ${resumed} chunks kept from before` : ''}`);
  for (const warning of report.warnings) lines.push(`  ${paint(33, 'note')}      ${warning}`);
  if (anomalies && anomalies.top.length > 0) lines.push('', topText(report));
  return lines.map((line) => (line.includes('\n') ? line : line)).join('\n');
}

function topText(report: Report): string {
  const several = report.source.files > 1;
  const rows = (report.anomalies?.top ?? []).map((row) => [
    ...(several ? [String(row.file)] : []),
    String(row.row),
    numberText(row.score),
    row.reasons.map(({ column, value, contribution }) => `${column} = ${numberText(value)} (+${numberText(contribution)})`).join(', '),
  ]);
  return tableText([...(several ? ['file'] : []), 'row', 'score', 'reasons'], rows, several ? [0, 1, 2] : [0, 1]);
}

function shortList(names: readonly string[], max = 6): string {
  const shown = names.slice(0, max).map(oneLine).join(', ');
  return names.length > max ? `${shown} and ${names.length - max} more` : shown;
}
