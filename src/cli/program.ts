/** The commands and what each runs. Loading it runs nothing and reads no argv. */
import { Command, type CommanderError, Option } from 'commander';
import { editDistance } from '../distance.ts';
import { BatchCoreError, EXIT } from '../errors.ts';
import { shellWord } from '../files/paths.ts';
import type { OptionRow } from '../orchestrator/spec/option.ts';
import { CALIBRATION, EVALUATE, HOW } from '../orchestrator/spec/optionFacts.ts';
import type { ImportFlags } from './commands/model.ts';
import { addLaterCommands, withLaterJobsFlags } from './later.ts';
import { HOME_HERE, splitFlags, withOptions, withOutputFlags, withRows, wordsOf } from './options.ts';
import { printLine, printLines } from './streams.ts';

/** An error of the command line: it shows how the command it was found in is used. */
export class UsageError extends BatchCoreError {
  readonly usage: string;
  constructor(message: string, hint: string, command: Command, option?: string) {
    super('USAGE', message, { hint, ...(option !== undefined && { where: { option } }) });
    this.usage = `${commandName(command)} ${command.usage()}`;
  }
}

/** What a command ends with. */
type Exit = Promise<number>;
type Runs = <Args extends unknown[]>(command: (...args: Args) => Exit) => (...args: Args) => Promise<void>;

/** The program; `onExit` is told the exit code of the command that ran. */
export function buildProgram(onExit: (exitCode: number) => void): Command {
  const runs: Runs =
    (command) =>
    async (...args) =>
      onExit(await command(...args));
  const program = new Command('batch-core')
    .description('Anomaly scores for Parquet files larger than memory, at the speed of the scan, exactly once.')
    .enablePositionalOptions()
    .usage('[options] [command]')
    .configureOutput({ writeOut: (text) => printLines(text.trimEnd().split('\n')), outputError: () => {} })
    .helpCommand(false);
  addRunCommands(program, runs);
  addLookCommands(program, runs);
  addModelCommands(program, runs);
  addJobCommands(program, runs);
  addHelpCommand(program);
  addLaterCommands(program);
  program.addHelpText(
    'after',
    '\nEnvironment:\n' +
      '  BATCH_CORE_HOME   directory of jobs, where --home is not given\n' +
      '  NO_COLOR          no colours\n\n' +
      'Exit codes: 0 done, 1 failed, cancelled, or models differ, 2 usage, 65 data, 70 a bug, 74 input/output, 75 busy, 78 configuration,\n' +
      '129/130/131/143 stopped by a signal. An interrupted run goes on when the same command is run again.',
  );
  // Set after the commands were made, which would inherit it: a word that is no command gets an answer of its own below.
  program
    .allowExcessArguments()
    .option('-V, --version', 'print the version')
    .action(async (flags: { version?: boolean }) => {
      if (flags.version) printLine((await import('../version.ts')).VERSION);
      else if (program.args.length > 0) throw unknownCommand(program, program.args[0] ?? '');
      else program.help();
    });
  for (const command of [program, ...program.commands, ...program.commands.flatMap(({ commands }) => commands)])
    command.exitOverride((error) => {
      throw usageError(command, error);
    });
  return program;
}

/** Asked before what runs it is loaded. */
async function refuseTightAddressSpace(): Promise<void> {
  (await import('../orchestrator/core/capacity.ts')).refuseTightAddressSpace();
}

async function loadRun() {
  await refuseTightAddressSpace();
  return import('./commands/score.ts');
}

const CONFIG = 'options from a JSON or YAML file, by the same names; what is typed wins';

/** A command that takes options of a run, also from a file, which is read before it acts. */
function runCommand(program: Command, name: string, ...groups: Parameters<typeof withOptions>[1][]): Command {
  return withOptions(program.command(name), ...groups)
    .option('--config <file>', CONFIG)
    .hook('preAction', async (_, command) => {
      const { config } = command.opts<{ config?: string }>();
      if (config !== undefined) (await import('./config.ts')).applyConfig(command, config);
    });
}

