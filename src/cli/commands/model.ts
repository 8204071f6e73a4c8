/** `model`: a forest of another program becomes a model, and two models are compared. */
import { BatchCoreError, EXIT } from '../../errors.ts';
import {
  type CalibrationOptions,
  calibrateModel,
  diffModels,
  type ImportOptions,
  importModel,
  type ModelDiff,
} from '../../orchestrator/core/models.ts';
import { CALIBRATION, flagOf } from '../../orchestrator/spec/optionFacts.ts';
import type { OutputFlags } from '../options.ts';
import { bytesText, countText, shortList } from '../print.ts';
import { answerColumns, green, type Line, printJson, printLines } from '../streams.ts';
import { fitLines, tableLines } from '../tables.ts';
import { follow, refuseDirectory } from './score.ts';

/** Differences that are shown; JSON has them all. */
const SHOWN_MAX = 40;
/** Characters of a value that are shown. */
const VALUE_MAX = 60;

/** What `model import` was told, apart from what is printed. */
export type ImportFlags = CalibrationOptions & Omit<ImportOptions, 'model'> & { calibrate?: string[] };

export async function importCommand(
  file: string,
  model: string,
  { calibrate, ...options }: ImportFlags,
  output: OutputFlags,
): Promise<number> {
  if (calibrate !== undefined) {
    refuseDirectory(model);
    return follow(
      output,
      (hooks) => calibrateModel(file, calibrate, model, options, hooks),
      (report) => fitLines(report, 'calibrated'),
    );
  }
  refuseUncalibrated(options, output);
  const made = importModel(file, { ...options, model });
  if (output.json) {
    printJson(made);
    return EXIT.ok;
  }
  if (output.quiet) return EXIT.ok;
  const { detector, parameters, columns, threshold, digest, path, bytes } = made;
  printLines([
    [green('imported'), ` ${detector} of ${countText(Number(parameters['n_estimators']), 'tree')} from ${file}`],
    `  columns   ${columns.length}: ${shortList(columns)}`,
    `  threshold ${threshold ?? 'none: score needs --threshold or --top'}`,
    `  model     ${path} (${bytesText(bytes)}), ${digest.slice(0, 19)}`,
  ]);
  return EXIT.ok;
}

/** What says how a source is read does nothing where none is. */
function refuseUncalibrated(options: CalibrationOptions, { progress }: OutputFlags): void {
  const given = CALIBRATION.find(({ name }) => (options as Readonly<Record<string, unknown>>)[name] !== undefined);
  const option = given ? flagOf(given) : progress === 'auto' ? undefined : '--progress';
  if (option === undefined) return;
  throw new BatchCoreError('USAGE', `${option}: applies with --calibrate only`, {
    where: { option },
    hint: 'leave it out, or name a source with --calibrate',
  });
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
