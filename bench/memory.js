// Peak memory beside the least that `--memory` may be: for each case the run is given exactly that, as the program names
// it, and must stay below. Prints a table; fails when a peak is above its budget or a refusal names no least.
// Usage: node bench/memory.js [--quick] [--data data]
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';
import { MAIN, node } from './command.js';
import { generate } from './generate.js';

const { values } = parseArgs({
  options: { quick: { type: 'boolean', default: false }, data: { type: 'string', default: 'data' } },
});
const scratch = mkdtempSync(join(tmpdir(), 'batch-core-memory-'));
const data = values.quick ? scratch : values.data;
mkdirSync(data, { recursive: true });
const MIB = 2 ** 20;

/** `rows` rows of `columns` doubles that no codec shrinks, in row groups of `group` rows, each column's in one page. */
function wide(rows, columns, group) {
  const list = Array.from({ length: columns }, (_, j) => `(hash(i * 1000 + ${j}) >> 11)::DOUBLE * ${j + 1} AS f${j}`);
  return made(`wide-${rows}-${columns}-${group}`, list.join(', '), rows, group);
}

/** `rows` rows of a double and of `expression`, which is kept. */
function keeping(name, expression, rows) {
  return made(`kept-${name}-${rows}`, `(hash(i) >> 11)::DOUBLE AS x, ${expression} AS k`, rows, rows / 4);
}

async function made(name, columns, rows, group) {
  const path = join(data, `${name}.parquet`);
  if (existsSync(path)) return path;
  const instance = await DuckDBInstance.create(':memory:', { threads: '2' });
  const connection = await instance.connect();
  await connection.run(
    `COPY (SELECT ${columns} FROM range(${rows}) r(i)) TO '${path}.tmp' (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE ${group})`,
  );
  connection.closeSync();
  instance.closeSync();
  renameSync(`${path}.tmp`, path);
  return path;
}

async function gaussian(rows) {
  const path = join(data, `gaussian-${rows}.parquet`);
  await generate(rows, path);
  return path;
}

