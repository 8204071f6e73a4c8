/** Why a native library could not be loaded, in our words: what is not there, or what the system refused. */
import { readFileSync } from 'node:fs';
import { BatchCoreError } from '../errors.ts';

/** `what` is the library as a person knows it. The loader's own words are kept: they alone name the file and the reason. */
export function loadError(what: string, cause: unknown, hint: string): BatchCoreError {
  const reason = reasonOf(cause);
  const message = `${what} cannot be loaded: ${reason}`;
  if (isMemory(reason))
    return new BatchCoreError('OUT_OF_MEMORY', message, {
      hint: 'give the process more memory: raise "ulimit -v" or "ulimit -d", or the limit of its control group',
      cause,
    });
  if (/too many open files/i.test(reason))
    return new BatchCoreError('TOO_MANY_FILES', message, { hint: 'raise the limit (ulimit -n): 64 suffice', cause });
  return new BatchCoreError('ADDON_MISSING', message, { hint, cause });
}

function isMemory(reason: string): boolean {
  // Of static TLS there is a fixed amount: more memory would not help.
  if (/static TLS/i.test(reason)) return false;
  if (/cannot allocate memory|out of memory|not enough memory|ENOMEM/i.test(reason)) return true;
  // glibc says no more than this when memory is short, and also where a file system does not let programs be loaded.
  return /failed to map segment/.test(reason) && memoryIsLimited();
}

function memoryIsLimited(): boolean {
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
