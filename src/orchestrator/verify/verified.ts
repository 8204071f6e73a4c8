/** What `verify` compares with, and what it says. */
import { BatchCoreError, ofLook, restate } from '../../errors.ts';
import type { Report } from '../../report.ts';
import { lookAt, SUCCESS } from '../../sink/look.ts';
import { realPlace } from '../../sink/place.ts';
import { judge, NOTHING_APPROVED } from '../../sink/target.ts';
import { readRecord } from '../../store/home.ts';
import { readPublication } from '../job/job.ts';
import { isAlive } from '../job/told.ts';
import { claimAt } from '../places/claims.ts';
import { judgeModel } from '../places/save.ts';

export interface Verified {
  path: string;
  /** The job that wrote it, where this home knows it. */
  jobId: string | null;
  /** Of a model, those that it was fitted on; null where nobody here knows them. */
  rows: number | null;
  bytes: number;
  /** What was compared. */
  checks: string[];
  /** What could not be, and why. */
  unchecked: string[];
}

/** What a job says its output should be. */
export interface Expected {
  home: string;
  jobId: string;
  /** What it wrote there: scores, in a file or a directory, or a model. */
  kind: 'file' | 'directory' | 'model';
  rowGroups: string;
  report: Report;
}

export const NO_JOB = 'no finished job that can be read here wrote it: --home names another home';

export const AGAIN = 'run the same command again: it notices, and makes the output again';

export const AWAY = `move it away, then ${AGAIN}`;

export function damaged(path: string, what: string, hint?: string): BatchCoreError {
  return new BatchCoreError('OUTPUT_DAMAGED', `${path}: ${what}`, { where: { file: path }, hint });
}

/** A directory of parts that no publication has ended. `known`: its job is, which knows better what to do. */
export function unfinished(path: string, known: boolean): BatchCoreError {
  return damaged(
    path,
    `it has no ${SUCCESS}: it was never finished`,
    known ? undefined : 'run the command again that writes it',
  );
}

/** What its job would do about an output that is not what was written. */
async function cure(path: string, { home, jobId, kind }: Expected): Promise<string> {
  if (isAlive(home, jobId)) return 'its job runs: look again when it has ended';
  const fingerprint = readRecord(home, jobId)?.fingerprint;
  const publication = await readPublication(home, jobId).catch(() => undefined);
  const claim = claimAt(realPlace(path, publication?.output.layout), { approved: NOTHING_APPROVED, publication });
  const verdict =
    kind === 'model' ? judgeModel(path, claim, undefined) : judge(lookAt(path), { ...claim, fingerprint });
  return verdict.kind === 'taken' ? AWAY : AGAIN;
}

/** Looks for damage; what is found without a hint gets that of the job that wrote there. Only who made it can make it again. */
export async function withCure(
  path: string,
  expected: Expected | undefined,
  look: () => Promise<Verified>,
): Promise<Verified> {
  try {
    return await look();
  } catch (thrown) {
    const error = ofLook(BatchCoreError.from(thrown));
    if (!expected || error.code !== 'OUTPUT_DAMAGED' || error.hint !== undefined) throw error;
    throw restate(error, { hint: await cure(path, expected) });
  }
}

/** What there is to verify. */
export const VERIFIABLE = 'name an output, a model or a job';

export function notOurs(path: string): BatchCoreError {
  return new BatchCoreError('USAGE', `${path} is no output of batch-core: there is nothing to compare it with`, {
    where: { file: path },
    hint: VERIFIABLE,
  });
}
