// What must be true of an output before its speed is worth a line.
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from './generate.js';

async function one(query) {
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
