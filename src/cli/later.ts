/** Words of the contract that have not landed: they are known, shown in `--help`, and refused instead of misunderstood. */
import { type Command, Option } from 'commander';
import { BatchCoreError } from '../errors.ts';

const HEADING = 'Not in this version:';

type Row = readonly [flags: string, does: string];

/** How a model is fitted. */
const FIT: readonly Row[] = [
  ['--where <sql>', 'only rows that match'],
  ['--fit-rows <n|all>', 'rows to fit on'],
  ['--fit-on <source>', 'fit on another source'],
  ['--fit-where <sql>', 'fit on rows that match'],
  ['--by <a,b>', 'compare each row with its group'],
  ['--time <column>', 'compare each row with its time'],
  ['--categories', 'score text columns by rarity'],
  ['--timestamps <how>', 'dates and times as cyclic features'],
  ['--direction <column=up|down>', 'flag one side only'],
];

/** How the work is carried out. */
const RUN: readonly Row[] = [
  ['--cpu-limit <cores>', 'processor time to stay under'],
  ['--time-limit <duration>', 'stop resumable after this long'],
  ['--rechunk', 'plan a resumed job anew'],
  ['--max-quarantined <n>', 'chunks that may be set aside'],
  ['--config <file>', 'options from a file'],
  ['--address <address>', 'address of a cluster'],
  ['--python <path>', 'Python of the ray and dask engines'],
  ['--chunk-cores <n>', 'cores of a chunk'],
];

/** What is said of the rows. */
const SCORE: readonly Row[] = [
  ['--id <column>', 'names rows in the report'],
  ['--fail-over <n|%>', 'exit code for too many anomalies'],
  ['--only-new', 'report new anomalies only'],
  ['--ignore <file>', 'rules of what is not reported'],
  ['--fail-on-drift', 'exit code for a source that drifted'],
];

const COMMANDS: readonly Row[] = [
  ['quarantine', 'chunks set aside'],
  ['repair', 'rebuild a job database'],
  ['pipeline', 'steps with dependencies'],
  ['schedule', 'jobs by the clock'],
  ['stream', 'score records on stdin'],
  ['serve', 'the resident owner of jobs'],
  ['submit', 'a job for serve'],
  ['worker', 'one chunk in a process of its own'],
  ['report', 'an HTML page'],
  ['completion', 'shell completion'],
  ['model', 'import or compare models'],
  ['evaluate', 'an output against labels'],
];

/** Engines of the contract that are not here yet. */
export const LATER_ENGINES = ['processes', 'ray', 'dask'];
/** Formats of an output that are not written yet. */
export const LATER_FORMATS = ['.csv', '.ndjson', '.arrow'];

/** The refusal of a word that is known and not built. */
export function notYet(what: string, hint: string, option?: string): BatchCoreError {
  return new BatchCoreError('USAGE', `${what} is not in this version`, { ...(option && { where: { option } }), hint });
}

function refuseOptions(command: Command, rows: readonly Row[]): Command {
  for (const [flags, does] of rows) {
    const option = new Option(flags, does).helpGroup(HEADING);
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      throw notYet(`--${option.name()}`, `see "batch-core ${command.name()} --help" for what is`, `--${option.name()}`);
    });
  }
  return command;
}

export const withLaterFitFlags = (command: Command): Command => refuseOptions(command, FIT);
export const withLaterRunFlags = (command: Command): Command => refuseOptions(command, RUN);
export const withLaterScoreFlags = (command: Command): Command => refuseOptions(command, SCORE);
export const withLaterJobsFlags = (command: Command): Command =>
  refuseOptions(command, [['--prune', 'remove finished jobs; their outputs stay']]);

/** The commands that are not here yet, whatever follows them. */
export function addLaterCommands(program: Command): void {
  for (const [name, does] of COMMANDS)
    program
      .command(name)
      .description(does)
      .helpGroup(HEADING)
      .allowExcessArguments()
      .allowUnknownOption()
      .helpOption(false)
      .action(() => {
        throw notYet(`the command "${name}"`, 'see "batch-core --help" for those that are');
      });
}
