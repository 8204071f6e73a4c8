/** Flags, made from the table of options. Only words are read here; values are checked where they are used. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { LATER_OPTIONS } from '../orchestrator/spec/laterOptions.ts';
import type { OptionRow, RunGroup } from '../orchestrator/spec/option.ts';
import { otherwiseOf } from '../orchestrator/spec/optionFacts.ts';
import { OPTIONS } from '../orchestrator/spec/optionTable.ts';
import type { Parameters, ScoreOptions } from '../orchestrator/spec/optionTypes.ts';
import { type Kind, PARSERS, WordError } from '../orchestrator/spec/words.ts';
import { refuseLater } from './later.ts';

/** Values of the flags that every running command knows. */
export interface OutputFlags {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  progress: 'auto' | 'bar' | 'plain' | 'json' | 'none';
}

export const HOME_HERE =
  'directory of jobs (default: $BATCH_CORE_HOME, else .batch-core in the current directory; a job lies beside its output)';

/** Reads words of `kind`, in commander's way. */
export function wordsOf(kind: Kind): ((text: string, before: unknown) => unknown) | undefined {
  const parse = PARSERS[kind];
  return (
    parse &&
    ((text, before) => {
      try {
        return parse(text, before as never);
      } catch (thrown) {
        throw thrown instanceof WordError ? new InvalidArgumentError(thrown.message) : thrown;
      }
    })
  );
}

/** The flags of the groups, as the table has them; after each group those that are not in this version. */
export function withOptions(command: Command, ...groups: RunGroup[]): Command {
  for (const group of groups) {
    withRows(
      command,
      OPTIONS.filter((row) => row.group === group),
    );
    refuseLater(command, LATER_OPTIONS[group]);
  }
  return command;
}

/** The flags of these rows of the table; `otherwise` says what holds without them, where it is not what the table says. */
export function withRows(command: Command, rows: readonly OptionRow[], otherwise?: string): Command {
  for (const row of rows) if (row.flags !== undefined) command.addOption(optionOf(row, otherwise ?? otherwiseOf(row)));
  return command;
}

function optionOf(row: OptionRow, otherwise: string | undefined): Option {
  const said = row.flagDoc ?? row.doc;
  const words = said + (otherwise === undefined ? '' : ` (default: ${otherwise})`);
  const option = new Option(row.flags ?? '', row.more === undefined ? words : `${words}. ${row.more}`);
  if (row.needed) option.makeOptionMandatory();
  const parse = wordsOf(row.kind);
  return parse ? option.argParser(parse) : option;
}

/** Flags that say what is printed. */
export function withOutputFlags(command: Command, json = 'print the report as JSON on stdout'): Command {
  return command
    .addOption(
      new Option('--progress <how>', 'progress on stderr')
        .choices(['auto', 'bar', 'plain', 'json', 'none'])
        .default('auto'),
    )
    .addOption(new Option('--json', json))
    .addOption(new Option('-q, --quiet', 'print errors only'))
    .addOption(new Option('-v, --verbose', 'print more, and the stack of an error'));
}

type Flags = ScoreOptions & OutputFlags & { set?: Parameters; config?: string };

/** Splits what commander parsed into what is run and what is printed. */
export function splitFlags(flags: Flags): { options: ScoreOptions; output: OutputFlags } {
  const { json, quiet, verbose, progress, set, config: _read, ...options } = flags;
  return {
    options: { ...options, ...(set && { parameters: set }) },
    output: {
      progress,
      ...(json !== undefined && { json }),
      ...(quiet !== undefined && { quiet }),
      ...(verbose !== undefined && { verbose }),
    },
  };
}
