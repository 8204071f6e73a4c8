/** Flags -> options. Only the shape is checked here; values are checked where they are used. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { DEFAULTS, type Parameters, type ScoreOptions } from '../orchestrator/options.ts';

/** Values of the flags that every running command knows. */
export interface OutputFlags {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  progress: 'auto' | 'bar' | 'plain' | 'json' | 'none';
}

function number(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || Number.isNaN(value)) throw new InvalidArgumentError('It is not a number.');
  return value;
}

/** `1000`, `64K` or `1M`. */
function count(text: string): number {
  const match = /^(\d+)([kKmM]?)$/.exec(text);
  if (!match) throw new InvalidArgumentError('It is not a count such as 500000, 64K or 1M.');
  const unit = { '': 1, k: 2 ** 10, m: 2 ** 20 }[(match[2] ?? '').toLowerCase()] ?? 1;
  return Number(match[1]) * unit;
}

function list(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === '')) throw new InvalidArgumentError('It is a list of names separated by commas.');
  return names;
}

function setting(text: string, before: Parameters = {}): Parameters {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is key=value.');
  const key = text.slice(0, at);
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`"${key}" is set twice.`);
  return Object.assign(Object.create(null) as Parameters, before, { [key]: text.slice(at + 1) });
}

/** Flags that say how a model is fitted. */
export function withFitFlags(command: Command): Command {
  return command
    .addOption(new Option('-d, --detector <name>', `what scores the rows (default: ${DEFAULTS.detector})`))
    .addOption(new Option('--set <key=value>', 'a parameter of the detector; repeatable').argParser(setting))
    .addOption(
      new Option('--columns <a,b>', 'columns to score (default: every numeric and boolean one)').argParser(list),
    )
    .addOption(new Option('--exclude <a,b>', 'columns to leave out').argParser(list))
    .addOption(
      new Option('--missing <how>', `null and NaN cells: center, skip or error (default: ${DEFAULTS.missing})`),
    )
    .addOption(
      new Option('--contamination <share>', `share of rows to flag (default: ${DEFAULTS.contamination})`).argParser(
        number,
      ),
    )
    .addOption(new Option('--seed <n>', `seed of everything drawn (default: ${DEFAULTS.seed})`).argParser(number));
}

/** Flags that say how the work is carried out; none of them changes a score. */
export function withRunFlags(command: Command): Command {
  return command
    .addOption(new Option('-e, --engine <name>', `threads or sequential (default: ${DEFAULTS.engine})`))
    .addOption(
      new Option('-w, --workers <n>', 'chunks at the same time (default: the cores there are)').argParser(number),
    )
    .addOption(new Option('--memory <size|%>', 'memory to stay under (default: 75%)'))
    .addOption(
      new Option('--chunk-rows <n>', 'rows of a chunk, 1K to 16M, rounded to row groups (default: 1M)').argParser(
        count,
      ),
    )
    .addOption(
      new Option(
        '--retries <n>',
        `tries after the first when an error may pass (default: ${DEFAULTS.retries})`,
      ).argParser(number),
    )
    .addOption(new Option('--home <dir>', 'directory of jobs (default: .batch-core beside the output)'))
    .addOption(new Option('--fresh', 'start over, whatever an earlier run left'))
    .addOption(new Option('--force', 'replace an output of another job'));
}

/** Flags that say what is printed. */
export function withOutputFlags(command: Command): Command {
  return command
    .addOption(
      new Option('--progress <how>', 'progress on stderr')
        .choices(['auto', 'bar', 'plain', 'json', 'none'])
        .default('auto'),
    )
    .addOption(new Option('--json', 'print the report as JSON on stdout'))
    .addOption(new Option('-q, --quiet', 'print errors only'))
    .addOption(new Option('-v, --verbose', 'print more, and the stack of an error'));
}

/** Flags of `score` alone. */
export function withScoreFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '-o, --out <path>',
        'a .parquet file, or a directory when it ends in / (default: <stem>.scores.parquet)',
      ),
    )
    .addOption(new Option('-m, --model <file>', 'score with a saved model; nothing is fitted'))
    .addOption(new Option('--save-model <file>', 'save the model that was fitted'))
    .addOption(
      new Option('--keep <a,b|all>', 'columns copied to the output').argParser((text) =>
        text === 'all' ? text : list(text),
      ),
    )
    .addOption(new Option('--threshold <score>', 'flag scores above this instead of a share').argParser(number))
    .addOption(new Option('--top <n>', 'flag exactly the n highest rows instead of a share').argParser(count))
    .addOption(
      new Option('--explain <k>', `reasons per flagged row, 0 for none (default: ${DEFAULTS.explain})`).argParser(
        number,
      ),
    )
    .addOption(new Option('--compression <codec>', `zstd[:level], snappy or none (default: ${DEFAULTS.compression})`));
}

type Flags = ScoreOptions & OutputFlags & { set?: Parameters };

/** Splits what commander parsed into what is run and what is printed. */
export function splitFlags(flags: Flags): { options: ScoreOptions; output: OutputFlags } {
  const { json, quiet, verbose, progress, set, ...options } = flags;
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
