/** A part between its chunk and the output: what is kept of it in the job's tables, whether it is still there, and whose it is. */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type PublishedPart, partFacts } from '../bindings/native.ts';
import { METADATA_CHUNK, METADATA_FINGERPRINT, METADATA_MODEL } from './look.ts';
import { partName } from './manifest.ts';

/** What was staged of a chunk's part. The job's store keeps it for the sink, and reads nothing in it. */
export interface StagedPart {
  name: string;
  size: number;
  sha256: string;
}

/** Whose a part is. */
export interface PartOwner {
  chunkId: number;
  fingerprint: string;
  /** The digest of the model that gave the scores. */
  model: string;
}

/** A chunk's part, as who wrote it has told. */
export function stagedPart(chunk: { chunkId: number }, written: { bytes: number; sha256: string }): StagedPart {
  return { name: partName(chunk), size: written.bytes, sha256: written.sha256 };
}

/** Whether a part is there and is that of its owner, by what is cheap to see; its digest is compared when it is published. */
export function isStaged(directory: string, { name, size }: StagedPart, owner: PartOwner): boolean {
  const path = join(directory, name);
  try {
    if (statSync(path).size !== size) return false;
    const { metadata } = partFacts(path);
    return (
      metadata[METADATA_FINGERPRINT] === owner.fingerprint &&
      metadata[METADATA_CHUNK] === String(owner.chunkId) &&
      metadata[METADATA_MODEL] === owner.model
    );
  } catch {
    return false;
  }
}

/** A whole part of another output; one that is damaged names nobody, and has a name of ours. */
export function isAnothers(path: string, fingerprint: string): boolean {
  const found = fingerprintOf(path);
  return found !== undefined && found !== fingerprint;
}

/** A whole part of this output. */
export function isOwnPart(path: string, fingerprint: string): boolean {
  return fingerprintOf(path) === fingerprint;
}

/** What a part says whose it is, empty where it is nobody's; nothing where it cannot be read. */
function fingerprintOf(path: string): string | undefined {
  try {
    return partFacts(path).metadata[METADATA_FINGERPRINT] ?? '';
  } catch {
    return undefined;
  }
}

/** The part of so many rows, as it is published. */
export function publishedPart(directory: string, { name, size, sha256 }: StagedPart, rows: number): PublishedPart {
  return { source: join(directory, name), name, receipt: { rows, bytes: size, sha256 } };
}
