/** Where things lie: the home of jobs, and in it those of one job. */
import { dirname, join, resolve } from 'node:path';
import { systemError } from '../errors.ts';

/** Where things of a job lie. */
export interface JobPaths {
  directory: string;
  database: string;
  lock: string;
  model: string;
  report: string;
  /** A checksum of each row group of the published file. */
  rowGroups: string;
  parts: string;
}

export function jobPaths(home: string, jobId: string): JobPaths {
  const directory = join(home, 'jobs', jobId);
  return {
    directory,
    database: join(directory, 'job.duckdb'),
    lock: join(directory, 'job.lock'),
    model: join(directory, 'model.bcm'),
    report: join(directory, 'report.json'),
    rowGroups: join(directory, 'row-groups.json'),
    parts: join(directory, 'parts'),
  };
}

/** The home's absolute path: that asked for, that of the environment, or `.batch-core` beside the output. */
export function resolveHome(home: string | undefined, output: string): string {
  const named = home ?? (process.env['BATCH_CORE_HOME'] || undefined);
  return resolve(named ?? join(output === '' ? '.' : dirname(output), '.batch-core'));
}

/** The working directory, which may be gone: only who needs it asks. */
export function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw systemError(cause);
  }
}
