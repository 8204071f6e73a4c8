/** Tables and reports for people. */
import Table from 'cli-table3';
import type { Report } from '../report.ts';
import { bytesText, numberText, oneLine, paint, rowsText, secondsText } from './print.ts';

/** A table without frames; the first row is its head. */
export function tableText(head: string[], rows: string[][], right: number[] = []): string {
  const table = new Table({
    head: head.map((text) => paint(1, text)),
    chars: Object.fromEntries(
      [
        'top',
        'top-mid',
        'top-left',
        'top-right',
        'bottom',
        'bottom-mid',
        'bottom-left',
        'bottom-right',
        'left',
        'left-mid',
        'mid',
        'mid-mid',
        'right',
        'right-mid',
      ]
        .map((part) => [part, ''])
        .concat([['middle', '  ']]),
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
    if (anomalies.skippedRows > 0)
      lines.push(`  no score  ${rowsText(anomalies.skippedRows)} rows with missing values`);
  }
  lines.push(`  output    ${output.path} (${bytesText(output.bytes)})`);
  lines.push(`  job       ${report.jobId}${resumed > 0 ? `, ${resumed} chunks kept from before` : ''}`);
  for (const warning of report.warnings) lines.push(`  ${paint(33, 'note')}      ${warning}`);
  if (anomalies && anomalies.top.length > 0) lines.push('', topText(report));
  return lines.join('\n');
}

function topText(report: Report): string {
  const several = report.source.files > 1;
  const rows = (report.anomalies?.top ?? []).map((row) => [
    ...(several ? [String(row.file)] : []),
    String(row.row),
    numberText(row.score),
    row.reasons
      .map(({ column, value, contribution }) => `${column} = ${numberText(value)} (+${numberText(contribution)})`)
      .join(', '),
  ]);
  return tableText([...(several ? ['file'] : []), 'row', 'score', 'reasons'], rows, several ? [0, 1, 2] : [0, 1]);
}

function shortList(names: readonly string[], max = 6): string {
  const shown = names.slice(0, max).map(oneLine).join(', ');
  return names.length > max ? `${shown} and ${names.length - max} more` : shown;
}
