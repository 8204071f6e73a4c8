/**
 * What a run over a source will hold in memory: asked of the page headers of its largest row group, and of the
 * dictionaries of what is kept.
 */
import { type ColumnPages, type KeptSize, keptSizes, pageSizes } from '../../bindings/native.ts';
import type { SourceFacts } from '../../source/facts.ts';
import type { MemoryNeeds } from '../spec/resources.ts';

/** A value of a column whose pages cannot be asked, and the least that one is taken for. */
const VALUE_BYTES = 8;
const VECTOR_ROWS = 2048;
/** Of dictionaries, in all files: some tenths of a second. */
const LOOKED_AT_BYTES = 128 * 2 ** 20;

/** The needs of a run that scores `columns` and copies `keep`. */
export function needsOf(
  facts: SourceFacts,
  columns: readonly string[],
  keep: readonly string[],
  { topRows, chunks }: Pick<MemoryNeeds, 'topRows' | 'chunks'>,
): MemoryNeeds {
  const { pages, rows } = largestPages(facts);
  const sizes = new Map<string, { bytes: number; whole: number }>();
  for (const { column, bytes, whole } of pages ?? []) {
    const before = sizes.get(column) ?? { bytes: 0, whole: 0 };
    sizes.set(column, { bytes: before.bytes + bytes, whole: before.whole + whole });
  }
  // A name that DuckDB made up for one that occurs twice is not in the file.
  const of = (name: string, field: 'bytes' | 'whole') => sizes.get(name)?.[field] ?? rows * VALUE_BYTES;
  const scanned = [...new Set([...columns, ...keep])];
  const kept = keep.reduce((sum, name) => sum + Math.max(of(name, 'whole'), rows * VALUE_BYTES), 0);
  const rowGroups = facts.files.reduce((most, file) => Math.max(most, file.rowGroups.length), 0);
  const rowsTotal = facts.files.reduce((sum, file) => sum + file.rows, 0);
  return {
    rows: rowsTotal,
    chunks,
    columns: columns.length,
    pageBytes: scanned.reduce((sum, name) => sum + of(name, 'bytes'), 0),
    keptRowBytes: kept / Math.max(1, rows),
    ...keptNeeds(facts, keep, kept / Math.max(1, rows)),
    topRows: Math.min(topRows, rowsTotal),
    footerBytes: facts.files.reduce((most, file) => Math.max(most, file.footerBytes), 0),
    rowGroups,
    columnChunks: rowGroups * facts.columns.length,
  };
}

/** Of each need the greater one. */
export function mostOf(needs: MemoryNeeds, others: MemoryNeeds | undefined): MemoryNeeds {
  if (!others) return needs;
  const names = Object.keys(needs) as (keyof MemoryNeeds)[];
  return names.reduce((most, name) => ({ ...most, [name]: Math.max(needs[name], others[name]) }), needs);
}

/** What kept columns take in memory: of each the most in any file, together. */
function keptNeeds(
  facts: SourceFacts,
  keep: readonly string[],
  guess: number,
): Pick<MemoryNeeds, 'keptLeaves' | 'keptVectorBytes' | 'keptOutputBytes'> {
  const most = new Map<string, KeptSize>();
  if (keep.length > 0)
    for (const file of facts.files) {
      let sizes: KeptSize[];
      try {
        sizes = keptSizes(
          file.path,
          file.rowGroups.map(({ rows }) => rows),
          [...keep],
          Math.floor(LOOKED_AT_BYTES / facts.files.length),
        );
      } catch {
        return { keptLeaves: keep.length, keptVectorBytes: 2 * guess * VECTOR_ROWS, keptOutputBytes: guess };
      }
      for (const { column, leaves, vector, row } of sizes) {
        const before = most.get(column);
        most.set(column, {
          column,
          leaves: Math.max(leaves, before?.leaves ?? 0),
          vector: Math.max(vector, before?.vector ?? 0),
          row: Math.max(row, before?.row ?? 0),
        });
      }
    }
  const sum = (of: (name: string) => number) => keep.reduce((total, name) => total + of(name), 0);
  return {
    keptLeaves: sum((name) => most.get(name)?.leaves ?? 1),
    keptVectorBytes: sum((name) => most.get(name)?.vector ?? VALUE_BYTES * VECTOR_ROWS),
    keptOutputBytes: sum((name) => most.get(name)?.row ?? VALUE_BYTES),
  };
}

/** The first pages of the columns of the row group with most rows. */
function largestPages(facts: SourceFacts): { pages: ColumnPages[] | undefined; rows: number } {
  let largest: { file: string; group: number; rows: number } | undefined;
  for (const file of facts.files)
    file.rowGroups.forEach(({ rows }, group) => {
      if (rows > (largest?.rows ?? 0)) largest = { file: file.path, group, rows };
    });
  if (!largest) return { pages: undefined, rows: 0 };
  const { file, group, rows } = largest;
  try {
    return { pages: pageSizes(file, group, rows), rows };
  } catch {
    // It is an estimate: what is wrong with the file the scan will tell, in better words.
    return { pages: undefined, rows };
  }
}
