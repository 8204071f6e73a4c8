/** `resume`, `pause`, `cancel`. */
import { EXIT } from '../../errors.ts';
import { requestOfJob } from '../../orchestrator/core/jobs.ts';
import { resumeJob } from '../../orchestrator/core/resume.ts';
import type { ScoreOptions } from '../../orchestrator/spec/optionTypes.ts';
import type { OutputFlags } from '../options.ts';
import { printJson, printLine } from '../streams.ts';
import { fitLines, reportLines } from '../tables.ts';
import { follow } from './score.ts';

export async function controlCommand(
  verb: 'pause' | 'cancel',
  id: string,
  flags: { home?: string; json?: boolean },
): Promise<number> {
  const status = requestOfJob(flags.home, id, verb);
  if (flags.json) printJson({ jobId: status.jobId, requested: verb });
  else printLine(`job ${status.jobId} is asked to ${verb}; chunks in flight are finished first`);
  return EXIT.ok;
}

export async function resumeCommand(id: string, { home, ...how }: ScoreOptions, output: OutputFlags): Promise<number> {
  const resumed = await resumeJob(home, id, how);
  if (resumed.kind !== 'here') {
    const { kind, jobId, pid } = resumed;
    if (output.json) printJson({ jobId, requested: 'resume', wasPaused: kind === 'continued' });
    else if (kind === 'continued') printLine(`job ${jobId} is resumed (pid ${pid})`);
    else printLine(`job ${jobId} is running already (pid ${pid}): there is nothing to resume`);
    return EXIT.ok;
  }
  const { command } = resumed;
  return follow(output, resumed.run, (report, width) =>
    command === 'score' ? reportLines(report, width) : fitLines(report, command === 'fit' ? 'fitted' : 'calibrated'),
  );
}
