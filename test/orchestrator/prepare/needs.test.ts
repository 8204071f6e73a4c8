/** What a source's own page headers say of the memory that a scan of it takes. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, expect, it } from 'vitest';
import { needsOf } from '../../../src/orchestrator/prepare/needs.ts';
import { readFacts } from '../../../src/source/facts.ts';

const directory = mkdtempSync(join(tmpdir(), 'batch-core-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function made(name: string, query: string, rowGroupRows: number): Promise<string> {
  const path = join(directory, name);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(`COPY (${query}) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE ${rowGroupRows})`);
  connection.closeSync();
  instance.closeSync();
  return path;
}

const plain = { topRows: 0, chunks: 1 };
const numbers =
  'SELECT (hash(i) >> 11)::DOUBLE AS x, (hash(i + 7) >> 11)::DOUBLE AS y, i::VARCHAR AS t FROM range(61440) r(i)';

it('counts a whole column where the writer made one page of it, and of the columns that are read only', async () => {
  const facts = await readFacts([await made('a.parquet', numbers, 61_440)]);
  const { pageBytes, ...rest } = needsOf(facts, ['x', 'y'], [], plain);
  expect(pageBytes / (2 * 8 * 61_440)).toBeCloseTo(1, 2);
  expect(rest).toMatchObject({ rows: 61_440, columns: 2, keptRowBytes: 0, chunks: 1, topRows: 0 });
  expect(needsOf(facts, ['x'], [], plain).pageBytes).toBeCloseTo(pageBytes / 2, -3);
  // A column that is scored and kept is read once.
  expect(needsOf(facts, ['x'], ['x'], plain).pageBytes).toBe(needsOf(facts, ['x'], [], plain).pageBytes);
});

it('counts one page where there are many', async () => {
  const facts = await readFacts([resolve(import.meta.dirname, '../../fixtures/pages/v1-none.parquet')]);
  const { pageBytes } = needsOf(facts, ['x'], [], plain);
  expect(pageBytes).toBeGreaterThan(400);
  expect(pageBytes).toBeLessThan(1200);
});

it('takes the largest row group of all files, whatever their order', async () => {
  const small = await made('small.parquet', `${numbers} LIMIT 4096`, 2048);
  const large = await made('large.parquet', numbers, 61_440);
  const bytes = async (paths: string[]) => needsOf(await readFacts(paths), ['x', 'y'], [], plain).pageBytes;
  expect(await bytes([small, large])).toBe(await bytes([large]));
  expect(await bytes([large, small])).toBe(await bytes([large]));
  expect(await bytes([small])).toBeLessThan((await bytes([large])) / 20);
});

it('counts kept text by what it takes, and takes a name that is not in the file for a number', async () => {
  const facts = await readFacts([await made('b.parquet', numbers, 61_440)]);
  const { keptRowBytes } = needsOf(facts, ['x'], ['t'], plain);
  expect(keptRowBytes).toBeGreaterThan(8);
  expect(keptRowBytes).toBeLessThan(12);
  expect(needsOf(facts, ['x_1'], [], plain).pageBytes).toBe(8 * 61_440);
  expect(needsOf(facts, ['x'], [], { topRows: 1_000_000, chunks: 3 })).toMatchObject({ topRows: 61_440, chunks: 3 });
});

it('counts the row groups of the file with most of them, and all their columns', async () => {
  const few = await made('few.parquet', numbers, 61_440);
  const many = await made('many.parquet', numbers, 2048);
  const needs = needsOf(await readFacts([few, many]), ['x'], [], plain);
  expect(needs).toMatchObject({ rowGroups: 30, columnChunks: 90 });
});
