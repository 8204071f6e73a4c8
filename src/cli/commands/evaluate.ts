/** `evaluate`: what an output is worth against labels. */
import { EXIT } from '../../errors.ts';
import { type Evaluation, evaluate } from '../../orchestrator/core/evaluate.ts';
import type { EvaluateOptions } from '../../orchestrator/spec/optionTypes.ts';
import { countText, rowsText } from '../print.ts';
import { listenForSignals } from '../signals.ts';
import { answerColumns, type Line, printJson, printLines } from '../streams.ts';
import { tableLines } from '../tables.ts';

export async function evaluateCommand(
  out: string,
  { json, ...options }: EvaluateOptions & { json?: boolean },
): Promise<number> {
  const signals = listenForSignals('nothing was written');
  const evaluation = await evaluate(out, { ...options, signal: signals.signal }).finally(signals.ended);
  if (json) printJson(evaluation);
  else printLines(evaluationLines(evaluation));
  return EXIT.ok;
}

function evaluationLines(evaluation: Evaluation): Line[] {
  const { output, label, rows, unchecked } = evaluation;
  const share = ((100 * rows.positives) / rows.evaluated).toFixed(2);
  const of = label.from === 'output' ? 'its own' : 'its source';
  return [
    `${output.path} against "${label.column}" of ${of}: ${rowsText(rows.evaluated)} rows, ${rowsText(rows.positives)} of them positive (${share} %)`,
    '',
    ...tableLines(['figure', 'value', 'of'], figureRows(evaluation), [1], answerColumns()),
    ...leftOutLines(rows),
    ...unchecked.map((what) => `  not checked: ${what}`),
  ];
}

function figureRows({ rows, auroc, averagePrecision, precisionAtN, flags }: Evaluation): string[][] {
  const negatives = rows.evaluated - rows.positives;
  const { n } = precisionAtN;
  const highest =
    precisionAtN.rows === n
      ? `the ${rowsText(n)} highest rows`
      : `the ${rowsText(precisionAtN.rows)} of the ${rowsText(n)} highest rows that tie with no other`;
  return [
    ['AUROC', auroc.toFixed(6), `${rowsText(rows.positives)} positive and ${rowsText(negatives)} negative rows`],
    ['average precision', averagePrecision.toFixed(6), ''],
    ['precision at n', precisionAtN.precision.toFixed(6), highest],
    ['precision', flags.precision.toFixed(6), countText(flags.rows, 'flagged row')],
    [
      'recall',
      flags.recall.toFixed(6),
      `${countText(flags.truePositives, 'flagged row')} that ${flags.truePositives === 1 ? 'is' : 'are'} positive`,
    ],
    ['F1', flags.f1.toFixed(6), ''],
  ];
}

function leftOutLines({ withoutScore, withoutLabel, absent }: Evaluation['rows']): string[] {
  const counts: [number | null, string][] = [
    [withoutScore, 'without a score'],
    [withoutLabel, 'without a label'],
    [absent, 'of the source that the output has not'],
  ];
  const told = counts.flatMap(([count, what]) => (count ? [`${countText(count, 'row')} ${what}`] : []));
  return told.length > 0 ? ['', `left out: ${told.join(', ')}`] : [];
}
