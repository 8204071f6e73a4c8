/** DuckDB is opened for a source's columns only where a footer does not tell them. */
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import { openMemory } from '../../src/duckdb/client.ts';
import { readFacts } from '../../src/source/facts.ts';
import { parquet, scratch } from '../cli/harness.ts';
import { footerOf, writeFile } from './thrift.ts';

// The real one, whose calls are counted.
vi.mock('../../src/duckdb/client.ts', async (original) => {
  const client = await original<typeof import('../../src/duckdb/client.ts')>();
  return { ...client, openMemory: vi.fn(client.openMemory) };
});

const directory = scratch();

it.each<[string, number, Record<string, string>]>([
  ['one plain file', 0, { 'plain.parquet': "1 AS a, 2.5 AS b, 'x' AS c" }],
  ['two that spell one schema differently', 0, { 'a.parquet': '1 AS a', 'b.parquet': 'NULL::INTEGER AS a' }],
  ['a list', 1, { 'list.parquet': '1 AS a, [1] AS l' }],
  ['an interval', 1, { 'interval.parquet': 'INTERVAL 1 DAY AS i' }],
  ['a plain one and one that is not', 1, { 'c.parquet': '1 AS a', 'd.parquet': '1 AS a, [1] AS l' }],
  ['a path that DuckDB takes for a pattern', 1, { 'data[1].parquet': '1 AS a' }],
])('%s: %i times', async (_, times, files) => {
  const paths: string[] = [];
  for (const [name, columns] of Object.entries(files))
    paths.push(await parquet(join(directory, name), `SELECT ${columns}`));
  vi.mocked(openMemory).mockClear();
  await readFacts(paths).catch((error: unknown) => expect(error).toMatchObject({ code: 'SCHEMA_MISMATCH' }));
  expect(openMemory).toHaveBeenCalledTimes(times);
});

it('so it is for names that it tells apart by no more than case, and then they come with those in the file', async () => {
  const path = join(directory, 'case.parquet');
  writeFile(
    path,
    footerOf(
      ['x', 'X', 'y'].map((name) => [
        [1, { short: 5 }],
        [3, { short: 0 }],
        [4, name],
      ]),
    ),
  );
  vi.mocked(openMemory).mockClear();
  const { columns } = await readFacts([path]);
  expect(columns.map(({ name, nameInFile }) => [name, nameInFile])).toEqual([
    ['x', undefined],
    ['X_1', 'X'],
    ['y', undefined],
  ]);
  expect(openMemory).toHaveBeenCalledTimes(1);
});
