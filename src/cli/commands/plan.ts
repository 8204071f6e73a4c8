/** `plan`: what would happen. */
import { EXIT } from '../../errors.ts';
import { planScore } from '../../orchestrator/core/runs.ts';
import type { ScoreOptions } from '../../orchestrator/spec/optionTypes.ts';
import { bytesText, countText, rowsText, secondsText, shortList } from '../print.ts';
import { printJson, printLines } from '../streams.ts';

/** Columns named before the rest is counted; JSON has them all. */
const NAMES_MAX = 20;

export async function planCommand(sources: string[], options: ScoreOptions, json: boolean): Promise<number> {
  const report = await planScore(sources, options);
  if (json) {
    printJson(report);
    return EXIT.ok;
  }
  const { source, fit, chunks, resources, expected } = report;
  const basis = expected.basedOnRuns > 0 ? 'as runs of this home took' : 'a guess: no run of this home tells yet';
  const ignored = source.ignored.map(({ column, reason }) => `${column} (${reason})`);
  printLines([
    `source    ${countText(source.files, 'file')}, ${rowsText(source.rows)} rows, ${countText(source.rowGroups, 'row group')}, ${bytesText(source.bytes)}`,
    `columns   ${source.columns.length}: ${shortList(source.columns, NAMES_MAX)}`,
    ...(ignored.length > 0 ? [`left out  ${shortList(ignored, NAMES_MAX)}`] : []),
    ...(report.phases.some((phase) => phase.startsWith('fit'))
      ? ['          columns of a single value are left out when the fit finds them']
      : []),
    `detector  ${report.detector}`,
    ...(fit
      ? [
          `fit       on ${rowsText(fit.rows)} rows of ${countText(fit.files, 'file')}${fit.condition === null ? '' : `, where ${fit.condition}`}`,
        ]
      : []),
    `phases    ${report.phases.join(' -> ')}`,
    `chunks    ${rowsText(chunks.planned)} per phase, at most ${rowsText(chunks.rowsMax)} rows each`,
    `workers   ${resources.workers} (${resources.engine}), memory budget ${bytesText(resources.memoryBudgetBytes)}`,
    `time      about ${secondsText(expected.seconds)} (${basis})`,
    `output    ${report.output.path}`,
    `job       ${report.jobId}`,
    ...report.warnings.map((warning) => `note      ${warning}`),
  ]);
  return EXIT.ok;
}
