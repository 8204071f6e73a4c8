/** Why a native library could not be loaded, in our words: what is not there, or what the system refused. */
import { BatchCoreError } from '../errors.ts';

/** `what` is the library as a person knows it. The loader's own words are kept: they alone name the file and the reason. */
export function loadError(what: string, cause: unknown, hint: string): BatchCoreError {
  const reason = reasonOf(cause);
  const message = `${what} cannot be loaded: ${reason}`;
  // Of static TLS there is a fixed amount: more memory would not help.
  const memory = /cannot allocate memory|failed to map segment|out of memory|not enough memory|ENOMEM/i;
  if (memory.test(reason) && !/static TLS/i.test(reason))
    return new BatchCoreError('OUT_OF_MEMORY', message, {
      hint: 'give the process more memory: raise "ulimit -v" or the limit of its control group',
      cause,
    });
  return new BatchCoreError('ADDON_MISSING', message, { hint, cause });
}

/** A loader tries several places: what the system said of a file outweighs that another was not there. */
function reasonOf(cause: unknown): string {
  const tried: Error[] = [];
  for (let error = cause; error instanceof Error && tried.length < 20; error = error.cause) tried.push(error);
  const found = tried.find((error) => 'code' in error && error.code === 'ERR_DLOPEN_FAILED') ?? tried.find(isSystems);
  const [line] = (found ?? tried.at(-1))?.message.split('\n') ?? [];
  return line ?? String(cause);
}

function isSystems(error: Error): boolean {
  return !/^Cannot find (module|native binding)/.test(error.message);
}
