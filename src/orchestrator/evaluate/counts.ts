/** Rows of an output with their labels, counted: DuckDB reads, sorts and sums, and every sum is of whole numbers. */
import { type Database, literalPath, type Parameter, quoteName, type Row } from '../../duckdb/client.ts';
import { BatchCoreError } from '../../errors.ts';
import { PRECISION_UNITS, type Ranking, type Tally } from './evaluation.ts';
import { WRONG } from './label.ts';
import type { Piece, Range, Stretch } from './pieces.ts';

/** A file, with the numbers of its rows, which also let DuckDB leave out row groups. */
const rowsOf = (parameter: string) =>
  `read_parquet(${parameter}, file_row_number = true, hive_partitioning = false, union_by_name = false)`;

/** The column of labels: what it is called, and what a row says by it (label.ts). */
export interface Label {
  column: string;
  sql: string;
}

/** Makes the place for what is counted. */
export async function begin(database: Database): Promise<void> {
  await database.run('CREATE TEMP TABLE scored (score DOUBLE, label TINYINT, flagged BOOLEAN)');
}

/** Which rows of the source a file of the output has; `namesFiles`: of several files. */
export async function readStretches(database: Database, part: string, namesFiles: boolean): Promise<Stretch[]> {
  const rows = await database.all(
    `SELECT ${namesFiles ? '"file"' : "''"} AS name, count(*) AS n, min("row") AS low, max("row") AS high,
       min(file_row_number) AS first, max(file_row_number) AS last
     FROM ${rowsOf('$1')} GROUP BY ALL ORDER BY first`,
    [literalPath(part)],
  );
  return rows.map((row) => ({
    part,
    name: String(row['name']),
    rows: Number(row['n']),
    rowFirst: Number(row['low']),
    rowLast: Number(row['high']),
    placeFirst: Number(row['first']),
    placeLast: Number(row['last']),
  }));
}

/** Takes the rows of a piece, each with the label that the source has in that row. */
export async function takePiece(database: Database, piece: Piece, label: Label): Promise<void> {
  const { sql, parameters } = besideLabels(piece, label);
  await database.run(`INSERT INTO scored SELECT score, label, anomaly FROM ${sql}`, parameters);
}

/** The same of a file of the output that has the labels itself. */
export async function takeKept(database: Database, part: string, { sql }: Label): Promise<void> {
  await database.run(`INSERT INTO scored SELECT score, ${sql}, anomaly FROM ${rowsOf('$1')}`, [literalPath(part)]);
}

/** Reads all that is read of a file of the output, to learn whether it can be. */
export async function touchScores(database: Database, part: string): Promise<void> {
  await database.all(`SELECT sum("row"), sum(score), bool_or(anomaly) FROM ${rowsOf('$1')}`, [literalPath(part)]);
}

/** A cell that is no label. */
export interface WrongLabel {
  /** The file that has it. */
  path: string;
  row: number;
  cell: string;
}

/** The first of a piece. */
export async function wrongIn(database: Database, piece: Piece, label: Label): Promise<WrongLabel | undefined> {
  const { sql, parameters } = besideLabels(piece, label);
  const [row] = await database.all(
    `SELECT place, "row", cell FROM ${sql} WHERE label = ${WRONG} ORDER BY place, "row" LIMIT 1`,
    parameters,
  );
  return row && wrongLabel(row, piece.ranges[Number(row['place'])]?.path ?? '');
}

/** The first of a file of the output that has the labels itself. */
export async function wrongInKept(database: Database, part: string, label: Label): Promise<WrongLabel | undefined> {
  const [row] = await database.all(
    `SELECT "row", ${quoteName(label.column)}::VARCHAR AS cell FROM ${rowsOf('$1')}
     WHERE ${label.sql} = ${WRONG} ORDER BY file_row_number LIMIT 1`,
    [literalPath(part)],
  );
  return row && wrongLabel(row, part);
}

const wrongLabel = (row: Row, path: string): WrongLabel => ({
  path,
  row: Number(row['row']),
  cell: String(row['cell']),
});

