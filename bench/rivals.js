// What one would otherwise use: DuckDB alone. One process per figure, so that start-up is counted as for ours.
// Usage: node bench/rivals.js <sum|z-given|z-fitted> <file> <threads> [out]
// Prints {"seconds": time of the query, "answer": the numbers of its first row} as JSON: the sums, or the rows that were written.
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from './generate.js';

const [, , mode, file, threads, out] = process.argv;
const each = (text) => COLUMNS.map(text).join(', ');
const source = `read_parquet('${file}')`;
const copy = (query) =>
  `COPY (${query}) TO '${out}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 122880)`;
const queries = {
  sum: `SELECT ${each((f) => `sum(${f}) AS ${f}`)} FROM ${source}`,
  'z-given': copy(
    `SELECT id AS row, greatest(${each((f, j) => `abs((${f} - ${j}) / ${1 + j})`)}) AS score, score > 4 AS anomaly FROM ${source}`,
  ),
  'z-fitted': copy(
    `WITH m AS (SELECT ${each((f, j) => `avg(${f}) AS m${j}, stddev_pop(${f}) AS s${j}`)} FROM ${source})
     SELECT id AS row, greatest(${each((f, j) => `abs((${f} - m${j}) / s${j})`)}) AS score, score > 4 AS anomaly FROM ${source}, m`,
  ),
};

const instance = await DuckDBInstance.create(':memory:', { threads });
const connection = await instance.connect();
const started = performance.now();
const result = await connection.runAndReadAll(queries[mode]);
const seconds = (performance.now() - started) / 1000;
const answer = result.getRowsJS()[0]?.map(Number);
process.stdout.write(`${JSON.stringify({ seconds, answer })}\n`);
