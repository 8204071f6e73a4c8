// How time grows with the number of columns: a z-score run, which reads the source twice, beside DuckDB's own SELECT *.
// Usage: node bench/columns.js [columns ...]        (default: 1000 5000 20000)
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { score } from './command.js';

const asked = process.argv.slice(2).map(Number);
const ROWS = 20;
const scratch = mkdtempSync(join(tmpdir(), 'batch-core-columns-'));
const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
const connection = await instance.connect();
try {
  process.stdout.write('| columns | DuckDB, one SELECT * | score, two passes | ratio |\n|---|---|---|---|\n');
  for (const columns of asked.length > 0 ? asked : [1000, 5000, 20_000]) {
    const file = join(scratch, `${columns}.parquet`);
    const list = Array.from({ length: columns }, (_, j) => `((i * ${j + 1}) % 97)::DOUBLE AS c${j}`);
    await connection.run(`COPY (SELECT ${list.join(', ')} FROM range(${ROWS}) r(i)) TO '${file}' (FORMAT parquet)`);
    const started = performance.now();
    const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
    const seconds = (performance.now() - started) / 1000;
    const at = join(scratch, `out-${columns}`);
    mkdirSync(at);
    const { wallSeconds, report } = await score(file, join(at, 'o.parquet'), join(at, 'home'), '-d', 'zscore');
    if (reader.currentRowCount !== ROWS || report.output.rows !== ROWS) throw new Error('rows were lost');
    const figures = [
      columns,
      `${seconds.toFixed(2)} s`,
      `${wallSeconds.toFixed(2)} s`,
      (wallSeconds / seconds).toFixed(1),
    ];
    process.stdout.write(`| ${figures.join(' | ')} |\n`);
  }
} finally {
  connection.closeSync();
  instance.closeSync();
  rmSync(scratch, { recursive: true, force: true });
}
