/** A call of the package: what it is given is read once, and what is said of it is in the package's words. */
import { BatchCoreError, restate } from '../../errors.ts';
import { isRecord } from '../spec/checks.ts';
import type { Taker } from '../spec/option.ts';
import { flagOf } from '../spec/optionFacts.ts';
import { OPTIONS } from '../spec/optionTable.ts';

/**
 * A copy of what was given, which nothing of the caller's runs in any more: getters, proxies and arrays that change are
 * read here, and what they throw is theirs.
 *
 * @throws USAGE when it cannot be read.
 */
export function readOnce<Given>(given: Given, name: string): Given {
  try {
    return isRecord(given) ? copyFields(given) : copy(given);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/** Arrays and plain objects, and those in them; the rest is what it is. */
function copy<Given>(given: Given): Given {
  if (Array.isArray(given)) return Array.from(given, copy) as Given;
  return isRecord(given) && isPlain(given) ? copyFields(given) : given;
}

/** With the fields that its class computes, or that it inherits. */
function copyFields<Given extends object>(given: Given): Given {
  const fields = given as Readonly<Record<string, unknown>>;
  return Object.fromEntries(fieldNames(given).map((name) => [name, copy(fields[name])])) as Given;
}

function fieldNames(given: object): string[] {
  const names = new Set(Object.keys(given));
  for (let above = prototypeOf(given); above && prototypeOf(above); above = prototypeOf(above))
    for (const [name, { get, value }] of Object.entries(Object.getOwnPropertyDescriptors(above)))
      if (get || (name !== 'constructor' && typeof value !== 'function')) names.add(name);
  return [...names];
}

const prototypeOf = (given: object): object | null => Object.getPrototypeOf(given) as object | null;

/** Of no class, in whatever realm it was made. */
function isPlain(given: object): boolean {
  const prototype = prototypeOf(given);
  return prototype === null || prototypeOf(prototype) === null;
}

/** What `read` makes of what was given as `name`; what throws meanwhile is the caller's. */
export function reading<Answer>(name: string, read: () => Answer): Answer {
  try {
    return read();
  } catch (cause) {
    throw cause instanceof BatchCoreError ? cause : unreadable(name, cause);
  }
}

function unreadable(name: string, cause: unknown): BatchCoreError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new BatchCoreError('USAGE', `${name}: cannot be read: ${words}`, {
    where: { option: name },
    hint: 'give a plain value: reading this one throws',
    cause,
  });
}

/** A signal of our own that is aborted with the caller's, until it is let go. */
export interface Followed {
  signal: AbortSignal | undefined;
  letGo: () => void;
}

/**
 * Follows a signal, of whatever making.
 *
 * @throws USAGE when it cannot be followed.
 */
export function followSignal(signal: AbortSignal | undefined): Followed {
  if (signal === undefined) return { signal, letGo: () => {} };
  const controller = new AbortController();
  const abort = () => controller.abort();
  try {
    signal.addEventListener('abort', abort);
    if (signal.aborted) abort();
  } catch (cause) {
    throw unreadable('signal', cause);
  }
  return {
    signal: controller.signal,
    letGo: () => {
      try {
        signal.removeEventListener('abort', abort);
      } catch {
        // It is the caller's, and of no more use.
      }
    },
  };
}

/** Does `work`; what it throws names options as the package does. */
export async function inPackageWords<Answer>(taker: Taker, work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work();
  } catch (thrown) {
    throw reword(BatchCoreError.from(thrown), taker);
  }
}

/** Sentences, with options named as the package does. */
export function packageWords(sentences: readonly string[], taker: Taker): string[] {
  const names = namesFor(taker);
  return sentences.map((text) => withoutFlags(text, names));
}

function namesFor(taker: Taker): ReadonlyMap<string, string> {
  const names = new Map(OPTIONS.map((row) => [flagOf(row), row.kind === 'flag' ? `${row.name}: true` : row.name]));
  return taker === 'fit' ? names.set('--model', 'out') : names;
}

function reword(error: BatchCoreError, taker: Taker): BatchCoreError {
  const names = namesFor(taker);
  const said = (text: string) => withoutFlags(text, names);
  const { message, where, hint } = error;
  const option =
    where?.option === undefined
      ? undefined
      : said(where.option)
          .replaceAll('`', '')
          .replace(/: true$/, '');
  return restate(error, {
    message: said(message),
    where: where && { ...where, ...(option !== undefined && { option }) },
    hint: hint === undefined ? undefined : said(hint),
  });
}

/** Flags become properties, but in a command that is to be pasted. */
function withoutFlags(text: string, names: ReadonlyMap<string, string>): string {
  return text
    .split(/("batch-core [^"]*")/)
    .map((part, i) => (i % 2 === 1 ? part : part.replaceAll(/(?<![\w./-])(--[a-z-]+)(:?)(?![\w/.])/g, replacement)))
    .join('');

  function replacement(found: string, flag: string, colon: string): string {
    const name = names.get(flag);
    if (name === undefined) return found;
    return colon ? `${name.replace(/: true$/, '')}:` : `\`${name}\``;
  }
}