/** Commands load their code when they run: `--help` needs none of it. */
function addRunCommands(program: Command, runs: Runs): void {
  withOutputFlags(runCommand(program, 'score', 'fit', 'score', 'run'))
    .description('score every row of a source')
    .argument('<source...>', 'Parquet files, directories or globs')
    .addHelpText('after', '\nDetectors and their parameters: batch-core inspect --detectors')
    .action(
      runs(async (sources: string[], flags) => {
        const { options, output } = splitFlags(flags);
        return (await loadRun()).scoreCommand(sources, options, output);
      }),
    );
  withOutputFlags(runCommand(program, 'fit', 'fit', 'run'))
    .description('fit a model and save it')
    .argument('<source...>', 'Parquet files, directories or globs')
    .option('-m, --model <file>', 'where the model goes, for example model.bcm')
    .action(
      runs(async (sources: string[], { model, ...flags }, command: Command) => {
        if (model === undefined) throw missingOption(command, '-m, --model <file>');
        const { options, output } = splitFlags(flags);
        return (await loadRun()).fitCommand(sources, model, options, output);
      }),
    );
  runCommand(program, 'plan', 'fit', 'score', 'run')
    .description('print what score would do; writes nothing')
    .argument('<source...>', 'Parquet files, directories or globs')
    .option('--json', 'print the plan as JSON')
    .action(
      runs(async (sources: string[], { json, ...flags }) => {
        const { options } = splitFlags(flags);
        return (await import('./commands/plan.ts')).planCommand(sources, options, json ?? false);
      }),
    );
}

function addLookCommands(program: Command, runs: Runs): void {
  program
    .command('inspect')
    .description('tell what a source, a model, an output or a job is')
    .argument('[path...]', 'Parquet files, directories, globs, a model, an output or a job directory')
    .option('--detectors', 'list the detectors and their parameters')
    .option('--json', 'print JSON')
    .action(
      runs(async (paths: string[], flags) => (await import('./commands/inspect.ts')).inspectCommand(paths, flags)),
    );
  program
    .command('verify')
    .description('check an output or a job: parts, digests, counts')
    .argument('<out|job>', 'an output file or directory, or a job id')
    .option(
      '--home <dir>',
      'directory of jobs (default: $BATCH_CORE_HOME, else .batch-core beside the output; for a job id, in the current directory)',
    )
    .option('--json', 'print JSON')
    .action(runs(async (target: string, flags) => (await import('./commands/verify.ts')).verifyCommand(target, flags)));
  withRows(program.command('evaluate'), EVALUATE)
    .description('AUROC, average precision and precision at n of an output against labels in its source')
    .argument('<out>', 'an output file or directory')
    .option('--json', 'print JSON')
    .action(runs(async (out: string, flags) => (await import('./commands/evaluate.ts')).evaluateCommand(out, flags)));
}

function addModelCommands(program: Command, runs: Runs): void {
  const model = program
    .command('model')
    .description('import, compare or look at models')
    .helpCommand(false)
    .usage('<command>')
    .allowExcessArguments()
    .allowUnknownOption()
    .action(() => {
      const [word] = model.args;
      if (word !== undefined && !word.startsWith('-')) throw unknownCommand(model, word);
      throw new UsageError('which of its commands is not said', 'see "batch-core model --help"', model);
    });
  addImportCommand(model, runs);
  model
    .command('diff')
    .description('tell in what two models differ; ends with 1 when they do')
    .argument('<a>', 'a model')
    .argument('<b>', 'another')
    .option('--json', 'print JSON')
    .action(
      runs(async (a: string, b: string, flags) => (await import('./commands/model.ts')).diffCommand(a, b, flags)),
    );
  model
    .command('inspect')
    .description('tell what a model is')
    .argument('<model>', 'a model')
    .option('--json', 'print JSON')
    .action(
      runs(async (path: string, flags) => (await import('./commands/inspect.ts')).inspectModelCommand(path, flags)),
    );
}

function addImportCommand(model: Command, runs: Runs): void {
  const command = model
    .command('import')
    .description('make a model of an isolation forest that another program fitted')
    .argument(
      '<file>',
      'ONNX as skl2onnx writes it, a JSON dump of Treelite, or what export_isolation_forest.py writes',
    )
    .option('-m, --model <file>', 'where the model goes, for example model.bcm')
    .addOption(
      new Option(
        '--columns <a,b>',
        'names of the columns, in the order of the fit; a JSON array too (default: those in the file)',
      ).argParser(wordsOf('names') as (text: string, before: string[] | undefined) => string[]),
    )
    .addOption(
      new Option('--missing <how>', 'null and NaN cells: center (as the file says of each cut), skip or error')
        .choices(['center', 'skip', 'error'])
        .default('center'),
    )
    .option('--force', 'replace another file')
    .addOption(
      new Option(
        '--calibrate <source>',
        'Parquet files, a directory or a glob: their scores tell what share of rows scores how high; repeatable',
      ).argParser(wordsOf('paths') as (text: string, before: string[] | undefined) => string[]),
    );
  const [rule, others] = [CALIBRATION.filter(isShare), CALIBRATION.filter((row) => !isShare(row))];
  withRows(withRows(command, rule, 'the threshold in the file; where it has none, 0.01'), others);
  withOutputFlags(command, 'print what was made as JSON; the report where it is calibrated')
    .addHelpText(
      'after',
      '\nAll but --columns, --missing, --force, --json and --quiet take effect with --calibrate only.',
    )
    .action(
      runs(async (file: string, { model: path, ...flags }, command: Command) => {
        if (path === undefined) throw missingOption(command, '-m, --model <file>');
        if (flags.calibrate !== undefined) await refuseTightAddressSpace();
        const { options, output } = splitFlags(flags);
        return (await import('./commands/model.ts')).importCommand(file, path, options as ImportFlags, output);
      }),
    );
}

