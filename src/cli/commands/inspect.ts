/** `inspect`: what a source, a model, an output or a job is, for people and programs. */
import { EXIT } from '../../errors.ts';
import type { FlagFacts } from '../../orchestrator/core/flagFacts.ts';
import {
  detectors,
  type Inspected,
  type InspectedDirectory,
  type InspectedFile,
  type InspectedModel,
  type InspectedSource,
  inspect,
  inspectModel,
} from '../../orchestrator/core/inspect.ts';
import { bytesText, countText, numberText, rowsText, shortList } from '../print.ts';
import { answerColumns, type Line, printJson, printLines } from '../streams.ts';
import { fittedText, tableLines } from '../tables.ts';
import { statusLines } from './jobs.ts';

const FILES_MAX = 5;

/** `model inspect`: the same, of a model alone. */
export function inspectModelCommand(path: string, flags: { json?: boolean }): number {
  tell(inspectModel(path), linesOf, flags);
  return EXIT.ok;
}

export async function inspectCommand(
  paths: readonly string[],
  flags: { detectors?: boolean; json?: boolean },
): Promise<number> {
  if (flags.detectors) tell(detectors(), detectorLines, flags);
  else tell(await inspect(paths), linesOf, flags);
  return EXIT.ok;
}

function tell<Found extends object>(found: Found, lines: (found: Found) => Line[], flags: { json?: boolean }): void {
  if (flags.json) printJson(found);
  else printLines(lines(found));
}

function linesOf(found: Inspected): Line[] {
  switch (found.kind) {
    case 'source':
      return sourceLines(found);
    case 'model':
      return modelLines(found);
    case 'job':
      return statusLines(found);
    case 'output':
      return 'parts' in found ? directoryLines(found) : fileLines(found);
  }
}

function directoryLines({ path, rows, bytes, model, parts, flags }: InspectedDirectory): Line[] {
  return [
    `output    ${path}: ${rowsText(rows)} rows in ${countText(parts.length, 'part')}, ${bytesText(bytes)}`,
    `model     ${String(model)}`,
    ...flagLines(flags),
  ];
}

function modelLines(model: InspectedModel): Line[] {
  const { detector, columns, bytes, digest, leftOut, parameters } = model;
  return [
    `model     ${detector}, ${countText(columns.length, 'column')}, ${originText(model)}, ${bytesText(bytes)}`,
    `digest    ${digest}`,
    `columns   ${columns.join(', ')}`,
    ...(leftOut.length > 0
      ? [`left out  ${leftOut.map(({ column, reason }) => `${column} (${reason})`).join(', ')}`]
      : []),
    ...ruleLines(model),
    `set       ${JSON.stringify(parameters)}`,
  ];
}

function originText(model: InspectedModel): string {
  if (!model.imported) return `fitted on ${fittedText(model)}`;
  return model.fitRows === null ? 'imported' : `imported, calibrated on ${fittedText(model)}`;
}

/** Which rows it flags, and what was drawn. */
function ruleLines({ threshold, contamination, seed, fitRows }: InspectedModel): string[] {
  const share = contamination === null ? '' : `, contamination ${contamination}`;
  return [
    ...(contamination === null ? [`threshold ${threshold ?? 'none: score needs --threshold or --top'}`] : []),
    ...(fitRows === null ? [] : [`seed      ${seed}${share}`]),
  ];
}

function fileLines(output: InspectedFile): Line[] {
  const { path, fingerprint, model = '', columns, flags } = output;
  return [
    `output    ${path}: ${sizeText(output)}`,
    ...(fingerprint === undefined ? [] : [`content   ${fingerprint}`]),
    `model     ${model}`,
    ...flagLines(flags),
    '',
    ...tableLines(
      ['column', 'type'],
      columns.map(({ name, type }) => [name, type]),
      [],
      answerColumns(),
    ),
  ];
}

function flagLines({ rows, flagged, unscored, lowestFlagged, highestUnflagged }: FlagFacts): Line[] {
  const share = rows === 0 ? 0 : (100 * flagged) / rows;
  return [
    `flagged   ${rowsText(flagged)} rows (${share.toFixed(2)} %)` +
      (lowestFlagged === null ? '' : `, with scores of ${numberText(lowestFlagged)} and more`),
    ...(highestUnflagged === null
      ? []
      : [`          the highest score that is not flagged: ${numberText(highestUnflagged)}`]),
    ...(unscored > 0 ? [`no score  ${rowsText(unscored)} rows with missing values`] : []),
  ];
}

function sourceLines(source: InspectedSource): Line[] {
  const { path, files, columns, refusal } = source;
  const paths = files.map((file) => file.path);
  return [
    ...(files.length === 1
      ? [`source    ${path}: ${sizeText(source)}`]
      : [
          `source    ${countText(files.length, 'file')}: ${sizeText(source)}`,
          `files     ${shortList(paths, FILES_MAX)}`,
        ]),
    '',
    ...tableLines(
      ['column', 'type', 'scored by default'],
      columns.map((column) => [
        column.name +
          (column.nameInFile === undefined ? '' : ` (in the file "${column.nameInFile}", which is taken or empty)`),
        column.type,
        usableText(column),
      ]),
      [],
      answerColumns(),
    ),
    '',
    ...(refusal ? [`score refuses it: ${refusal.message} (${refusal.hint})`] : []),
    'columns of a single value are left out when a fit finds them',
  ];
}

function usableText({ usable, convertible, reason, type }: InspectedSource['columns'][number]): string {
  if (usable) return 'yes';
  return `no: ${reason ?? type}${convertible ? ', unless named by --columns' : ''}`;
}

function sizeText({ rows, rowGroups, bytes }: Pick<InspectedSource, 'rows' | 'rowGroups' | 'bytes'>): string {
  return `${rowsText(rows)} rows, ${countText(rowGroups.length, 'row group')}, ${bytesText(bytes)}`;
}

function detectorLines(table: ReturnType<typeof detectors>): Line[] {
  return table.flatMap(({ name, summary, passes, parameters }, i): Line[] => {
    const rows = parameters.map((p) => [
      `  ${p.name}`,
      [...(p.choices ?? []), ...(p.kind === 'choice' ? [] : [`${p.kind} ${p.min ?? ''}..${p.max ?? ''}`])].join(' | '),
      `default ${String(p.default)}`,
      p.help,
    ]);
    return [
      ...(i > 0 ? [''] : []),
      `${name}: ${summary} (${countText(passes, 'pass', 'passes')})`,
      ...(rows.length > 0 ? tableLines(['  --set', 'values', '', ''], rows, [], answerColumns()) : []),
    ];
  });
}
