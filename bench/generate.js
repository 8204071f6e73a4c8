// Writes the benches' data: `rows` rows of id BIGINT and f0..f9 DOUBLE, Gaussian, zstd Parquet, row groups of 122,880.
// The same rows for any number of threads. Usage: node bench/generate.js <rows> <path>
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { dirname } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';

export const COLUMNS = Array.from({ length: 10 }, (_, j) => `f${j}`);

/** Column j has mean j and standard deviation 1 + j. Every 100,000th row is an outlier in every column. */
export async function generate(rows, path) {
  if (existsSync(path)) return;
  mkdirSync(dirname(path), { recursive: true });
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  const uniform = (salt) => `((hash(i * 64 + ${salt}) >> 11)::DOUBLE + 1) / 9007199254740993.0`;
  const columns = COLUMNS.map(
    (name, j) =>
      `(${j} + ${1 + j} * (CASE WHEN i % 100000 = 99999 THEN 12 ELSE 1 END) * sqrt(-2 * ln(${uniform(2 * j)})) * cos(6.283185307179586 * ${uniform(2 * j + 1)})) AS ${name}`,
  );
  await connection.run(
    `COPY (SELECT i AS id, ${columns.join(', ')} FROM range(${Number(rows)}) r(i)) TO '${path}.tmp' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 122880)`,
  );
  connection.closeSync();
  instance.closeSync();
  renameSync(`${path}.tmp`, path);
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const [, , rows = '20000000', path = 'data/gaussian-20m.parquet'] = process.argv;
  await generate(rows, path);
}
