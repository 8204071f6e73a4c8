/** Facts and options in, chunks out. Pure: a plan never depends on workers, memory or time. */
import { createHash } from 'node:crypto';
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

/** What a pilot reads of a source, or a fit to a sample, and all that it could have read. */
export interface Pilot {
  /** Each a row group. */
  chunks: PlannedChunk[];
  /** Of all row groups that have rows, in order: their rows, and whether they are read. None where there is to be no pilot. */
  groups: { rows: number[]; arePilot: boolean[] };
}

/** One row group in so many is read by a pilot, */
const PILOT_SHARE = 16;
/** but no fewer than these, so that there is something to compare, */
const PILOT_ROW_GROUPS_MIN = 4;
/** and not more of all rows: it is to save a pass. */
const PILOT_ROWS_SHARE_MAX = 1 / 4;
const GOLDEN_RATIO = (Math.sqrt(5) - 1) / 2;

/**
 * The row groups that a pilot reads: the source's rows are cut into equal stretches, and of each the row group of one row
 * is read. Where in its stretch that row lies differs as the multiples of the golden ratio do, so that no period of the
 * source, as of files that are sorted one by one, is met at the same phase.
 */
export function planPilot(files: readonly Pick<SourceFile, 'rowGroups'>[]): Pilot {
  let [all, squares] = [0, 0];
  for (const { rows } of rowGroupsOf(files)) {
    all += rows;
    squares += rows ** 2;
  }
  // Row groups beside which others are tiny count as if there were no others.
  const count = Math.max(PILOT_ROW_GROUPS_MIN, Math.ceil(all ** 2 / squares / PILOT_SHARE));
  const rowOf = (stretch: number) => ((stretch + (((stretch + 1) * GOLDEN_RATIO) % 1)) / count) * all;
  const pilot: Pilot = { chunks: [], groups: { rows: [], arePilot: [] } };
  let [stretch, end, read] = [0, 0, 0];
  for (const group of rowGroupsOf(files)) {
    end += group.rows;
    const before = stretch;
    while (stretch < count && rowOf(stretch) < end) stretch += 1;
    const isPilot = stretch > before;
    pilot.groups.rows.push(group.rows);
    pilot.groups.arePilot.push(isPilot);
    if (!isPilot) continue;
    pilot.chunks.push({ chunkId: pilot.chunks.length, ...group });
    read += group.rows;
  }
  if (pilot.chunks.length >= PILOT_ROW_GROUPS_MIN && read <= all * PILOT_ROWS_SHARE_MAX) return pilot;
  return { chunks: [], groups: { rows: [], arePilot: [] } };
}

/** Rows that a fit samples at most, where nothing is said (`ROWS_MAX` of crates/kernels/src/summaries/sample.rs). */
export const SAMPLE_ROWS = 131_072;
/** A sample comes from so many row groups at least, or from all, */
const SAMPLE_ROW_GROUPS_MIN = 64;
/** from one in so many, */
const SAMPLE_SHARE = 16;
/** and from so many times its rows: rows of a row group are often alike. */
const SAMPLE_FACTOR = 2;

/**
 * The row groups that rows are sampled from, each as likely as any other, so that each row is too: they are cut, in their order,
 * into equal stretches, and of each one is taken, by a keyed hash. None where all are to be read.
 */
export function planSample(
  files: readonly Pick<SourceFile, 'rowGroups'>[],
  { seed, rows }: { seed: number; rows: number },
): Pilot {
  const groups = [...rowGroupsOf(files)];
  const all = groups.reduce((sum, group) => sum + group.rows, 0);
  const wanted = Math.max(SAMPLE_ROW_GROUPS_MIN, Math.ceil(groups.length / SAMPLE_SHARE));
  const rowsOf = (chosen: Set<number>) => [...chosen].reduce((sum, place) => sum + (groups[place]?.rows ?? 0), 0);
  let stretches = Math.max(wanted, Math.ceil((groups.length * SAMPLE_FACTOR * rows) / Math.max(1, all)));
  while (stretches < groups.length) {
    const chosen = takenOf(stretches, groups.length, seed);
    if (chosen.size >= wanted && rowsOf(chosen) >= SAMPLE_FACTOR * rows)
      return {
        chunks: [...chosen].map((place, chunkId) => ({ chunkId, ...(groups[place] as Omit<PlannedChunk, 'chunkId'>) })),
        groups: { rows: groups.map((group) => group.rows), arePilot: groups.map((_, place) => chosen.has(place)) },
      };
    // Two stretches may have taken one that lies in both.
    stretches += Math.ceil(stretches / SAMPLE_SHARE);
  }
  return { chunks: [], groups: { rows: [], arePilot: [] } };
}

/** Of so many places one in each stretch, rising. */
function takenOf(stretches: number, places: number, seed: number): Set<number> {
  const uniform = (stretch: number) =>
    createHash('sha256').update(`${seed} ${stretch}`).digest().readUIntBE(0, 6) / 2 ** 48;
  const place = (_: unknown, stretch: number) => Math.floor(((stretch + uniform(stretch)) / stretches) * places);
  return new Set(Array.from({ length: stretches }, place));
}

/** The row groups that have rows. One at a time: a plan may be of a hundred thousand. */
function* rowGroupsOf(files: readonly Pick<SourceFile, 'rowGroups'>[]): Generator<Omit<PlannedChunk, 'chunkId'>> {
  for (const [fileId, file] of files.entries()) {
    let rowFirst = 0;
    for (const [group, { rows, bytes }] of file.rowGroups.entries()) {
      if (rows > 0) yield { fileId, rowGroupFirst: group, rowGroupLast: group, rowFirst, rows, bytes };
      rowFirst += rows;
    }
  }
}

/** Rows of each row group of a planned chunk: what the scanner needs to know where groups end. */
export function rowGroupRows(file: Pick<SourceFile, 'rowGroups'>, chunk: PlannedChunk): number[] {
  return file.rowGroups.slice(chunk.rowGroupFirst, chunk.rowGroupLast + 1).map((group) => group.rows);
}
