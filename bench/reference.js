// Ours beside the Python packages that people use, on the same rows and cores.
// Usage: node bench/reference.js --python <python with test/golden/requirements.txt> [--rows 2000000] [--rounds 3] [--only iforest,knn]
// Ours reads the file, scores, explains and writes: the score phase of the report. Theirs scores an array that lies in memory. What is
// measured is kept in bench/record/<processor>/<date>.reference.json, to be committed.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { inTurn, MAIN, median, node, score } from './command.js';
import { COLUMNS, generate } from './generate.js';
import { record } from './record.js';

const { values } = parseArgs({
  options: {
    python: { type: 'string', default: 'python3' },
    rows: { type: 'string', default: '2000000' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string' },
    data: { type: 'string', default: 'data' },
  },
});
const rounds = Number(values.rounds);
const threads = availableParallelism();
const scratch = mkdtempSync(join(tmpdir(), 'batch-core-bench-'));
const at = (name) => join(scratch, name);
const REFERENCE = fileURLToPath(new URL('./reference.py', import.meta.url));

/** Of the rows; those that take minutes get fewer. */
const CASES = { iforest: 1, mcd: 1, knn: 1, loda: 1, hbos: 1, ecod: 1, copod: 1, pca: 1, inne: 0.05, hst: 0.05 };
const chosen = (name) => values.only === undefined || values.only.split(',').includes(name);

function reference(name, file, rows, ...more) {
  const args = ['-W', 'ignore', REFERENCE, name, file, String(rows), String(threads), ...more];
  const { status, stdout, stderr } = spawnSync(values.python, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${values.python} ${args.join(' ')}: exit ${status}\n${stderr}`);
  return JSON.parse(stdout);
}

async function sql(query) {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  const rows = (await connection.runAndReadAll(query)).getRowObjectsJS();
  connection.closeSync();
  instance.closeSync();
  return rows;
}

/** How far up the planted rows are, 1 being all on top. */
async function plantedIn(output) {
  const [row] = await sql(
    `SELECT avg(place) FILTER (row % 100000 = 99999) / count(*) AS share
     FROM (SELECT row, row_number() OVER (ORDER BY score) - 1 AS place FROM '${output}')`,
  );
  return Number(row.share);
}

async function detector(name, rows) {
  const file = join(values.data, `gaussian-${rows}.parquet`);
  await generate(rows, file);
  const flags = ['-d', name, '--columns', COLUMNS.join(','), '--chunk-rows', '122880'];
  const ours = () => score(file, at('ours.parquet'), at('home'), ...flags);
  await ours();
  const planted = await plantedIn(at('ours.parquet'));
  const times = await inTurn(rounds, { ours, theirs: async () => reference(name, file, rows) });
  const [theirs] = times.theirs;
  // Both know what was planted; a detector that does not is not compared with one that does.
  if (planted < Math.min(0.999, theirs.planted - 0.001))
    throw new Error(`${name}: planted rows at ${planted}, theirs at ${theirs.planted}`);
  const [o, t] = [
    times.ours.map(({ report }) => report.timing.scoreSeconds),
    times.theirs.map((one) => one.seconds),
  ].map(median);
  return {
    ...{
      what: `${name}, ${rows} rows`,
      version: theirs.version,
      ours: rows / o,
      theirs: rows / t,
      planted,
      plantedTheirs: theirs.planted,
    },
    text: `${(t / o).toFixed(1)}x: ours ${(rows / o / 1e6).toFixed(2)} M rows/s with reading and output, ${theirs.version} ${(rows / t / 1e6).toFixed(3)} M in memory`,
  };
}

async function evaluation(rows) {
  const plain = join(values.data, `gaussian-${rows}.parquet`);
  await generate(rows, plain);
  const file = at('labelled.parquet');
  await sql(
    `COPY (SELECT *, id % 100000 = 99999 AS planted FROM '${plain}') TO '${file}' (FORMAT parquet, ROW_GROUP_SIZE 122880)`,
  );
  const [output, home] = [at('scores.parquet'), at('home')];
  await score(file, output, home, '-d', 'zscore', '--columns', COLUMNS.join(','));
  const ours = () => node([MAIN, 'evaluate', output, '--label', 'planted', '--home', home, '--json']);
  const times = await inTurn(rounds, { ours, theirs: async () => reference('evaluate', file, rows, output) });
  const { auroc, averagePrecision } = JSON.parse(times.ours[0].stdout);
  const [theirs] = times.theirs;
  for (const [i, figure] of [auroc, averagePrecision].entries())
    if (Math.abs(figure - theirs.answer[i]) > 1e-9) throw new Error(`evaluate: ${figure}, theirs ${theirs.answer[i]}`);
  const [o, t] = [times.ours.map(({ wallSeconds }) => wallSeconds), times.theirs.map((one) => one.seconds)].map(median);
  return {
    ...{ what: `evaluate, ${rows} rows`, version: theirs.version, ours: rows / o, theirs: rows / t },
    text: `${(t / o).toFixed(1)}x: ours ${o.toFixed(2)} s, the whole command; pandas with ${theirs.version} ${t.toFixed(2)} s`,
  };
}

const cases = [];

/** One line of the table; a case whose answer is wrong fails, however fast it was. */
async function told(run) {
  try {
    const { text, ...measured } = await run();
    cases.push(measured);
    process.stdout.write(`ok    ${measured.what}: ${text}\n`);
  } catch (error) {
    process.exitCode = 1;
    process.stdout.write(`FAIL  ${error.stack}\n`);
  }
}

try {
  const rows = Number(values.rows);
  for (const [name, share] of Object.entries(CASES))
    if (chosen(name)) await told(() => detector(name, Math.max(100_000, rows * share)));
  if (chosen('evaluate')) await told(() => evaluation(rows));
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
if (values.only === undefined && process.exitCode === undefined)
  process.stdout.write(`${record({ rows: Number(values.rows), rounds }, cases, 'reference')}\n`);
