// What one would otherwise use: DuckDB alone, with as many threads as there are cores. One process per figure, so that
// memory and start-up are counted as for ours. Usage: node bench/rivals.js <sum|z-given|z-fitted> <file> [out]
// Prints {"seconds": time of the query, "answer": a checksum, "peakRssBytes"} as JSON.
import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { COLUMNS } from './generate.js';

const [, , mode, file, out] = process.argv;
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

const instance = await DuckDBInstance.create(':memory:');
const connection = await instance.connect();
const started = performance.now();
const result = await connection.runAndReadAll(queries[mode]);
const seconds = (performance.now() - started) / 1000;
const answer = result.getRowsJS()[0]?.map(Number);
const peak = /^VmHWM:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'));
process.stdout.write(`${JSON.stringify({ seconds, answer, peakRssBytes: Number(peak?.[1] ?? 0) * 1024 })}\n`);
