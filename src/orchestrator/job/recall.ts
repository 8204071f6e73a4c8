/** What an earlier execution finished, and whether it counts: only when source and output are what they were then. */
import { join } from 'node:path';
import { fileDigest, writeDurable } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import type { Report } from '../../report.ts';
import { SUCCESS } from '../../sink/look.ts';
import { identityOf } from '../../sink/sink.ts';
import { isOfLeftovers } from '../../sink/temporaries.ts';
import { differencesText, sourceDifferences } from '../../source/identity.ts';
import type { StoredOutput, StoredPublication } from '../../store/job.ts';
import { readText, statsAt } from '../../store/smallFile.ts';
import { filesOf, type Prepared } from '../prepare/prepare.ts';
import type { OpenJob } from './job.ts';
import { readOwnModel } from './ownModel.ts';

/** The warning of a report that was recalled: nothing was run. */
export const ALREADY_DONE = 'this job was finished before; nothing was run (--fresh runs it again)';

export type Recall =
  /** Nothing is finished, or it is wanted anew. */
  | { kind: 'none' }
  | { kind: 'recalled'; report: Report }
  /** It was finished, and must run again. */
  | { kind: 'again'; why: string };

export async function recall(prepared: Prepared, job: OpenJob): Promise<Recall> {
  const { stored, publication } = job;
  if (stored?.state !== 'completed' || prepared.options.fresh) return { kind: 'none' };
  const differences = sourceDifferences('recall', stored.files, filesOf(prepared));
  if (differences.length > 0)
    return {
      kind: 'again',
      why: `the source was touched since this job was finished (${differences[0]?.file}: ${differencesText(differences)})`,
    };
  if (!publication?.report) return { kind: 'again', why: 'the record of what this job published is lost' };
  if (prepared.options.verifyInput && !(publication.report as Report).inputVerified)
    return { kind: 'again', why: 'its input was not verified' };
  const output = outputNow(prepared, publication);
  const trouble = await outputTrouble(output);
  if (trouble) return { kind: 'again', why: trouble };
  if (!hasModel(prepared, job)) return { kind: 'again', why: 'the model of this job is not there any more' };
  await settleAgain(job, output);
  return { kind: 'recalled', report: recalled(prepared, job, publication.report as Report) };
}

function recalled(prepared: Prepared, job: OpenJob, report: Report): Report {
  // The file is a copy for people and programs, which may be lost or damaged.
  const text = `${JSON.stringify(report, null, 2)}\n`;
  if (readText(job.paths.report) !== text) writeDurable(job.paths.report, text);
  return {
    ...report,
    recalled: true,
    output: { ...report.output, path: prepared.output.path },
    // What lies about now was looked for now.
    warnings: [...report.warnings.filter((warning) => !isOfLeftovers(warning)), ALREADY_DONE],
  };
}

/** What an earlier execution published, if it is whole: it was stopped between the name and the record of it. */
export async function publishedBefore(prepared: Prepared, job: OpenJob): Promise<StoredOutput | undefined> {
  if (!job.publication || job.publication.state === 'former') return undefined;
  const output = outputNow(prepared, job.publication);
  return (await outputTrouble(output)) === undefined ? output : undefined;
}

/** What was published, where it must lie now: a model that is kept in its job moves with the home. */
function outputNow(prepared: Prepared, { output }: StoredPublication): StoredOutput {
  return { ...output, path: prepared.output.place };
}

/** What a file that was asked for with `--save-model` is made of, should it have to be written. */
function hasModel({ options }: Prepared, job: OpenJob): boolean {
  return options.saveModel === undefined || readOwnModel(job) !== undefined;
}

/** What is not as it was written; nothing when all is. Only files that were moved or touched are read. */
async function outputTrouble(output: StoredOutput): Promise<string | undefined> {
  if (output.files.length === 0) return 'nothing was published';
  const trouble = output.layout === 'directory' ? successTrouble(output.path) : undefined;
  if (trouble) return trouble;
  for (const { name, sha256, ...before } of output.files) {
    const path = join(output.path, name);
    let now: ReturnType<typeof identityOf>;
    try {
      now = identityOf(path);
    } catch {
      return `${path} is not there`;
    }
    if (now.size !== before.size) return `${path} has ${now.size} bytes and should have ${before.size}`;
    const touched = (['device', 'inode', 'mtimeNs', 'ctimeNs'] as const).some((field) => now[field] !== before[field]);
    if (!touched) continue;
    if ((await digestOf(path)) !== sha256) return `${path} is not what was written (SHA-256)`;
  }
  return undefined;
}

/** The one file of a directory that has no digest. */
function successTrouble(path: string): string | undefined {
  const stats = statsAt(join(path, SUCCESS));
  if (!stats?.isFile()) return `${path} has no ${SUCCESS}`;
  return stats.size > 0 ? `${join(path, SUCCESS)} is not empty` : undefined;
}

async function digestOf(path: string): Promise<string | undefined> {
  try {
    return await fileDigest(path);
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    if (error.class === 'DATA') return undefined;
    throw error;
  }
}

/** Remembers where the output lies now, so that it need not be read the next time. */
async function settleAgain(job: OpenJob, output: StoredOutput): Promise<void> {
  const files = output.files.map((file) => ({ ...file, ...identityOf(join(output.path, file.name)) }));
  if (JSON.stringify(files) !== JSON.stringify(output.files)) await job.store.updateOutput({ ...output, files });
}
