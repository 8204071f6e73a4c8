/** Why a native library could not be loaded, in our words: what is not there, or what the system refused. */
import { readFileSync } from 'node:fs';
import { remedyOf } from '../errorCodes.ts';
import { BatchCoreError, type ErrorCode } from '../errors.ts';

/**
 * The error of a library that did not load, with the loader's own words: they alone name the file and the reason.
 *
 * @param what - The library as a person knows it.
 * @param hint - What to do where it is not there.
 * @param memoryIsLimited - Whether this process may use less memory than the machine has.
 */
export function loadError(
  what: string,
  cause: unknown,
  hint: string,
  memoryIsLimited: () => boolean = readLimits,
): BatchCoreError {
  const reason = reasonOf(cause);
  const [code, remedy] = shortageOf(reason, hint, memoryIsLimited) ?? (['ADDON_MISSING', hint] as const);
  return new BatchCoreError(code, `${what} cannot be loaded: ${reason}`, { hint: remedy, cause });
}

/** What the system was short of: nobody is to install again for that. */
function shortageOf(reason: string, hint: string, memoryIsLimited: () => boolean): [ErrorCode, string] | undefined {
  // A fixed amount of it is set aside when a process starts, and other libraries have taken it.
  if (/static TLS/i.test(reason))
    return ['ADDON_MISSING', 'start Node with GLIBC_TUNABLES=glibc.rtld.optional_static_tls=65536 in its environment'];
  if (/too many open files|EMFILE|ENFILE/i.test(reason)) return ['TOO_MANY_FILES', remedyOf('TOO_MANY_FILES') ?? hint];
  const said = /cannot allocate memory|out of memory|not enough memory|ENOMEM/i.test(reason);
  // glibc says no more than this when memory is short, and also where a file system does not let programs be loaded.
  if (said || (/failed to map segment/.test(reason) && memoryIsLimited()))
    return ['OUT_OF_MEMORY', 'raise "ulimit -v" or "ulimit -d", or the memory limit of the control group'];
  return undefined;
}

function readLimits(): boolean {
  try {
    return /^Max (address space|data size) +\d/m.test(readFileSync('/proc/self/limits', 'utf8'));
  } catch {
    return false;
  }
}

/** A loader tries several places: what the system said of a file outweighs that another was not there. */
function reasonOf(cause: unknown): string {
  const tried: Error[] = [];
  for (let error = cause; error instanceof Error && tried.length < 20; error = error.cause) tried.push(error);
  const found = tried.find(({ message }) => !/^Cannot find (module|native binding)/.test(message)) ?? tried.at(-1);
  const [line] = found?.message.split('\n') ?? [];
  return line ?? String(cause);
}
