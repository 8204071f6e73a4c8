/** Files of jobs, which are no source: a home may lie in the directory that is scored, and what is in it comes and goes. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Any of them tells a job's directory (store/home.ts). */
const MARKS = ['job.lock', 'job.json', 'job.duckdb'];

/** Whether `file`, found below `directory`, lies in a job's directory that is below it too. */
export function isOfJob(file: string, directory: string): boolean {
  const inside = join('/', file.slice(directory.length));
  const [, above] = /^(.*\/jobs\/[0-9a-f]{16})\//.exec(inside) ?? [];
  if (above === undefined) return false;
  const job = join(directory, above);
  return MARKS.some((name) => existsSync(join(job, name)));
}
