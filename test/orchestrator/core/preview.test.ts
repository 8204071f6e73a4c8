import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { planReport } from '../../../src/orchestrator/core/preview.ts';
import { needsOf } from '../../../src/orchestrator/prepare/needs.ts';
import { prepare } from '../../../src/orchestrator/prepare/prepare.ts';
import { relativeNames } from '../../../src/orchestrator/spec/jobSpec.ts';

const source = resolve(import.meta.dirname, '../../fixtures/pages/v1-none.parquet');
/** More than a function takes as arguments. */
const MANY = 200_000;

it('plans of any number of chunks and files are told', async () => {
  const prepared = await prepare('score', source, { detector: 'zscore' });
  const [chunk] = prepared.plan.chunks;
  const [file] = prepared.facts.files;
  const chunks = Array.from({ length: MANY }, (_, i) => ({ ...chunk!, chunkId: i, rows: i === 7 ? 9 : 3 }));
  const files = Array.from({ length: MANY }, () => file!);
  const facts = { ...prepared.facts, files };
  expect(planReport({ ...prepared, facts, plan: { ...prepared.plan, chunks } }, [])).toMatchObject({
    chunks: { planned: MANY, rowsMax: 9 },
    source: { files: MANY },
  });
  expect(needsOf(facts, ['x'], [], { topRows: 0, chunks: MANY })).toMatchObject({ chunks: MANY });
  expect(relativeNames(files.map((_, i) => `/a/${i}`))[MANY - 1]).toBe(String(MANY - 1));
});

it('says why a column is left out as the report will', async () => {
  const prepared = await prepare('score', resolve(import.meta.dirname, '../../fixtures/pages/wide-decimals.parquet'), {
    exclude: ['ok'],
  });
  expect(planReport(prepared, []).source.ignored).toEqual([
    { column: 'ok', reason: 'not selected' },
    { column: 'inner', reason: 'DECIMAL(50,2) of 21 bytes, which would be misread' },
  ]);
});

it('warns of nanoseconds that are cut off where they are kept or scored', async () => {
  const path = resolve(import.meta.dirname, '../../fixtures/pages/nanoseconds.parquet');
  const warnings = async (options: object) => planReport(await prepare('score', path, options), []).warnings;
  const cut = ['column "zoned" has nanoseconds and a time zone, and is read in microseconds: the rest is cut off'];
  expect(await warnings({ keep: 'all' })).toEqual(cut);
  expect(await warnings({ columns: ['x', 'zoned'] })).toEqual(cut);
  expect(await warnings({ keep: ['plain'] })).toEqual([]);
});
