/** Flags -> options. Only the shape is checked here; values are checked where they are used. */
import { extname } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { BatchCoreError } from '../errors.ts';
import { DEFAULTS, type Parameters, type ScoreOptions } from '../orchestrator/spec/options.ts';
import {
  LATER_ENGINES,
  LATER_FORMATS,
  notYet,
  withLaterFitFlags,
  withLaterRunFlags,
  withLaterScoreFlags,
} from './later.ts';

/** Values of the flags that every running command knows. */
export interface OutputFlags {
  json?: boolean;
  quiet?: boolean;
  verbose?: boolean;
  progress: 'auto' | 'bar' | 'plain' | 'json' | 'none';
}

export const HOME_HERE =
  'directory of jobs (default: $BATCH_CORE_HOME, else .batch-core in the current directory; a job lies beside its output)';
const HOME_BESIDE = 'directory of jobs (default: $BATCH_CORE_HOME, else .batch-core beside the output)';

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i;

export function parseNumber(text: string): number {
  if (!NUMBER.test(text)) throw new InvalidArgumentError('It is not a number.');
  return Number(text);
}

/** `0.01` or `1%`. */
export function parseShare(text: string): number {
  if (!text.endsWith('%')) return parseNumber(text);
  const percent = text.slice(0, -1).trim();
  if (!/^\d+\.?\d*$|^\.\d+$/.test(percent)) throw new InvalidArgumentError('It is not a share such as 0.01 or 1%.');
  // Shifted in decimal, so that 0.7% and 0.007 are the same number, and the same job.
  return Number(`${percent}e-2`);
}

/** `1000`, `64K` or `1M`, with 1K of so many. */
function countOf(text: string, kilo: number): number {
  const match = /^(\d+(?:\.\d+)?)([kKmM]?)$/.exec(text);
  const unit = { '': 1, k: kilo, m: kilo ** 2 }[(match?.[2] ?? '').toLowerCase()] ?? 1;
  const value = Number(match?.[1] ?? Number.NaN) * unit;
  if (!Number.isInteger(value)) throw new InvalidArgumentError('It is not a count such as 500, 64K or 1M.');
  // What was typed would be told as another number.
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError(`It is more than ${Number.MAX_SAFE_INTEGER}.`);
  return value;
}

/** A count: 1K is 1,000. */
export const parseCount = (text: string): number => countOf(text, 1000);
/** Rows of a chunk: 1K is 1,024, as DuckDB's row groups are. */
export const parseChunkRows = (text: string): number => countOf(text, 1024);

/** Names of columns: `a,b`, or a JSON array for names with commas. Given again, it adds to those before. */
export function parseNames(text: string, before: readonly string[] = []): string[] {
  return [...before, ...(jsonNames(text) ?? splitNames(text))];
}

function jsonNames(text: string): string[] | undefined {
  if (!text.trimStart().startsWith('[')) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((name) => typeof name === 'string') ? value : undefined;
  } catch {
    return undefined; // a column may be called "[x]"
  }
}

function splitNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.some((name) => name === ''))
    throw new InvalidArgumentError('It is a list of names separated by commas, or a JSON array of names.');
  return names;
}

function parseKept(text: string, before?: readonly string[] | 'all'): readonly string[] | 'all' {
  if (text === 'all' || before === 'all') {
    if (before !== undefined) throw new InvalidArgumentError('all stands alone.');
    return 'all';
  }
  return parseNames(text, before);
}

function parseSetting(text: string, before: Parameters = {}): Parameters {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It is key=value.');
  const key = text.slice(0, at);
  if (Object.hasOwn(before, key)) throw new InvalidArgumentError(`"${key}" is set twice.`);
  return Object.assign(Object.create(null) as Parameters, before, { [key]: text.slice(at + 1) });
}

function parseEngine(name: string): string {
  if (!LATER_ENGINES.includes(name)) return name;
  throw notYet(`--engine: "${name}"`, 'choose threads or sequential', '--engine');
}

function parseOut(path: string): string {
  if (path.trim() === '')
    throw new BatchCoreError('USAGE', '--out: the path is empty', { where: { option: '--out' }, hint: 'name a file' });
  const format = extname(path).toLowerCase();
  if (!LATER_FORMATS.includes(format)) return path;
  throw notYet(`--out: ${format}`, 'end the name in .parquet, or in / for a directory of parts', '--out');
}

