/** The parts that an earlier execution finished: which of them still count. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { partName } from '../../sink/manifest.ts';
import { isAnothers, isOwnPart, isStaged } from '../../sink/part.ts';
import type { StoredChunk } from '../../store/job.ts';
import { setAside } from '../../store/workFiles.ts';
import type { OpenJob } from './job.ts';

/**
 * The done chunks of which the part is not there, or is another's, or was scored with another model; `stored` is what is known
 * of `chunks`, nothing where they are new. What is not ours and lies where a part is to be put gets another name.
 */
export function lostParts(
  job: OpenJob,
  chunks: readonly { chunkId: number }[],
  stored: readonly StoredChunk[],
  modelDigest: string,
): Set<number> {
  const { fingerprint } = job;
  const { parts } = job.paths;
  const lost = new Set<number>();
  for (const [i, { chunkId }] of chunks.entries()) {
    const { state, staged } = stored[i] ?? {};
    const done = state === 'done';
    if (done && staged && isStaged(parts, staged, { chunkId, fingerprint, model: modelDigest })) continue;
    if (done) lost.add(chunkId);
    const path = join(parts, partName({ chunkId }));
    // A part gets its name when it is whole: what cannot be read is ours only where one was finished.
    const unknown = done ? isAnothers(path, fingerprint) : !isOwnPart(path, fingerprint);
    if (unknown && existsSync(path)) setAside(path);
  }
  return lost;
}
