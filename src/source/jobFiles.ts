/** Files of jobs, which are no source: a home may lie in the directory that is scored, and what is in it comes and goes. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { headOf } from '../files/head.ts';

/** What tells a job's directory: a file that begins as the job writes it (store/home.ts, job.ts). A name alone does not. */
const MARKS: readonly [name: string, begins: RegExp][] = [
  ['job.json', /^\{\s*"schema": "batch-core\.job\//],
  ['job.lock', /^pid \d+ on host /],
];

/** `files` without those in the directories of jobs. */
export function exceptJobs(files: readonly string[]): string[] {
  const known = new Map<string, boolean>();
  return files.filter((file) => {
    const [, directory] = /^(.*\/jobs\/[0-9a-f]{16})\//.exec(file) ?? [];
    if (directory === undefined) return true;
    const isJob = known.get(directory) ?? MARKS.some(([name, begins]) => begins.test(textAt(join(directory, name))));
    known.set(directory, isJob);
    return !isJob;
  });
}

/** How a regular file begins; nothing is opened that is none. */
function textAt(path: string): string {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) return '';
  return Buffer.from(headOf(path), 'hex').toString();
}
