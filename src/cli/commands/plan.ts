/** `plan`: what would happen. */
import type { ScoreOptions } from '../../orchestrator/options.ts';
import { prepare } from '../../orchestrator/prepare.ts';
import { planReport } from '../../orchestrator/preview.ts';
import { bytesText, printJson, printLine, rowsText } from '../print.ts';

export async function planCommand(sources: string[], options: ScoreOptions, json: boolean): Promise<number> {
  const report = planReport(await prepare('score', sources, options, process.cwd()));
  if (json) {
    printJson(report);
    return 0;
  }
  const { source, chunks, resources } = report;
  const lines = [
    `source    ${source.files} ${source.files === 1 ? 'file' : 'files'}, ${rowsText(source.rows)} rows, ${source.rowGroups} row groups, ${bytesText(source.bytes)}`,
    `columns   ${source.columns.join(', ')}`,
    ...(source.ignored.length > 0
      ? [`left out  ${source.ignored.map(({ column, reason }) => `${column} (${reason})`).join(', ')}`]
      : []),
    `detector  ${report.detector}`,
    `phases    ${report.phases.join(' -> ')}`,
    `chunks    ${chunks.planned} per phase, at most ${rowsText(chunks.rowsMax)} rows each`,
    `workers   ${resources.workers} (${resources.engine}), memory budget ${bytesText(resources.memoryBudgetBytes)}`,
    `output    ${report.output.path}`,
    `job       ${report.jobId}`,
    ...report.warnings.map((warning) => `note      ${warning}`),
  ];
  printLine(lines.join('\n'));
  return 0;
}
