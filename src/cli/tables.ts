/** Tables and reports for people, as lines. Pure. */
import Table from 'cli-table3';
import { shellWord } from '../files/paths.ts';
import type { Report, TopRow } from '../report.ts';
import { bytesText, countText, numberText, rateText, rowsText, secondsText, shortList } from './print.ts';
import { bold, escapeText, green, type Line, yellow } from './streams.ts';

const NO_FRAME = Object.fromEntries(
  ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) =>
    ['', '-mid', '-left', '-right'].map((part) => [`${side}${part}`, '']),
  ),
);
const GAP = '  ';
/** The last column is cut to no less than this; narrower terminals cut the whole line. */
const LAST_CELLS_MIN = 10;

/**
 * A table without frames, its head first.
 *
 * @param right - Columns of numbers, by place.
 * @param width - Cells of the terminal it must fit; the last column gives way first.
 */
export function tableLines(head: string[], rows: string[][], right: number[] = [], width?: number): Line[] {
  const cells = rows.map((row) => row.map(escapeText));
  const widest = head.map((_, i) => cells.reduce((a, b) => ((b[i] ?? '').length > (a[i] ?? '').length ? b : a), head));
  let lastCells: number | undefined;
  if (width !== undefined) {
    const widths = widest.map((row, i) => (row[i] ?? '').length);
    const others = widths.slice(0, -1).reduce((sum, cellsWide) => sum + cellsWide + GAP.length, 0);
    if (others + (widths.at(-1) ?? 0) > width) lastCells = Math.max(LAST_CELLS_MIN, width - others);
  }
  const laid = layBlocks(head, cells, widest, right, lastCells);
  const lines = width === undefined ? laid : laid.map((line) => cutText(line, width));
  return lines.map((line, i) => (i === 0 ? [bold(line.trimEnd())] : line.trimEnd()));
}

/** The layout's time grows with the square of the rows. */
const BLOCK_ROWS = 500;

/** A line for the head and one for each row. Blocks have equal widths: each begins with the `widest` row of each column. */
function layBlocks(
  head: string[],
  rows: string[][],
  widest: string[][],
  right: number[],
  lastCells: number | undefined,
): string[] {
  const lines: string[] = [];
  for (let first = 0; first === 0 || first < rows.length; first += BLOCK_ROWS) {
    const table = new Table({
      head,
      chars: { ...NO_FRAME, middle: GAP },
      style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
      colAligns: head.map((_, i) => (right.includes(i) ? 'right' : 'left')),
      ...(lastCells !== undefined && { colWidths: head.map((_, i) => (i === head.length - 1 ? lastCells : null)) }),
    });
    table.push(...widest, ...rows.slice(first, first + BLOCK_ROWS));
    const [top = '', ...rest] = table.toString().split('\n');
    lines.push(...(first === 0 ? [top] : []), ...rest.slice(widest.length));
  }
  return lines;
}

/** `text` in at most `width` cells, saying where it was cut. */
export function cutText(text: string, width: number): string {
  const letters = Array.from(text);
  return letters.length <= width ? text : `${letters.slice(0, Math.max(0, width - 1)).join('')}…`;
}

/** The result a person reads. */
export function reportLines(report: Report, width?: number): Line[] {
  const { output, source, chunks, fit } = report;
  const resumed = chunks.resumed + fit.resumed;
  const lines: Line[] = [
    headline(report),
    `  detector  ${report.detector} on ${countText(source.columns.length, 'column')}: ${shortList(source.columns)}`,
  ];
  if (source.ignored.length > 0)
    lines.push(`  left out  ${shortList(source.ignored.map(({ column, reason }) => `${column} (${reason})`))}`);
  lines.push(...anomalyLines(report));
  lines.push(`  output    ${output.path} (${bytesText(output.bytes)})`);
  lines.push(
    `  job       ${report.jobId}${resumed > 0 ? `, ${countText(resumed, 'chunk')} kept from an earlier run` : ''}`,
  );
  return [...lines, ...noteLines(report), ...topLines(report, width)];
}

/** What was done; of a job that was finished before, that nothing was. */
function headline(report: Report): Line {
  const { source, timing, throughput, resources } = report;
  const what = report.output.format === 'model' ? 'fitted' : 'scored';
  if (report.recalled)
    return [
      green(`already ${what}`),
      ` ${rowsText(source.rows)} rows: nothing was run, and what follows is of the run that did it (--fresh runs it again)`,
    ];
  const rate = throughput.rowsPerSecond === null ? '' : `${rateText(throughput.rowsPerSecond)}, `;
  return [
    green(what),
    ` ${rowsText(source.rows)} rows in ${secondsText(timing.totalSeconds)}` +
      ` (${rate}${countText(resources.workers, 'worker')}, peak ${bytesText(resources.peakRssBytes)})`,
  ];
}