/** Flags that say how a model is fitted. */
export function withFitFlags(command: Command): Command {
  command
    .addOption(new Option('-d, --detector <name>', `what scores the rows (default: ${DEFAULTS.detector})`))
    .addOption(new Option('--set <key=value>', 'a parameter of the detector; repeatable').argParser(parseSetting))
    .addOption(
      new Option(
        '--columns <a,b>',
        'columns to score, or a JSON array of them; repeatable (default: every numeric and boolean one)',
      ).argParser(parseNames),
    )
    .addOption(
      new Option(
        '--exclude <a,b>',
        'columns to leave out, such as ids, years and labels; a JSON array too; repeatable',
      ).argParser(parseNames),
    )
    .addOption(
      new Option('--missing <how>', `null and NaN cells: center, skip or error (default: ${DEFAULTS.missing})`),
    )
    .addOption(
      new Option(
        '--contamination <share>',
        `share of rows to flag, in (0, 0.5], such as 0.02 or 2% (default: ${DEFAULTS.contamination})`,
      ).argParser(parseShare),
    )
    .addOption(new Option('--seed <n>', `seed of everything drawn (default: ${DEFAULTS.seed})`).argParser(parseCount));
  return withLaterFitFlags(command);
}

/** Flags that say how the work is carried out; none of them changes a score. */
export function withRunFlags(command: Command): Command {
  command
    .addOption(
      new Option('-e, --engine <name>', `threads or sequential (default: ${DEFAULTS.engine})`).argParser(parseEngine),
    )
    .addOption(
      new Option('-w, --workers <n>', 'chunks at the same time (default: the cores there are)').argParser(parseCount),
    )
    .addOption(new Option('--memory <size|%>', 'memory to stay under (default: 75%)'))
    .addOption(
      new Option(
        '--chunk-rows <n>',
        'rows of a chunk, 1000 to 16M, rounded to row groups; 1K is 1024 here (default: 1M)',
      ).argParser(parseChunkRows),
    )
    .addOption(
      new Option(
        '--retries <n>',
        `tries after the first when an error may pass (default: ${DEFAULTS.retries})`,
      ).argParser(parseCount),
    )
    .addOption(new Option('--home <dir>', HOME_BESIDE))
    .addOption(new Option('--fresh', 'start over, whatever an earlier run left'))
    .addOption(new Option('--force', 'replace an output of another job'))
    .addOption(
      new Option(
        '--verify-input',
        'read the source once more first: digest it, and check page checksums where it has them',
      ),
    );
  return withLaterRunFlags(command);
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
  command
    .addOption(
      new Option(
        '-o, --out <path>',
        'a .parquet file, or a directory when it ends in / (default: <stem>.scores.parquet in the current directory)',
      ).argParser(parseOut),
    )
    .addOption(new Option('-m, --model <file>', 'score with a saved model; nothing is fitted'))
    .addOption(new Option('--save-model <file>', 'save the model that was fitted'))
    .addOption(
      new Option('--keep <a,b|all>', 'columns copied to the output; a JSON array too; repeatable').argParser(parseKept),
    )
    .addOption(new Option('--threshold <score>', 'flag scores above this instead of a share').argParser(parseNumber))
    .addOption(
      new Option('--top <n>', 'flag exactly the n highest rows instead of a share; 1K is 1000').argParser(parseCount),
    )
    .addOption(
      new Option(
        '--explain <k>',
        `reasons per flagged row, 0 for none (default: ${DEFAULTS.explain}). A reason is a column, its value and its contribution. ` +
          'auto: contributions add up to the score. zscore, mad: a contribution is |z| of that cell, and the score is the ' +
          'largest (with --set aggregate=sum they add up, those of zscore being squares of z). hbos: they add up to the score less a constant of the model',
      ).argParser(parseCount),
    )
    .addOption(new Option('--compression <codec>', `zstd[:level], snappy or none (default: ${DEFAULTS.compression})`));
  return withLaterScoreFlags(command);
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
