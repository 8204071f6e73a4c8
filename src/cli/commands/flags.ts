/** What an output says of its rows, taken together. */
import { literalPath, openMemory } from '../../duckdb/client.ts';

export interface FlagFacts {
  rows: number;
  flagged: number;
  /** Rows without a score. */
  unscored: number;
  lowestFlagged: number | null;
  /** The threshold lies at or above it, and below {@link lowestFlagged}. */
  highestUnflagged: number | null;
}

/** Reads the columns `score` and `anomaly` of an output's files. */
export async function readFlagFacts(paths: readonly string[]): Promise<FlagFacts> {
  const total: FlagFacts = { rows: 0, flagged: 0, unscored: 0, lowestFlagged: null, highestUnflagged: null };
  const database = await openMemory({ files: paths });
  try {
    for (const path of paths) {
      const [row] = await database.all(
        `SELECT count(*) AS n, count(*) FILTER (anomaly) AS flagged, count(*) FILTER (score IS NULL) AS unscored,
           min(score) FILTER (anomaly) AS lowest, max(score) FILTER (NOT anomaly) AS highest FROM read_parquet($1)`,
        [literalPath(path)],
      );
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

function extreme(pick: (a: number, b: number) => number, before: number | null, value: unknown): number | null {
  if (typeof value !== 'number') return before;
  return before === null ? value : pick(before, value);
}
