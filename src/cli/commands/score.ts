/** `score` and `fit`: run, follow, report. */
import { existsSync, statSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { BatchCoreError, EXIT } from '../../errors.ts';
import { type RunHooks, returnLargeBuffers, runFit, runScore } from '../../orchestrator/core/runs.ts';
import type { ScoreOptions } from '../../orchestrator/spec/optionTypes.ts';
import type { Report } from '../../report.ts';
import type { OutputFlags } from '../options.ts';
import { progressSink } from '../progress.ts';
import { listenForSignals } from '../signals.ts';
import { answerColumns, type Line, printJson, printLines, say } from '../streams.ts';
import { fitLines, reportLines } from '../tables.ts';

export async function scoreCommand(sources: string[], options: ScoreOptions, output: OutputFlags): Promise<number> {
  return follow(output, (hooks) => runScore(sources, options, hooks), reportLines);
}

export async function fitCommand(
  sources: string[],
  model: string,
  options: ScoreOptions,
  output: OutputFlags,
): Promise<number> {
  refuseDirectory(model);
  return follow(
    output,
    (hooks) => runFit(sources, model, options, hooks),
    (report) => fitLines(report, 'fitted'),
  );
}

export function refuseDirectory(model: string): void {
  if (!/[/\\]$/.test(model) && !(existsSync(model) && statSync(model).isDirectory())) return;
  throw new BatchCoreError('USAGE', `--model: "${model}" is a directory; a model is one file`, {
    where: { option: '--model', file: model },
    hint: 'name the file, for example model.bcm',
  });
}

/** Runs with progress and signals, then prints the report; the exit code is the signal's when one stopped the run. */
export async function follow(
  output: OutputFlags,
  run: (hooks: RunHooks) => Promise<Report>,
  lines: (report: Report, width?: number) => Line[],
): Promise<number> {
  returnLargeBuffers();
  keepYoungGenerationSmall();
  const sink = progressSink(output);
  const signals = listenForSignals();
  const report = await run({ signal: signals.signal, sinks: [sink] }).finally(() => {
    signals.ended();
    sink.end();
  });
  const late = signals.came();
  if (late !== undefined) say(`the job was completed before ${late} could stop it`);
  if (output.json) printJson(report);
  else if (!output.quiet) printLines(lines(report, answerColumns()));
  return report.exitCode ?? EXIT.ok;
}

/**
 * What a run makes in JavaScript is small and soon of no use, and V8 would let 50 MiB of it gather. V8 reads this each time that
 * the young generation would grow; while modules are loaded it may, for that takes 12 ms less.
 */
function keepYoungGenerationSmall(): void {
  setFlagsFromString('--semi-space-growth-factor=1');
}