let round = 0;
/** Runs `score`; its peak and workers, or the error it ends with. */
async function score(file, ...flags) {
  const at = join(scratch, String(round++));
  mkdirSync(at);
  const args = [
    MAIN,
    'score',
    file,
    '-o',
    join(at, 'o.parquet'),
    '--home',
    join(at, 'home'),
    '--json',
    '--progress',
    'none',
  ];
  try {
    const { stdout } = await node([...args, ...flags]);
    return JSON.parse(stdout).resources;
  } catch (failure) {
    const json = /^\{.*$/m.exec(failure.message)?.[0];
    if (!json) throw failure;
    return JSON.parse(json);
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
}

/** The least that a run is told to need, asked for with a budget that cannot do. */
async function least(file, ...flags) {
  const { error } = await score(file, ...flags, '--memory', '1MiB');
  const named = /needs (\d+) MiB/.exec(error?.message ?? '')?.[1];
  if (error?.code !== 'MEMORY_TOO_SMALL' || !named) throw new Error(`1 MiB was not refused: ${JSON.stringify(error)}`);
  return Number(named);
}

let [passed, failed] = [0, 0];
const lines = [];
async function bench(what, file, ...flags) {
  try {
    const named = await least(file, ...flags);
    const tight = await score(file, ...flags, '--memory', `${named}MiB`, '-w', '4');
    if (tight.error) throw new Error(JSON.stringify(tight.error));
    const [peak, workers] = [tight.peakRssBytes / MIB, tight.workers];
    // Twice as much: more workers, and still below.
    const ample = await score(file, ...flags, '--memory', `${2 * named}MiB`, '-w', '4');
    const line = [
      what,
      `${named} MiB`,
      `${peak.toFixed(0)} MiB with ${workers}`,
      `${(ample.peakRssBytes / MIB).toFixed(0)} of ${2 * named} MiB with ${ample.workers}`,
    ];
    if (peak > named || ample.peakRssBytes / MIB > 2 * named) throw new Error(`above the budget: ${line.join(', ')}`);
    passed += 1;
    lines.push(line);
    process.stdout.write(`ok    ${line.join(', ')}\n`);
  } catch (error) {
    failed += 1;
    process.stdout.write(`FAIL  ${what}: ${error.message}\n`);
  }
}

/** Values that take less in the file than in a vector, and such that take as much. */
async function kept(rows) {
  const shared = await keeping('shared', 'repeat(chr(97 + (i % 5)::INT), 50000)', rows);
  await bench('kept text of 50 kB, five of them', shared, '--keep', 'k', '--chunk-rows', '2K');
  const lists = await keeping('lists', '[(hash(i * 2000 + j) >> 11)::DOUBLE FOR j IN range(500)]', rows);
  await bench('kept lists of 500 doubles', lists, '--keep', 'k', '--chunk-rows', '2K');
  const texts = "array_to_string([md5((i * 60 + j)::VARCHAR) FOR j IN range(60)], '')";
  const different = await keeping('different', texts, 3 * rows);
  await bench('kept text of 2 kB, all different', different, '--keep', 'k', '--chunk-rows', '2K');
}

if (values.quick) {
  await bench('zscore, 300 k x 10', await gaussian(300_000), '-d', 'zscore', '--chunk-rows', '128K');
  await kept(12_000);
  await bench('zscore, 1 M x 6 in 489 row groups', await wide(1_000_000, 6, 2048), '-d', 'zscore');
  await bench('auto, 60 k x 100', await wide(60_000, 100, 20_480), '-d', 'auto', '--chunk-rows', '20K');
} else {
  const [two, twenty] = [await gaussian(2_000_000), await gaussian(20_000_000)];
  for (const detector of ['zscore', 'hbos', 'mad', 'auto']) {
    await bench(`${detector}, 2 M x 10`, two, '-d', detector, '--chunk-rows', '250K');
    await bench(`${detector}, 20 M x 10`, twenty, '-d', detector);
  }
  await bench('auto, 20 M x 10, chunks of 250 K', twenty, '-d', 'auto', '--chunk-rows', '250K');
  await bench('auto, 2 M x 10, --top 100000', two, '-d', 'auto', '--top', '100000', '--chunk-rows', '250K');
  await bench('auto, 2 M x 10, --keep all', two, '-d', 'auto', '--keep', 'all', '--chunk-rows', '250K');
  await kept(200_000);
  const many = await wide(2_000_000, 2, 2048);
  await bench('auto, 2 M x 2 in 977 chunks', many, '-d', 'auto', '--chunk-rows', '2K');
  const more = await wide(5_000_000, 2, 2048);
  await bench(
    'auto, 5 M x 2 in 2,442 chunks, --top 100000',
    more,
    '-d',
    'auto',
    '--top',
    '100000',
    '--chunk-rows',
    '2K',
  );
  const groups = await wide(8_000_000, 6, 2048);
  await bench('auto, 8 M x 6 in 3,907 row groups', groups, '-d', 'auto');
  const big = await wide(4_000_000, 10, 1_000_000);
  await bench('auto, 4 M x 10 in row groups of 1 M', big, '-d', 'auto', '--chunk-rows', '1M');
  const hundred = await wide(2_000_000, 100, 122_880);
  for (const detector of ['zscore', 'hbos', 'mad', 'auto'])
    await bench(`${detector}, 2 M x 100`, hundred, '-d', detector, '--chunk-rows', '250K');
  await bench('zscore, 2 M x 100, --keep all', hundred, '-d', 'zscore', '--keep', 'all', '--chunk-rows', '250K');
  const thousand = await wide(200_000, 1000, 8192);
  for (const detector of ['zscore', 'auto'])
    await bench(`${detector}, 200 k x 1,000`, thousand, '-d', detector, '--chunk-rows', '32K');
}
rmSync(scratch, { recursive: true, force: true });
process.stdout.write(`\n| what | least | peak at the least | peak at twice as much |\n|---|---|---|---|\n`);
for (const line of lines) process.stdout.write(`| ${line.join(' | ')} |\n`);
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
