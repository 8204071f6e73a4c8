/** How many chunks a worker is given at a time. Pure. */
import type { PlannedChunk } from './plan.ts';

/**
 * Neighbours are read by one scan, so several are given: as many of the first of `waiting` as neighbour each other, at most
 * `chunksMax`, and fewer towards the end, so that workers end together and their parts come in about the order of the plan.
 */
export function leaseSize(
  waiting: readonly Pick<PlannedChunk, 'fileId' | 'rowFirst' | 'rows'>[],
  workers: number,
  chunksMax: number,
): number {
  const most = Math.min(chunksMax, Math.ceil(waiting.length / (2 * workers)));
  let size = Math.min(1, waiting.length);
  while (size < most && areNeighbours(waiting[size - 1], waiting[size])) size += 1;
  return size;
}

function areNeighbours(
  one: Pick<PlannedChunk, 'fileId' | 'rowFirst' | 'rows'> | undefined,
  next: Pick<PlannedChunk, 'fileId' | 'rowFirst'> | undefined,
): boolean {
  return !!one && !!next && one.fileId === next.fileId && one.rowFirst + one.rows === next.rowFirst;
}
