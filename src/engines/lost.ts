/** Why a worker gave no answer, as an error with the code that decides what is done about it, and what took it. Pure. */
import { inspect } from 'node:util';
import { plainRemedy } from '../errorCodes.ts';
import { BatchCoreError, type Loss } from '../errors.ts';
import type { Ending } from '../worker/protocol.ts';

/** Thrown by wrong code, here or in a worker: no retry helps. */
const PROGRAMMING = new Set([
  'DataCloneError',
  'TypeError',
  'ReferenceError',
  'SyntaxError',
  'RangeError',
  'EvalError',
]);

/** The ending of a task whose worker was lost with `thrown`. */
export function lostEnding(thrown: unknown): Ending {
  const lost = lossOf(thrown);
  return { ok: false, error: lostWorker(thrown).toJSON(), ...(lost && { lost }) };
}

/** What took the worker; nothing where none was taken: it broke off, or never began. */
function lossOf(thrown: unknown): Loss | undefined {
  if (!(thrown instanceof Error) || thrown instanceof BatchCoreError) return undefined;
  if ('code' in thrown && thrown.code === 'ERR_WORKER_OUT_OF_MEMORY') return 'memory';
  return /\bexited with code\b/.test(thrown.message) ? 'exit' : undefined;
}

/** What became of a worker that was lost with `thrown`; its words are kept. */
export function lostWorker(thrown: unknown): BatchCoreError {
  if (thrown instanceof BatchCoreError) return thrown;
  const said = thrown instanceof Error ? thrown.message : '';
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (lossOf(thrown) === 'memory')
    return new BatchCoreError('OUT_OF_MEMORY', `a worker ran out of memory: ${said}`, {
      hint: 'give it fewer --columns, or source files with smaller row groups',
      cause: thrown,
    });
  if (/\b(EMFILE|ENFILE)\b/.test(said))
    return new BatchCoreError('TOO_MANY_FILES', `cannot start a worker: too many open files: ${said}`, {
      hint: plainRemedy('TOO_MANY_FILES'),
      cause: thrown,
    });
  if (code === 'ERR_WORKER_INIT_FAILED')
    return new BatchCoreError('TOO_MANY_THREADS', `no thread could be started for a worker (${said})`, {
      hint: plainRemedy('TOO_MANY_THREADS'),
      cause: thrown,
    });
  const broke = !(thrown instanceof Error)
    ? // An answer that cannot be copied between threads is thrown as a DOMException, of which an empty object arrives.
      `with what is no error (${inspect(thrown)}): perhaps an answer that cannot be copied`
    : PROGRAMMING.has(thrown.name) && `${thrown.name}: ${said}`;
  if (broke)
    return new BatchCoreError('BUG', `a worker broke off: ${broke}`, {
      hint: 'this is a bug in batch-core; please report it with the command you ran (-v prints the stack)',
      cause: thrown,
    });
  return new BatchCoreError('TRANSIENT_IO', `a worker was lost: ${said}`, { cause: thrown });
}
