/** Where things lie: the home of jobs, and in it those of one job. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { placeOf, workingDirectory } from '../paths.ts';

export { type JobPaths, jobPaths } from '../store/home.ts';

/** The home's absolute path: that asked for, that of the environment, or `.batch-core` beside the output. */
export function resolveHome(home: string | undefined, output: string): string {
  if (home !== undefined) return placeOf(home, '--home');
  const named = process.env['BATCH_CORE_HOME'] || undefined;
  if (named !== undefined) return placeOf(named, 'BATCH_CORE_HOME');
  const beside = output === '' ? workingDirectory() : dirname(output);
  return resolve(join(beside, '.batch-core'));
}

/** From where paths are looked for: the working directory, which absolute paths do not need. */
export function lookFrom(paths: readonly string[]): string {
  return paths.every((path) => isAbsolute(path)) ? '/' : workingDirectory();
}
