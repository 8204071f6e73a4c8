/** What `--verify-input` says of a file: one digest for all its row groups. Pure. */
import { createHash } from 'node:crypto';

/**
 * The SHA-256 of the digests of a file's row groups, in order (only those that have rows). However its row groups share
 * chunks, a file has one such digest.
 */
export function inputDigest(rowGroups: readonly { sha256: string }[]): string {
  const hash = createHash('sha256');
  for (const { sha256 } of rowGroups) hash.update(sha256, 'hex');
  return hash.digest('hex');
}
