/** Words of the contract that have not landed: they are known, shown in `--help`, and refused instead of misunderstood. */
import { type Command, Option } from 'commander';
import { BatchCoreError } from '../errors.ts';
import type { LaterRow } from '../orchestrator/spec/laterOptions.ts';

const HEADING = 'Not in this version:';

type Row = readonly [name: string, does: string];

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
];

/** The refusal of a word that is known and not built. */
export function notYet(what: string, hint: string, option?: string): BatchCoreError {
  return new BatchCoreError('USAGE', `${what} is not in this version`, { ...(option && { where: { option } }), hint });
}

/** Flags of `command` that are shown in its help, and refused. */
export function refuseLater(command: Command, rows: readonly LaterRow[]): Command {
  for (const { flags, doc } of rows) {
    const option = new Option(flags, doc).helpGroup(HEADING);
    command.addOption(option);
    command.on(`option:${option.name()}`, () => {
      throw notYet(`--${option.name()}`, `see "batch-core ${command.name()} --help" for what is`, `--${option.name()}`);
    });
  }
  return command;
}

export const withLaterJobsFlags = (command: Command): Command =>
  refuseLater(command, [{ flags: '--prune', doc: 'remove finished jobs; their outputs stay' }]);

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
