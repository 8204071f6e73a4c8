/** A call of the package: what it is given is read once, and what is said of it is in the package's words. */
import { BatchCoreError } from '../errors.ts';
import { OPTIONS } from './options.ts';

/**
 * A copy of what was given, which nothing of the caller's runs in any more: getters, proxies and arrays that change are
 * read here, and what they throw is theirs.
 *
 * @throws USAGE when it cannot be read.
 */
export function readOnce<Given>(given: Given, name: string): Given {
  try {
    return isObject(given) ? copyFields(given) : copy(given);
  } catch (cause) {
    throw unreadable(name, cause);
  }
}

/** Arrays and plain objects, and those in them; the rest is what it is. */
function copy<Given>(given: Given): Given {
  if (Array.isArray(given)) return Array.from(given, copy) as Given;
  return isObject(given) && isPlain(given) ? copyFields(given) : given;
}

function copyFields<Given extends object>(given: Given): Given {
  return Object.fromEntries(Object.entries(given).map(([name, value]) => [name, copy(value)])) as Given;
}

const isObject = (given: unknown): given is object =>
  typeof given === 'object' && given !== null && !Array.isArray(given);

/** Of no class, in whatever realm it was made. */
function isPlain(given: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(given);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

function unreadable(name: string, cause: unknown): BatchCoreError {
  const words = cause instanceof Error ? cause.message : String(cause);
  return new BatchCoreError('USAGE', `${name}: cannot be read: ${words}`, { where: { option: name }, cause });
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
export async function inPackageWords<Answer>(
  taker: 'score' | 'fit' | 'plan',
  work: () => Promise<Answer>,
): Promise<Answer> {
  try {
    return await work();
  } catch (thrown) {
    throw reword(BatchCoreError.from(thrown), taker);
  }
}

function reword(error: BatchCoreError, taker: string): BatchCoreError {
  const names = new Map(OPTIONS.map(({ flag, name, type }) => [flag, type === 'boolean' ? `${name}: true` : name]));
  if (taker === 'fit') names.set('--model', 'out');
  const said = (text: string) => withoutFlags(text, names);
  const { code, message, where, hint, cause, exitCode } = error;
  const option =
    where?.option === undefined
      ? undefined
      : said(where.option)
          .replaceAll('`', '')
          .replace(/: true$/, '');
  return new BatchCoreError(code, said(message), {
    where: where && { ...where, ...(option !== undefined && { option }) },
    hint: hint === undefined ? undefined : said(hint),
    ...{ cause, exitCode },
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