/** What stands after FROM: the rows of a piece with `row`, `score`, `anomaly`, `label`, and `cell` and `place` of that. */
function besideLabels(piece: Piece, { column, sql: label }: Label): { sql: string; parameters: Parameter[] } {
  const parameters: Parameter[] = [];
  const place = (value: Parameter) => `$${parameters.push(value)}`;
  const several = piece.ranges.length > 1;
  const scores = scoresOf(piece, place, several);
  const labels = piece.ranges.map(
    ({ path, name, rowFirst, rowLast }, i) =>
      `SELECT file_row_number AS "row", ${label} AS label, ${quoteName(column)}::VARCHAR AS cell, ${i} AS place
         ${several ? `, ${place(name)} AS "file"` : ''} FROM ${rowsOf(place(literalPath(path)))}
       WHERE file_row_number BETWEEN ${place(rowFirst)} AND ${place(rowLast)}`,
  );
  const key = several ? '"file", "row"' : '"row"';
  return { sql: `(${scores}) JOIN (${labels.join(' UNION ALL ')}) USING (${key})`, parameters };
}

/** The rows of a piece as the output has them. */
function scoresOf(
  { part, placeFirst, placeLast, ranges }: Piece,
  place: (value: Parameter) => string,
  several: boolean,
): string {
  const [low, high] = boundsOf(ranges);
  const name = ranges[0]?.name ?? '';
  return `SELECT "row", score, anomaly ${several ? ', "file"' : ''}
    FROM ${rowsOf(place(literalPath(part)))}
    WHERE file_row_number BETWEEN ${place(placeFirst)} AND ${place(placeLast)}
      AND "row" BETWEEN ${place(low)} AND ${place(high)}
      ${several || name === '' ? '' : `AND "file" = ${place(name)}`}`;
}

function boundsOf(ranges: readonly Range[]): [low: number, high: number] {
  return [
    ranges.reduce((least, { rowFirst }) => Math.min(least, rowFirst), Number.POSITIVE_INFINITY),
    ranges.reduce((most, { rowLast }) => Math.max(most, rowLast), 0),
  ];
}

const USABLE = `score IS NOT NULL AND label IN (0, 1)`;

/** Counts what was taken. */
export async function readTally(database: Database): Promise<Tally> {
  const [row] = await database.all(
    `SELECT count(*) AS rows, count(*) FILTER (label = ${WRONG}) AS wrong,
       count(*) FILTER (score IS NULL) AS "withoutScore",
       count(*) FILTER (score IS NOT NULL AND label IS NULL) AS "withoutLabel",
       count(*) FILTER (${USABLE}) AS evaluated, count(*) FILTER (${USABLE} AND label = 1) AS positives,
       count(*) FILTER (${USABLE} AND flagged) AS flagged,
       count(*) FILTER (${USABLE} AND flagged AND label = 1) AS "flaggedPositives"
     FROM scored`,
  );
  if (!row) throw new BatchCoreError('BUG', 'a count without an answer');
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, Number(value)])) as unknown as Tally;
}

/**
 * Goes through the distinct scores, the highest first: windows without an order stream over the sorted rows. Only scores of
 * positives add to the sums, and only for them anything is multiplied.
 */
export async function readRanking(database: Database, { evaluated, positives }: Tally): Promise<Ranking> {
  const [row] = await database.all(
    `WITH sorted AS (SELECT score, label FROM scored WHERE ${USABLE} ORDER BY score DESC),
       counted AS (SELECT score, lead(score) OVER () AS next, row_number() OVER () AS n,
         count(*) FILTER (label = 1) OVER (ROWS UNBOUNDED PRECEDING) AS hits FROM sorted),
       ends AS (SELECT n, hits FROM counted WHERE next IS NULL OR next <> score),
       scores AS (SELECT n, hits, n - lag(n, 1, 0) OVER () AS rows, hits - lag(hits, 1, 0) OVER () AS positives FROM ends)
     SELECT sum(CASE WHEN positives > 0 THEN positives::HUGEINT * (2 * ($1 - (n - hits)) + rows - positives) END) AS pairs,
       sum(CASE WHEN positives > 0 THEN positives::HUGEINT * (hits::DOUBLE / n::DOUBLE * $2)::BIGINT END) AS precisions,
       coalesce(max(n) FILTER (n <= $3), 0) AS "topRows", coalesce(max(hits) FILTER (n <= $3), 0) AS "topPositives"
     FROM scores`,
    [evaluated - positives, Number(PRECISION_UNITS), positives],
  );
  if (!row) throw new BatchCoreError('BUG', 'a ranking without an answer');
  const whole = (name: string) => BigInt(row[name] as number | bigint);
  return {
    pairs: whole('pairs'),
    precisions: whole('precisions'),
    topRows: Number(row['topRows']),
    topPositives: Number(row['topPositives']),
  };
}
