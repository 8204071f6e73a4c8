/** `score` and `fit`: run, follow, report. */
import { returnLargeBuffers } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { guard } from '../../orchestrator/listener.ts';
import type { ScoreOptions } from '../../orchestrator/options.ts';
import { type RunHooks, runFit, runScore } from '../../orchestrator/run.ts';
import type { Report } from '../../report.ts';
import type { OutputFlags } from '../options.ts';
import { bytesText, printJson, printLine, rowsText, secondsText } from '../print.ts';
import { progressSink } from '../progress.ts';
import { listenForSignals } from '../signals.ts';
import { reportText } from '../tables.ts';

export async function scoreCommand(sources: string[], options: ScoreOptions, output: OutputFlags): Promise<number> {
  return follow(output, (hooks) => runScore(sources, options, hooks), reportText);
}

export async function fitCommand(
  sources: string[],
  model: string,
  options: ScoreOptions,
  output: OutputFlags,
): Promise<number> {
  return follow(output, (hooks) => runFit(sources, model, options, hooks), fitText);
}

/** Runs with progress and signals, then prints the report; the exit code is the signal's when one came. */
export async function follow(
  output: OutputFlags,
  run: (hooks: RunHooks) => Promise<Report>,
  text: (report: Report) => string,
): Promise<number> {
  returnLargeBuffers();
  const sink = progressSink(output);
  const signals = listenForSignals();
  try {
    const listener = guard(sink);
    const report = await run({ signal: signals.signal, onProgress: listener.onProgress, onEvent: listener.onEvent });
    report.warnings.push(...listener.warnings);
    sink.end();
    if (output.json) printJson(report);
    else if (!output.quiet) printLine(text(report));
    return report.exitCode;
  } catch (thrown) {
    sink.end();
    const error = BatchCoreError.from(thrown);
    const exitCode = error.code === 'CANCELLED' ? signals.exitCode() : undefined;
    if (exitCode === undefined) throw error;
    const { code, message, where, hint, cause } = error;
    throw new BatchCoreError(code, message, { where, hint, cause, exitCode });
  } finally {
    signals.close();
  }
}

function fitText(report: Report): string {
  return [
    `fitted ${report.detector} on ${rowsText(report.model.fitRows)} rows in ${secondsText(report.timing.totalSeconds)}`,
    `  columns   ${report.source.columns.join(', ')}`,
    `  model     ${report.output.path} (${bytesText(report.output.bytes)}, ${report.model.digest})`,
  ].join('\n');
}
