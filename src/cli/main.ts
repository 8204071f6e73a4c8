#!/usr/bin/env node
/** argv in, exit code out: the only place that reads process.argv or ends the process. */
import { CommanderError } from 'commander';
import { BatchCoreError, EXIT } from '../errors.ts';
import { buildProgram, UsageError } from './program.ts';
import { ignoreDebuggerSignal } from './signals.ts';
import { printJson, sayError, settle } from './streams.ts';

ignoreDebuggerSignal();

let exitCode: number = EXIT.ok;
/** The error that was printed on standard output, as JSON. */
let printed: BatchCoreError | undefined;

try {
  await buildProgram((code) => {
    exitCode = code;
  }).parseAsync();
} catch (thrown) {
  exitCode = end(thrown);
}
process.exitCode = await settle(exitCode, printed);

function end(thrown: unknown): number {
  // Help that was asked for ends this way.
  if (thrown instanceof CommanderError) return thrown.exitCode;
  const error = BatchCoreError.from(thrown);
  const given = (...words: string[]) => words.some((word) => process.argv.includes(word));
  if (given('--json')) {
    printed = error;
    printJson({ error: error.toJSON() }, 0);
  } else
    sayError(error, {
      usage: error instanceof UsageError ? error.usage : undefined,
      verbose: given('-v', '--verbose'),
    });
  return error.exitCode;
}
