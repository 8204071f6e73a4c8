/** `model`: a forest of another program becomes a model, and two models are compared. */
import { EXIT } from '../../errors.ts';
import { diffModels, type ImportOptions, importModel, type ModelDiff } from '../../orchestrator/core/models.ts';
import { bytesText, countText, shortList } from '../print.ts';
import { answerColumns, green, type Line, printJson, printLines } from '../streams.ts';
import { tableLines } from '../tables.ts';

/** Differences that are shown; JSON has them all. */
const SHOWN_MAX = 40;
/** Characters of a value that are shown. */
const VALUE_MAX = 60;

export function importCommand(
  file: string,
  model: string,
  { json, ...options }: Omit<ImportOptions, 'model'> & { json?: boolean },
): number {
  const made = importModel(file, { ...options, model });
  if (json) {
    printJson(made);
    return EXIT.ok;
  }
  const { detector, parameters, columns, threshold, digest, path, bytes } = made;
  printLines([
    [green('imported'), ` ${detector} of ${countText(Number(parameters['n_estimators']), 'tree')} from ${file}`],
    `  columns   ${columns.length}: ${shortList(columns)}`,
    `  threshold ${threshold ?? 'none: score needs --threshold or --top'}`,
    `  model     ${path} (${bytesText(bytes)}), ${digest.slice(0, 19)}`,
  ]);
  return EXIT.ok;
}

export function diffCommand(a: string, b: string, flags: { json?: boolean }): number {
  const diff = diffModels(a, b);
  if (flags.json) printJson(diff);
  else printLines(diffLines(diff));
  return diff.same ? EXIT.ok : EXIT.failed;
}

function diffLines({ a, b, same, differences }: ModelDiff): Line[] {
  if (same) return [`${a} and ${b} are the same model`];
  const rows = differences.slice(0, SHOWN_MAX).map((one) => [one.field, valueText(one.a), valueText(one.b)]);
  const more = differences.length - rows.length;
  return [
    ...tableLines(['', a, b], rows, [], answerColumns()),
    ...(more > 0 ? [`and ${countText(more, 'more difference', 'more differences')}: --json has them all`] : []),
  ];
}

function valueText(value: unknown): string {
  if (value === null || value === undefined) return '-';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.length > VALUE_MAX ? `${text.slice(0, VALUE_MAX - 3)}...` : text;
}
