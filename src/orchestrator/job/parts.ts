/** The parts that an earlier execution finished: which of them still count. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { partName } from '../../sink/manifest.ts';
import { isAnothers, isOwnPart, isStaged } from '../../sink/part.ts';
import { setAside } from '../../store/workFiles.ts';
import type { OpenJob } from './job.ts';

/**
 * Sends done chunks whose part is not there, or is another's, or was scored with another model, back to pending. What is not
 * ours and lies where a part is to be put gets another name.
 */
export async function checkParts(job: OpenJob, phase: string, modelDigest: string): Promise<void> {
  const chunks = await job.store.chunks(phase);
  const owner = { fingerprint: job.fingerprint, model: modelDigest };
  const missing = chunks.filter(
    ({ state, staged, chunkId }) =>
      state !== 'done' || !staged || !isStaged(job.paths.parts, staged, { chunkId, ...owner }),
  );
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
