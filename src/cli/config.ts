/** `--config`: a file that says options as the command line does. What was typed wins. */
import { readFileSync } from 'node:fs';
import { extname } from 'node:path';
import { type Command, InvalidArgumentError, type Option } from 'commander';
import { parse as parseYaml, YAMLParseError } from 'yaml';
import { nearestWord } from '../distance.ts';
import { BatchCoreError, readError } from '../errors.ts';
import { fromHere } from '../files/paths.ts';
import { isRecord, shown } from '../orchestrator/spec/checks.ts';
import { dashed } from '../orchestrator/spec/laterOptions.ts';
import { FLAG_RULES, flagOf } from '../orchestrator/spec/optionFacts.ts';
import { OPTIONS } from '../orchestrator/spec/optionTable.ts';

/** An option of the file: what it was called there, and its words as somebody would have typed them. */
interface Said {
  key: string;
  option: Option;
  words: string[];
}

/**
 * Gives `command` those options of the file at `path` that were not typed.
 *
 * @throws CONFIG for what cannot be meant, with the file and the key; what the values themselves may be is checked where
 * those of flags are.
 */
export function applyConfig(command: Command, path: string): void {
  const file = fromHere(path);
  const entries = Object.entries(readConfig(path, file)).map(([key, value]) => saidIn(command, file, key, value));
  for (const [i, { key, option }] of entries.entries()) {
    const before = entries.slice(0, i).find((said) => said.option === option);
    if (before) throw refused(file, key, `it says the same as "${before.key}"`, 'keep one of them');
  }
  for (const said of entries) {
    const name = said.option.attributeName();
    const value = readWords(file, said);
    if (value !== undefined && !isTyped(command, name)) command.setOptionValueWithSource(name, value, 'config');
  }
}

/** Whether the option was typed, or another that says the same in another way. */
function isTyped(command: Command, name: string): boolean {
  const alike = FLAG_RULES.some((rule) => rule === name) ? FLAG_RULES : [name];
  return alike.some((one) => command.getOptionValueSource(one) === 'cli');
}

function refused(file: string, key: string, message: string, hint: string): BatchCoreError {
  return new BatchCoreError('CONFIG', `${file}: "${key}": ${message}`, {
    where: { file, option: `--${dashed(key)}` },
    hint,
  });
}

function saidIn(command: Command, file: string, key: string, value: unknown): Said {
  const flag = flagNamed(key);
  const option = command.options.find(({ long }) => long === flag && long !== '--config');
  if (!option) throw refused(file, key, `${command.name()} has no such option`, nearest(command, key));
  const help = `see ${flag} in "batch-core ${command.name()} --help"`;
  if (option.helpGroupHeading !== undefined) throw refused(file, key, 'it is not in this version', help);
  const words = asTyped(option, value);
  if (words === undefined) throw refused(file, key, `${shown(value)} is no value of it`, help);
  return { key, option, words };
}

/** Options may be called as the command line does, or as the package. */
function flagNamed(key: string): string {
  const row = OPTIONS.find(({ name, flags }) => name === key && flags !== undefined);
  return row ? flagOf(row) : `--${key}`;
}

function nearest(command: Command, key: string): string {
  const known = command.options
    .filter(({ long, helpGroupHeading }) => long !== '--config' && helpGroupHeading === undefined)
    .map((option) => option.name());
  const near = nearestWord(dashed(key), known, 2);
  return near === undefined ? `its options are ${known.join(', ')}` : `did you mean "${near}"?`;
}

/** A value as somebody would have typed it: nothing for a flag that is off, `undefined` where nobody could. */
function asTyped(option: Option, value: unknown): string[] | undefined {
  if (option.isBoolean()) return value === true ? [''] : value === false ? [] : undefined;
  if (typeof value === 'string' || Number.isFinite(value)) return [String(value)];
  const { kind } = OPTIONS.find((row) => flagOf(row) === option.long) ?? {};
  if (kind === 'settings' && isRecord(value)) return settingWords(value);
  const isList = kind === 'names' || kind === 'namesOrAll';
  return isList && Array.isArray(value) && value.every(isText) ? [JSON.stringify(value)] : undefined;
}

function settingWords(values: object): string[] | undefined {
  const entries = Object.entries(values);
  const isPlain = entries.every(([, value]) => isText(value) || typeof value === 'boolean' || Number.isFinite(value));
  return isPlain ? entries.map(([name, value]) => `${name}=${value}`) : undefined;
}

const isText = (value: unknown): boolean => typeof value === 'string';

function readWords(file: string, { key, option, words }: Said): unknown {
  if (option.isBoolean()) return words.length > 0 ? true : undefined;
  return words.reduce<unknown>((before, word) => {
    try {
      return option.parseArg ? option.parseArg(word, before as never) : word;
    } catch (thrown) {
      if (!(thrown instanceof InvalidArgumentError)) throw thrown;
      throw refused(file, key, `${shown(word)}: ${thrown.message}`, 'write it as on the command line');
    }
  }, undefined);
}

/** The options in a file: JSON where its name says so, YAML else. */
function readConfig(path: string, file: string): object {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw readError(cause, `the configuration ${path}`, { path: file, absent: 'CONFIG' });
  }
  const content = extname(file).toLowerCase() === '.json' ? json(file, text) : yaml(file, text);
  if (content === null) return {};
  if (isRecord(content)) return content;
  throw unlike(file, `it is ${shown(content)}`);
}

function json(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw unlike(file, `it is not JSON: ${(cause as Error).message}`, cause);
  }
}

function yaml(file: string, text: string): unknown {
  try {
    return parseYaml(text, { prettyErrors: true, logLevel: 'error' });
  } catch (cause) {
    // Its message ends with the line that it is about.
    const [words = ''] = cause instanceof YAMLParseError ? cause.message.split('\n') : [String(cause)];
    throw unlike(file, `it is not YAML: ${words.replace(/:$/, '')}`, cause);
  }
}

function unlike(file: string, message: string, cause?: unknown): BatchCoreError {
  return new BatchCoreError('CONFIG', `${file}: ${message}`, {
    where: { file, option: '--config' },
    hint: 'write options by their names, one a line, such as "contamination: 0.02", or a JSON object of them',
    cause,
  });
}
