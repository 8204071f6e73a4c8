/** How often a fit reads its source: once, and a sixteenth of it before where medians are looked for. */
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { gaussian, parquet, run, scratch } from './harness.ts';

const directory = scratch();
const ROWS = 400_000;
const GROUP_ROWS = 2048;
const PILOT = Math.ceil(ROWS / GROUP_ROWS / 16);

/** Columns that are sorted, or alike within row groups and not between them; `id` is sorted anyway. */
const SHAPES = {
  sorted: 'exp(-i / 1e4)',
  files: `i % ${8 * GROUP_ROWS}`,
  keys: `hash(i // 7000) % 1000 + f0`,
  blocks: `hash(i // ${GROUP_ROWS}) % 5 + f0`,
  steps: 'i // 40000',
  zeros: 'if(hash(i) % 10 < 7, 0, f1)',
  sparse: `if(hash(i) % 100 < 95 - 90 * i // ${ROWS}, NULL, i / 1e5 + f0)`,
};

beforeAll(async () => {
  await parquet(join(directory, 'ids.parquet'), gaussian(ROWS), GROUP_ROWS);
  const columns = Object.entries(SHAPES).map(([name, cell]) => `(${cell})::DOUBLE AS ${name}`);
  const select = `SELECT *, ${columns.join(', ')} FROM (SELECT *, id AS i FROM (${gaussian(ROWS)}))`;
  await parquet(join(directory, 'shapes.parquet'), select, GROUP_ROWS);
});

it.each([
  ['ids', 'auto', PILOT],
  ['ids', 'mad', PILOT],
  ['ids', 'hbos', 0],
  ['shapes', 'auto', PILOT],
  ['shapes', 'mad', PILOT],
  ['shapes', 'hbos', 0],
])('%s are fitted by %s in one pass, after a pilot of %i row groups', async (source, detector, pilot) => {
  const args = [`${source}.parquet`, '-d', detector, '--chunk-rows', '65536', '-o', `${source}-${detector}.parquet`];
  const { code, stdout } = await run(directory, 'score', ...args, '--json', '--progress', 'none');
  expect(code).toBe(0);
  const { fit, chunks }: Report = JSON.parse(stdout);
  expect(chunks.planned).toBe(7);
  expect(fit).toMatchObject({ planned: pilot + chunks.planned, executed: pilot + chunks.planned });
});
