/** The parts that an earlier execution finished: which of them still count. */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { partFacts } from '../../bindings/native.ts';
import { METADATA_CHUNK, METADATA_FINGERPRINT, METADATA_MODEL } from '../../sink/look.ts';
import { partName } from '../../sink/manifest.ts';
import { isAnothers, isOwnPart, setAside } from '../../store/workFiles.ts';
import type { OpenJob } from './job.ts';

/**
 * Sends done chunks whose part is not there, or is another's, or was scored with another model, back to pending. What is not
 * ours and lies where a part is to be put gets another name.
 */
export async function checkParts(job: OpenJob, phase: string, modelDigest: string): Promise<void> {
  const chunks = await job.store.chunks(phase);
  const missing = chunks.filter((chunk) => chunk.state !== 'done' || !isWhole(job, chunk, modelDigest));
  for (const chunk of missing) {
    const path = join(job.paths.parts, partName(chunk));
    // A part gets its name when it is whole: what cannot be read is ours only where one was finished.
    const unknown = chunk.state === 'done' ? isAnothers(path, job.fingerprint) : !isOwnPart(path, job.fingerprint);
    if (unknown && existsSync(path)) setAside(path);
  }
  const lost = missing.filter((chunk) => chunk.state === 'done');
  if (lost.length > 0)
    await job.store.reset(
      phase,
      lost.map((chunk) => chunk.chunkId),
    );
}

/** Whether a finished part is there, by what is cheap to see; its digest is compared when it is published. */
function isWhole(
  job: OpenJob,
  chunk: { chunkId: number; partName: string | null; partSize: number | null },
  modelDigest: string,
): boolean {
  const path = join(job.paths.parts, chunk.partName ?? '');
  try {
    if (statSync(path).size !== chunk.partSize) return false;
    const { metadata } = partFacts(path);
    return (
      metadata[METADATA_FINGERPRINT] === job.fingerprint &&
      metadata[METADATA_CHUNK] === String(chunk.chunkId) &&
      metadata[METADATA_MODEL] === modelDigest
    );
  } catch {
    return false;
  }
}
