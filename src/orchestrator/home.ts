/** Where things lie: the home of jobs, and in it those of one job. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { systemError } from '../errors.ts';

export { type JobPaths, jobPaths } from '../store/home.ts';

/** The home's absolute path: that asked for, that of the environment, or `.batch-core` beside the output. */
export function resolveHome(home: string | undefined, output: string): string {
  const named = home ?? (process.env['BATCH_CORE_HOME'] || undefined);
  return resolve(named ?? join(output === '' ? '.' : dirname(output), '.batch-core'));
}

/** From where paths are looked for: the working directory, which may be gone and which absolute paths do not need. */
export function lookFrom(paths: readonly string[]): string {
  if (paths.every(isAbsolute)) return '/';
  try {
    return process.cwd();
  } catch (cause) {
    throw systemError(cause);
  }
}
