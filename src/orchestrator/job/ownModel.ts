/** The model in a job's directory: a file, which counts only while it holds what the job's database says it does. */
import { rmSync } from 'node:fs';
import { writeDurable } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { sha256Of } from '../../sink/sink.ts';
import { readRegular } from '../../store/smallFile.ts';
import type { OpenJob } from './job.ts';

/** The model's bytes; nothing where it is not there, or not what was recorded. */
export function readOwnModel({ model, paths }: Pick<OpenJob, 'model' | 'paths'>): Buffer | undefined {
  if (model === undefined) return undefined;
  const bytes = readRegular(paths.model);
  return bytes && sha256Of(bytes) === model ? bytes : undefined;
}

/** The digest of the job's model: as recorded, or, where the record is lost, of the file. */
export function ownModelDigest({ model, paths }: Pick<OpenJob, 'model' | 'paths'>): string | undefined {
  if (model !== undefined) return model;
  const bytes = readRegular(paths.model);
  return bytes && sha256Of(bytes);
}

/**
 * Keeps the model, in place of whatever lies there. The record comes after the file: a kill in between leaves a file that
 * nobody believes, and a record without its file says that somebody took it away.
 */
export async function keepOwnModel(job: OpenJob, bytes: Uint8Array): Promise<void> {
  rmSync(job.paths.model, { recursive: true, force: true });
  writeDurable(job.paths.model, bytes);
  const sha256 = sha256Of(bytes);
  if (sha256 === job.model) return;
  await job.store.setModel(sha256);
  job.model = sha256;
}

/** Whether the job has no model yet, or this very one. */
export function isSameFit({ model }: Pick<OpenJob, 'model'>, bytes: Uint8Array): boolean {
  return model === undefined || model === sha256Of(bytes);
}

/** Refuses a model that is not the one that finished chunks were scored with: a fit of the same rows gives the same bytes. */
export function refuseOtherFit(job: OpenJob, bytes: Uint8Array): void {
  if (isSameFit(job, bytes)) return;
  const { jobId } = job;
  throw new BatchCoreError(
    'INPUT_CHANGED',
    `the model of job ${jobId} was lost, and the same fit gives another one now: the source changed in a way that neither its size, its footer nor its time shows`,
    { where: { job: jobId }, hint: 'start over with --fresh' },
  );
}
