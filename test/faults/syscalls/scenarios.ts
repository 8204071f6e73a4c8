/** The jobs whose every system call is made to fail or to be the last. */
import { copyFileSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { JobStatus } from '../../../src/store/status.ts';
import { sha256 } from '../../cli/harness.ts';

export interface Scenario {
  name: string;
  /** Arguments of the command, in a directory that holds `data.parquet`. */
  args: readonly string[];
  /** What it makes there, files or directories. */
  outputs: readonly string[];
  /** What lies there before it begins. */
  stranger?: string;
  /** The source is wide: summaries are large, and what is merged of them is saved. */
  wide?: boolean;
}

const score = ['score', 'data.parquet', '-d', 'zscore', '--chunk-rows', '2048'];

export const SCENARIOS: readonly Scenario[] = [
  { name: 'score to a file', args: [...score, '-o', 'o.parquet'], outputs: ['o.parquet'] },
  { name: 'score to a directory', args: [...score, '-o', 'out/'], outputs: ['out'] },
  {
    name: 'score --top, model saved',
    args: [...score, '--top', '9', '-o', 'o.parquet', '--save-model', 'm.bcm'],
    outputs: ['o.parquet', 'm.bcm'],
  },
  {
    name: "score --force over another's",
    args: [...score, '-o', 'o.parquet', '--force'],
    outputs: ['o.parquet'],
    stranger: 'o.parquet',
  },
  {
    name: 'fit -m',
    args: ['fit', 'data.parquet', '-d', 'auto', '--chunk-rows', '2048', '-m', 'm.bcm'],
    outputs: ['m.bcm'],
  },
  {
    name: 'fit -m, a wide table',
    args: ['fit', 'data.parquet', '-d', 'mad', '--chunk-rows', '2048', '-m', 'm.bcm'],
    outputs: ['m.bcm'],
    wide: true,
  },
];

export const COMMON = ['-w', '1', '--home', 'home', '--json', '--progress', 'none'];

/** An empty directory but for the source and what the scenario finds there. */
export function reset(directory: string, source: string, { stranger }: Scenario): void {
  for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true, force: true });
  copyFileSync(source, join(directory, 'data.parquet'));
  if (stranger !== undefined) writeFileSync(join(directory, stranger), 'what somebody else wrote');
}

/** Digest of every file of the outputs, by its name. */
export function digests(directory: string, { outputs }: Scenario): Record<string, string> {
  const found: Record<string, string> = {};
  for (const path of outputs.flatMap((name) => filesOf(join(directory, name))))
    found[relative(directory, path)] = sha256(path);
  return found;
}

/** Models that jobs have in common bear the source's identity, which differs from run to run, and none need be there. */
const SHARED = /^home\/\.models(\/[0-9a-f]{64}\.[0-9a-f]{64}\.bcm)?$/;

/** Every name below `directory`, with the job's identity written `#`, but for shared models that are whole. */
export function tree(directory: string, jobId: string): string[] {
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((name) => !SHARED.test(name) || isCut(join(directory, name)))
    .map((name) => name.replaceAll(jobId, '#'))
    .sort();
}

function isCut(path: string): boolean {
  return statSync(path).isFile() && !path.endsWith(`.${sha256(path)}.bcm`);
}

function filesOf(path: string): string[] {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (stats.isFile()) return [path];
  return readdirSync(path)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}

/** The job's identity, read where the home has it. */
export function jobOf(directory: string): string {
  const [job] = readdirSync(join(directory, 'home', 'jobs'));
  if (job === undefined) throw new Error('no job was made');
  return job;
}

/** What the job last told of itself. */
export function statusOf(directory: string): JobStatus {
  return JSON.parse(readFileSync(join(directory, 'home', 'jobs', jobOf(directory), 'status.json'), 'utf8'));
}

/** What the first execution left of the stranger's file: it may be replaced, never cut short. */
export function strangerIntact(directory: string, { stranger }: Scenario): boolean {
  if (stranger === undefined) return true;
  const bytes = readFileSync(join(directory, stranger));
  return bytes.toString() === 'what somebody else wrote' || bytes.subarray(0, 4).toString() === 'PAR1';
}
