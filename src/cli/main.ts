#!/usr/bin/env node
/** argv in, exit code out: the only place that reads process.argv or ends the process. */
import { Command, CommanderError } from 'commander';
import { BatchCoreError, EXIT } from '../errors.ts';
import {
  type OutputFlags,
  splitFlags,
  withFitFlags,
  withOutputFlags,
  withRunFlags,
  withScoreFlags,
} from './options.ts';
import { printError } from './print.ts';

/** What a command ends with. */
type Exit = Promise<number>;

const program = new Command('batch-core')
  .description('Anomaly scores for Parquet files larger than memory, at the speed of the scan, exactly once.')
  .enablePositionalOptions()
  .showHelpAfterError('(run with --help to see what there is)')
  .exitOverride()
  .configureOutput({ outputError: () => {} });

let exitCode: number = EXIT.ok;

/** Commands load their code when they run: `--help` needs none of it. */
function runs<Args extends unknown[]>(command: (...args: Args) => Exit): (...args: Args) => Promise<void> {
  return async (...args) => {
    exitCode = await command(...args);
  };
}

withOutputFlags(withRunFlags(withScoreFlags(withFitFlags(program.command('score')))))
  .description('score every row of a source')
  .argument('<source...>', 'Parquet files, directories or globs')
  .addHelpText('after', '\nDetectors and their parameters: batch-core inspect --detectors')
  .action(
    runs(async (sources: string[], flags) => {
      const { options, output } = splitFlags(flags);
      return (await import('./commands/score.ts')).scoreCommand(sources, options, output);
    }),
  );

withOutputFlags(withRunFlags(withFitFlags(program.command('fit'))))
  .description('fit a model and save it')
  .argument('<source...>', 'Parquet files, directories or globs')
  .requiredOption('-m, --model <file>', 'where the model goes, for example model.bcm')
  .action(
    runs(async (sources: string[], { model, ...flags }) => {
      const { options, output } = splitFlags(flags);
      return (await import('./commands/score.ts')).fitCommand(sources, model, options, output);
    }),
  );

withRunFlags(withScoreFlags(withFitFlags(program.command('plan'))))
  .description('print what score would do; touches nothing')
  .argument('<source...>', 'Parquet files, directories or globs')
  .option('--json', 'print the plan as JSON')
  .action(
    runs(async (sources: string[], { json, ...flags }) => {
      const { options } = splitFlags(flags);
      return (await import('./commands/plan.ts')).planCommand(sources, options, json ?? false);
    }),
  );

program
  .command('inspect')
  .description('tell what a source, a model, an output or a job is')
  .argument('[file]', 'a Parquet file, a model, a part or a job directory')
  .option('--detectors', 'list the detectors and their parameters')
  .option('--json', 'print JSON')
  .action(
    runs(async (file: string | undefined, flags) =>
      (await import('./commands/inspect.ts')).inspectCommand(file, flags),
    ),
  );

program
  .command('status')
  .description('one job, from any process')
  .argument('[job]', 'a job id or its beginning (default: the newest)')
  .option('--watch', 'follow it until it ends')
  .option('--home <dir>', 'directory of jobs (default: .batch-core here)')
  .option('--json', 'print JSON')
  .action(
    runs(async (job: string | undefined, flags) => (await import('./commands/jobs.ts')).statusCommand(job, flags)),
  );

program
  .command('jobs')
  .description('the jobs of a home directory, newest first')
  .option('--home <dir>', 'directory of jobs (default: .batch-core here)')
  .option('--json', 'print JSON')
  .action(runs(async (flags) => (await import('./commands/jobs.ts')).jobsCommand(flags)));

withOutputFlags(program.command('resume'))
  .description('go on with a paused, stopped or interrupted job')
  .argument('<job>', 'a job id or its beginning')
  .option('--home <dir>', 'directory of jobs (default: .batch-core here)')
  .option('-w, --workers <n>', 'chunks at the same time', Number)
  .action(
    runs(async (job: string, { home, workers, ...flags }) => {
      const { output } = splitFlags(flags);
      return (await import('./commands/control.ts')).resumeCommand(job, { home, workers }, output);
    }),
  );

for (const verb of ['pause', 'cancel'] as const)
  program
    .command(verb)
    .description(
      verb === 'pause' ? 'pause a running job within one chunk' : 'stop a running job within one chunk, resumable',
    )
    .argument('<job>', 'a job id or its beginning')
    .option('--home <dir>', 'directory of jobs (default: .batch-core here)')
    .option('--json', 'print JSON')
    .action(
      runs(async (job: string, flags) => (await import('./commands/control.ts')).controlCommand(verb, job, flags)),
    );

program
  .command('verify')
  .description('check an output or a job: parts, digests, counts')
  .argument('<out|job>', 'an output file or directory, or a job id')
  .option('--home <dir>', 'directory of jobs (default: .batch-core beside the output)')
  .option('--json', 'print JSON')
  .action(runs(async (target: string, flags) => (await import('./commands/verify.ts')).verifyCommand(target, flags)));

program.option('-V, --version', 'print the version').action(async (flags: { version?: boolean }) => {
  if (flags.version) {
    const { VERSION } = await import('../orchestrator/version.ts');
    process.stdout.write(`${VERSION}\n`);
  } else program.help();
});

const json = process.argv.includes('--json');
try {
  await program.parseAsync();
} catch (thrown) {
  exitCode = end(thrown);
}
process.exitCode = exitCode;

function end(thrown: unknown): number {
  if (thrown instanceof CommanderError) {
    if (thrown.exitCode === 0) return EXIT.ok;
    const message = thrown.message.replace(/^error: /, '');
    const hint = 'see "batch-core --help" or "batch-core <command> --help"';
    printError(new BatchCoreError('USAGE', message, { hint }), { json });
    return EXIT.usage;
  }
  const error = BatchCoreError.from(thrown);
  const verbose = process.argv.includes('-v') || process.argv.includes('--verbose');
  printError(error, { json, verbose } satisfies Partial<OutputFlags>);
  return error.exitCode;
}