const isShare = ({ kind }: OptionRow): boolean => kind === 'share';

function addJobCommands(program: Command, runs: Runs): void {
  program
    .command('status')
    .description('one job, from any process')
    .argument('[job]', 'a job id or its beginning (default: the newest)')
    .option('--watch', 'follow it until it ends')
    .option('--home <dir>', HOME_HERE)
    .option('--json', 'print JSON')
    .action(
      runs(async (job: string | undefined, flags) => (await import('./commands/jobs.ts')).statusCommand(job, flags)),
    );
  withLaterJobsFlags(program.command('jobs'))
    .description('the jobs of a home directory, newest first')
    .option('--home <dir>', HOME_HERE)
    .option('--json', 'print JSON')
    .action(runs(async (flags) => (await import('./commands/jobs.ts')).jobsCommand(flags)));
  withOutputFlags(withRows(program.command('resume'), HOW, 'as the job was begun'))
    .description('continue a paused, stopped or interrupted job')
    .argument('<job>', 'a job id or its beginning')
    .option('--home <dir>', HOME_HERE)
    .action(
      runs(async (job: string, flags) => {
        const { options, output } = splitFlags(flags);
        await refuseTightAddressSpace();
        return (await import('./commands/control.ts')).resumeCommand(job, options, output);
      }),
    );
  const controls = {
    pause: 'pause a running job within one chunk',
    cancel: 'stop a running job within one chunk, resumable',
  } as const;
  for (const verb of ['pause', 'cancel'] as const)
    program
      .command(verb)
      .description(controls[verb])
      .argument('<job>', 'a job id or its beginning')
      .option('--home <dir>', HOME_HERE)
      .option('--json', 'print JSON')
      .action(
        runs(async (job: string, flags) => (await import('./commands/control.ts')).controlCommand(verb, job, flags)),
      );
}

// Not commander's own: that one answers an unknown command with the help of all, as if it had been understood.
function addHelpCommand(program: Command): void {
  program
    .command('help')
    .description('show how a command is used')
    .argument('[command]', 'the command')
    .action((name: string | undefined) => {
      const command = name === undefined ? program : program.commands.find((known) => known.name() === name);
      if (command === undefined) throw unknownCommand(program, name ?? '');
      command.outputHelp();
    });
}

const commandName = (command: Command): string =>
  command.parent ? `${commandName(command.parent)} ${command.name()}` : command.name();

/** What commander found wrong with the words given to `command`, or its own way to end after help. */
function usageError(command: Command, error: CommanderError): Error {
  if (error.exitCode === EXIT.ok) return error;
  // A suggestion follows on a line of its own.
  const [message = '', suggestion] = error.message.replace(/^error: /, '').split(/\n\(Did you mean (.*)\?\)$/s);
  const hint = suggestion === undefined ? `see "${commandName(command)} --help"` : `did you mean ${suggestion}?`;
  const option = /'(?:-\w, )?(--?[a-z][a-z-]*)/i.exec(message)?.[1];
  return new UsageError(message, hint, command, option);
}

/** In commander's words, whose own look comes before the configuration is read. */
function missingOption(command: Command, flags: string): UsageError {
  const hint = `see "${commandName(command)} --help"`;
  return new UsageError(`required option '${flags}' not specified`, hint, command, '--model');
}

function unknownCommand(program: Command, word: string): UsageError {
  const names = program.commands.map((command) => command.name());
  const near = names.find((name) => editDistance(word, name, 2) <= 2);
  const hint =
    near !== undefined
      ? `did you mean "${near}"?`
      : /\.parquet$/i.test(word)
        ? `to score it: batch-core score ${shellWord(word)}`
        : `see "${commandName(program)} --help" for the commands`;
  return new UsageError(`there is no command "${word}"`, hint, program);
}
