#!/usr/bin/env node
/**
 * The file that Node is given. It imports nothing of ours before it can catch what goes wrong: each module is a file, and
 * where no descriptor is left for the next one Node would end the process with a stack of its own.
 */
import { writeSync } from 'node:fs';

try {
  const { run } = await import('./run.ts');
  // All is printed and closed. Node would take its heap apart before it ends by itself.
  process.exit(await run());
} catch (thrown) {
  const { code } = Object(thrown) as { code?: unknown };
  if (code !== 'EMFILE' && code !== 'ENFILE') throw thrown;
  process.exitCode = tellTooMany(Object(thrown).path);
}

/** As `streams.ts` would, which could not be loaded: the words are those of the table of codes, and a test compares them. */
function tellTooMany(path: unknown): number {
  const message = `cannot open ${String(path)}: too many open files`;
  const hint = 'raise the limit (ulimit -n): 64 suffice for four workers, 7 more for each further one';
  if (process.argv.includes('--json'))
    writeSync(1, `${JSON.stringify({ error: { code: 'TOO_MANY_FILES', message, hint } })}\n`);
  else writeSync(2, `error[TOO_MANY_FILES]: ${message}\n  hint: ${hint}\n`);
  return 74;
}
