// What must be true of an output before its speed is worth a line.
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from './generate.js';

/** The first row of what `query` finds. */
export async function one(query) {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(query)).getRowObjectsJS()[0];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Scores are the z-scores that SQL computes, row by row. */
export async function checkZ(file, out, rows) {
  const each = (text) => COLUMNS.map(text).join(', ');
  const { n, worst } = await one(`
    WITH m AS (SELECT ${each((f, j) => `avg(${f}) AS m${j}, stddev_pop(${f}) AS s${j}`)} FROM '${file}'),
    z AS (SELECT greatest(${each((f, j) => `abs((${f} - m${j}) / s${j})`)}) AS z FROM '${file}', m)
    SELECT count(*) AS n, max(abs(score - z) / greatest(1, z)) AS worst
    FROM (SELECT z, row_number() OVER () AS i FROM z) JOIN (SELECT score, row + 1 AS i FROM '${out}') USING (i)`);
  if (Number(n) !== rows) throw new Error(`${n} rows instead of ${rows}`);
  if (!(worst < 1e-9)) throw new Error(`scores differ from SQL's by ${worst}`);
}

/** Every row is there once, in order, with a finite score. */
export async function checkRows(out, rows) {
  const found = await one(
    `SELECT count(*) AS n, count(DISTINCT row) AS d, min(row) AS first, max(row) AS last, bool_and(isfinite(score)) AS finite FROM '${out}'`,
  );
  if (
    Number(found.n) !== rows ||
    Number(found.d) !== rows ||
    Number(found.first) !== 0 ||
    Number(found.last) !== rows - 1 ||
    !found.finite
  )
    throw new Error(
      `not every row once: ${JSON.stringify(found, (_, value) => (typeof value === 'bigint' ? Number(value) : value))}`,
    );
}

/** Sums of the same columns, taken in another order. */
export function checkSums(ours, theirs) {
  const differs = (sum, j) => !(Math.abs(sum - theirs[j]) <= 1e-6 + 1e-9 * Math.abs(sum));
  if (ours?.length !== COLUMNS.length || ours.some(differs)) throw new Error(`sums differ: ${ours}; ${theirs}`);
}

/** Rows to be looked at one by one: those of an output's beginning. */
const FIRST_ROWS = 1_000_000;

/** Each of `links` links to one file is scored as the file alone was: `alone` and `together` are outputs of one model. */
export async function checkTogether(alone, together, links) {
  const sums = 'count(*) AS n, count(*) FILTER (anomaly) AS flagged, bit_xor(hash(row, score)) AS bits';
  const { files, same } = await one(`
    SELECT count(*) AS files, bool_and(t.n = a.n AND t.flagged = a.flagged AND t.bits = a.bits) AS same
    FROM (SELECT file, ${sums} FROM '${together}' GROUP BY file) t, (SELECT ${sums} FROM '${alone}') a`);
  if (Number(files) !== links || !same) throw new Error(`${files} files; each as it is alone: ${same}`);
  const first = (path) => `(SELECT row, score FROM '${path}' LIMIT ${FIRST_ROWS})`;
  const found = await one(
    `SELECT bool_and(t.row = a.row AND t.score = a.score) AS same FROM ${first(together)} t POSITIONAL JOIN ${first(alone)} a`,
  );
  if (!found.same) throw new Error('the first rows are not those of the first file');
}

/** Every row has a finite score, and as many are flagged as were asked for, to four standard errors. */
export async function checkShare(out, report, rows, files) {
  const found = await one(
    `SELECT count(*) AS n, count(DISTINCT file) AS files, bool_and(isfinite(score)) AS finite, count(*) FILTER (anomaly) AS flagged FROM '${out}'`,
  );
  const { shareError, count } = report.anomalies;
  const [n, flagged] = [found.n, found.flagged].map(Number);
  const far = Math.abs(flagged / rows - 0.01) > 4 * (shareError ?? 0) + 1 / rows;
  if (n !== rows || Number(found.files) !== files || !found.finite || flagged !== count || far)
    throw new Error(`${n} rows of ${found.files} files, ${flagged} flagged, all finite: ${found.finite}`);
}

/** Exactly `top` of `rows` rows are flagged, and none of the others has a higher score. */
export async function checkTop(out, top, rows) {
  const found = await one(
    `SELECT count(*) AS n, count(*) FILTER (anomaly) AS flagged, min(score) FILTER (anomaly) AS last, max(score) FILTER (NOT anomaly) AS next FROM '${out}'`,
  );
  const [n, flagged] = [found.n, found.flagged].map(Number);
  if (n !== rows || flagged !== top || found.next > found.last)
    throw new Error(`${n} rows, ${flagged} flagged, down to ${found.last}; another has ${found.next}`);
}
