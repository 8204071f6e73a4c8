/** Why a worker gave no answer, as an error with the code that decides what is done about it. Pure. */
import { inspect } from 'node:util';
import { plainRemedy } from '../errorCodes.ts';
import { BatchCoreError } from '../errors.ts';

/** Thrown by wrong code, here or in a worker: no retry helps. */
const PROGRAMMING = new Set([
  'DataCloneError',
  'TypeError',
  'ReferenceError',
  'SyntaxError',
  'RangeError',
  'EvalError',
]);

/** What became of a worker that was lost with `thrown`; its words are kept. */
export function lostWorker(thrown: unknown): BatchCoreError {
  if (thrown instanceof BatchCoreError) return thrown;
  const said = thrown instanceof Error ? thrown.message : '';
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined;
  if (code === 'ERR_WORKER_OUT_OF_MEMORY')
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
