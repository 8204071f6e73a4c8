/** What `verify` compares with, and what it says. */
import { BatchCoreError } from '../errors.ts';
import type { Report } from '../report.ts';

export interface Verified {
  path: string;
  /** The job that wrote it, where this home knows it. */
  jobId: string | null;
  rows: number;
  bytes: number;
  /** What was compared. */
  checks: string[];
  /** What could not be, and why. */
  unchecked: string[];
}

/** What a job says its output should be. */
export interface Expected {
  jobId: string;
  rowGroups: string;
  report: Report;
}

export const NO_JOB = 'no finished job of this home wrote it: --home names another';

export const AGAIN = 'run the same command again: it notices, and makes the output again';

/** Only who made it can make it again: a hint is given where a job of this home did. */
export function damaged(path: string, what: string, hint?: string): BatchCoreError {
  return new BatchCoreError('OUTPUT_DAMAGED', `${path}: ${what}`, { where: { file: path }, hint });
}

export function notOurs(path: string): BatchCoreError {
  return new BatchCoreError('USAGE', `${path} is no output of batch-core: there is nothing to compare it with`, {
    where: { file: path },
    hint: 'name an output, a model or a job',
  });
}
