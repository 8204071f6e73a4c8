/** Facts and options in, chunks out. Pure: a plan never depends on workers, memory or time. */
import type { SourceFile } from '../../source/facts.ts';
import type { ChunkRow } from '../../store/rows.ts';

/** Version of the rule that cuts chunks; a job is tied to the one it was planned by. */
export const PLAN_VERSION = 1;

export type PlannedChunk = ChunkRow;

export interface Plan {
  chunks: PlannedChunk[];
  rows: number;
  /** Row groups that alone exceed the chunk size: each is one chunk. */
  oversized: number;
}

/** Cuts every file into runs of whole row groups of at most `chunkRowsMax` rows; a larger row group is one chunk. */
export function planScan(files: readonly Pick<SourceFile, 'rowGroups'>[], chunkRowsMax: number): Plan {
  const chunks: PlannedChunk[] = [];
  let oversized = 0;
  for (const [fileId, file] of files.entries()) {
    let rowFirst = 0;
    let open: PlannedChunk | undefined;
    for (const [group, { rows, bytes }] of file.rowGroups.entries()) {
      if (rows > chunkRowsMax) oversized += 1;
      if (open && open.rows + rows <= chunkRowsMax) {
        open.rowGroupLast = group;
        open.rows += rows;
        open.bytes += bytes;
      } else if (rows > 0) {
        open = { chunkId: chunks.length, fileId, rowGroupFirst: group, rowGroupLast: group, rowFirst, rows, bytes };
        chunks.push(open);
      }
      rowFirst += rows;
    }
  }
  return { chunks, rows: chunks.reduce((sum, chunk) => sum + chunk.rows, 0), oversized };
}

/** Below so many row groups a pilot would read too large a part of them. */
const PILOT_ROW_GROUPS_MIN = 32;
/** One row group in so many is read by a pilot. */
const PILOT_SHARE = 16;

/** The row groups that a pilot reads, spread evenly over the source, each a chunk of its own; none of a small source. */
export function planPilot(files: readonly Pick<SourceFile, 'rowGroups'>[]): PlannedChunk[] {
  const groups = planScan(files, 1).chunks;
  if (groups.length < PILOT_ROW_GROUPS_MIN) return [];
  const count = Math.ceil(groups.length / PILOT_SHARE);
  const picked = Array.from({ length: count }, (_, i) => groups[Math.floor(((i + 0.5) * groups.length) / count)]);
  return picked.flatMap((chunk, chunkId) => (chunk ? { ...chunk, chunkId } : []));
}

/** Rows of each row group of a planned chunk: what the scanner needs to know where groups end. */
export function rowGroupRows(file: Pick<SourceFile, 'rowGroups'>, chunk: PlannedChunk): number[] {
  return file.rowGroups.slice(chunk.rowGroupFirst, chunk.rowGroupLast + 1).map((group) => group.rows);
}
