/** argv in, exit code out: all of the command line but the file that Node is given. */
import { CommanderError } from 'commander';
import { BatchCoreError, EXIT } from '../errors.ts';
import { buildProgram, UsageError } from './program.ts';
import { ignoreDebuggerSignal } from './signals.ts';
import { printJson, sayError, settle } from './streams.ts';

/** Runs what argv says, prints what there is to say, and returns what the process ends with. */
export async function run(): Promise<number> {
  ignoreDebuggerSignal();
  let exitCode: number = EXIT.ok;
  const program = buildProgram((code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync();
  } catch (thrown) {
    const { code, printed } = end(thrown, (name) => program.commands.some((command) => command.opts()[name] === true));
    return settle(code, printed);
  }
  return settle(exitCode);
}

/** Tells the error; `printed` is the one that went to standard output, as JSON. */
function end(thrown: unknown, isOn: (name: string) => boolean): { code: number; printed?: BatchCoreError } {
  // Help that was asked for ends this way.
  if (thrown instanceof CommanderError) return { code: thrown.exitCode };
  const error = BatchCoreError.from(thrown);
  // What was typed counts also where the words around it could not be read; what a file said, once it was.
  const given = (name: string, ...words: string[]) => words.some((word) => process.argv.includes(word)) || isOn(name);
  if (given('json', '--json')) {
    printJson({ error: error.toJSON() }, 0);
    return { code: error.exitCode, printed: error };
  }
  sayError(error, {
    usage: error instanceof UsageError ? error.usage : undefined,
    verbose: given('verbose', '-v', '--verbose'),
  });
  return { code: error.exitCode };
}