const NOTHING_RUN = /nothing was run/;

/** The warnings, less the one that the headline has said. */
function noteLines(report: Report): Line[] {
  const warnings = report.recalled ? report.warnings.filter((text) => !NOTHING_RUN.test(text)) : report.warnings;
  return warnings.map((warning) => ['  ', yellow('note'), `      ${warning}`]);
}

function anomalyLines({ anomalies, source }: Report): Line[] {
  if (!anomalies) return [];
  const share = ((100 * anomalies.count) / source.rows).toFixed(2);
  const least = anomalies.threshold === null ? '' : numberText(anomalies.threshold);
  // With --top it is the score of the last row that is flagged, not one that a row must exceed.
  const exceeded = anomalies.method.startsWith('top ') ? `, scores of ${least} and more` : `, score above ${least}`;
  const threshold = least === '' ? '' : exceeded;
  const doubt = anomalies.shareError ? `, share known to ±${(100 * anomalies.shareError).toFixed(2)} %` : '';
  const lines: Line[] = [
    `  anomalies ${rowsText(anomalies.count)} (${share} %; ${anomalies.method}${threshold}${doubt})`,
  ];
  if (anomalies.skippedRows > 0) lines.push(`  no score  ${rowsText(anomalies.skippedRows)} rows with missing values`);
  return lines;
}

/** The highest rows that are flagged, and only those: whoever reads a list under "anomalies" takes all of it for them. */
function topLines({ anomalies, source }: Report, width?: number): Line[] {
  const [highest] = anomalies?.top ?? [];
  if (!anomalies || !highest) return [];
  if (anomalies.count === 0)
    return ['', `no row is flagged; the highest score is ${numberText(highest.score)}, of row ${rowText(highest)}`];
  const flagged = anomalies.top.slice(0, anomalies.count);
  const several = source.files > 1;
  const named = flagged.some(({ id }) => id !== undefined);
  const rows = flagged.map((row) => [
    ...(several ? [String(row.file)] : []),
    String(row.row),
    ...(named ? [idText(row)] : []),
    numberText(row.score),
    row.reasons.map(reasonText).join(', '),
  ]);
  const head = [...(several ? ['file'] : []), 'row', ...(named ? ['id'] : []), 'score', 'reasons'];
  const right = head.flatMap((name, i) => (['file', 'row', 'score'].includes(name) ? [i] : []));
  const more = anomalies.count - flagged.length;
  return [
    '',
    ...tableLines(head, rows, right, width),
    ...(more > 0 ? [`and ${countText(more, 'more row', 'more rows')}: those with anomaly = true in the output`] : []),
  ];
}

/** So much of an id is shown. */
const ID_CELLS_MAX = 40;

const idText = ({ id }: TopRow): string => cutText(String(id), ID_CELLS_MAX);

const rowText = (row: TopRow): string => (row.id === undefined ? String(row.row) : `${row.row} (${idText(row)})`);

/** A cell, what would have been usual, and what it adds. A report of an earlier version may not say what is usual. */
function reasonText({ column, value, contribution, usualLow, usualHigh }: TopRow['reasons'][number]): string {
  const known = typeof usualLow === 'number' && typeof usualHigh === 'number';
  const usual = known ? `usual ${numberText(usualLow, 3)} to ${numberText(usualHigh, 3)}, ` : '';
  return `${column} = ${numberText(value)} (${usual}+${numberText(contribution)})`;
}

/** What a model was fitted on. */
export function fittedText({ fitRows, sourceRows }: { fitRows: number | null; sourceRows: number | null }): string {
  if (fitRows === null || sourceRows === null) return 'rows that are not known';
  return fitRows === sourceRows
    ? `${rowsText(fitRows)} rows`
    : `a sample of ${rowsText(fitRows)} of ${rowsText(sourceRows)} rows`;
}

/** What a fit says, or a calibration, which is one. */
export function fitLines(report: Report, did: 'fitted' | 'calibrated'): Line[] {
  const { model, timing, source, output } = report;
  return [
    report.recalled
      ? [green(`already ${did}`), `: nothing was run (--fresh runs it again)`]
      : [
          green(report.fit.executed === 0 ? `already ${did}` : did),
          ` ${report.detector} on ${fittedText(model)} in ${secondsText(timing.totalSeconds)}`,
        ],
    `  columns   ${source.columns.length}: ${shortList(source.columns)}`,
    ...(source.ignored.length > 0
      ? [`  left out  ${shortList(source.ignored.map(({ column, reason }) => `${column} (${reason})`))}`]
      : []),
    `  model     ${output.path} (${bytesText(output.bytes)}, ${model.digest})`,
    `  use it    batch-core score <source> -m ${shellWord(output.path)}`,
    ...noteLines(report),
  ];
}
