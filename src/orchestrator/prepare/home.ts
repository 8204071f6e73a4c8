/** Where things lie: the home of jobs, and in it those of one job. */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { BatchCoreError } from '../../errors.ts';
import { placeOf, workingDirectory } from '../../files/paths.ts';
import { realPlace } from '../../sink/place.ts';

export { type JobPaths, jobPaths } from '../../store/home.ts';

/** The home's absolute path: that asked for, that of the environment, or `.batch-core` beside the output. */
export function resolveHome(home: string | undefined, output: string): string {
  if (home !== undefined) return placeOf(home, '--home');
  const named = process.env['BATCH_CORE_HOME'] || undefined;
  if (named !== undefined) return placeOf(named, 'BATCH_CORE_HOME');
  const beside = output === '' ? workingDirectory() : dirname(output);
  return resolve(join(beside, '.batch-core'));
}

/**
 * Refuses a home in which no job's database can be made, before anything is: DuckDB takes what follows the first `?` of a
 * path for the query of a URL, and puts its log before it, somewhere else.
 */
export function refuseHome(home: string): void {
  const real = existsSync(home) ? realpathSync(home) : realPlace(home);
  if (!real.includes('?')) return;
  const through = real === home ? '' : `, which is ${real}`;
  throw new BatchCoreError(
    'CONFIG',
    `no job can be kept in the home ${home}${through}: DuckDB takes no path with a "?"`,
    {
      where: { file: home, option: '--home' },
      hint: 'choose a home without one with --home; sources and outputs may have such names',
    },
  );
}

/** From where paths are looked for: the working directory, which absolute paths do not need. */
export function lookFrom(paths: readonly string[]): string {
  return paths.every((path) => isAbsolute(path)) ? '/' : workingDirectory();
}

/** The home named, that of the environment, or the one in the current directory. */
export function homeOf(home: string | undefined): string {
  return resolveHome(home, '');
}
