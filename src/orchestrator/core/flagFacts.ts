/** What an output says of its rows, taken together. */
import { existsSync } from 'node:fs';
import { partFacts } from '../../bindings/native.ts';
import { type Database, literalPath, openMemory } from '../../duckdb/client.ts';
import { BatchCoreError } from '../../errors.ts';
import { damaged } from '../verify/verified.ts';

export interface FlagFacts {
  rows: number;
  flagged: number;
  /** Rows without a score. */
  unscored: number;
  lowestFlagged: number | null;
  /** The threshold lies at or above it, and below {@link lowestFlagged}. */
  highestUnflagged: number | null;
}

/**
 * Reads the columns `score` and `anomaly` of an output's files.
 *
 * @throws OUTPUT_DAMAGED for a file that is not there, has no such columns, or cannot be read.
 */
export async function readFlagFacts(paths: readonly string[]): Promise<FlagFacts> {
  const total: FlagFacts = { rows: 0, flagged: 0, unscored: 0, lowestFlagged: null, highestUnflagged: null };
  // Asked one by one, and first: DuckDB tells damage from a fault of ours in no words that could be relied on.
  for (const path of paths) refuseDamaged(path);
  const database = await openMemory({ files: paths });
  try {
    for (const path of paths) {
      const row = await readFlags(database, path);
      total.rows += Number(row?.['n']);
      total.flagged += Number(row?.['flagged']);
      total.unscored += Number(row?.['unscored']);
      total.lowestFlagged = extreme(Math.min, total.lowestFlagged, row?.['lowest']);
      total.highestUnflagged = extreme(Math.max, total.highestUnflagged, row?.['highest']);
    }
    return total;
  } finally {
    await database.close();
  }
}

async function readFlags(database: Database, path: string) {
  const query = `SELECT count(*) AS n, count(*) FILTER (anomaly) AS flagged, count(*) FILTER (score IS NULL) AS unscored,
    min(score) FILTER (anomaly) AS lowest, max(score) FILTER (NOT anomaly) AS highest FROM read_parquet($1)`;
  try {
    const [row] = await database.all(query, [literalPath(path)]);
    return row;
  } catch (cause) {
    const error = BatchCoreError.from(cause);
    if (error.code !== 'BUG') throw error;
    throw damaged(path, `its columns cannot be read: ${error.message}`);
  }
}

function refuseDamaged(path: string): void {
  if (!existsSync(path)) throw damaged(path, 'it is missing');
  try {
    partFacts(path);
  } catch (cause) {
    const error = BatchCoreError.from(cause);
    if (error.class !== 'DATA') throw error;
    throw damaged(path, error.message);
  }
}

function extreme(pick: (a: number, b: number) => number, before: number | null, value: unknown): number | null {
  if (typeof value !== 'number') return before;
  return before === null ? value : pick(before, value);
}
