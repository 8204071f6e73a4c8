/** How often a fit reads its source: once, and a sixteenth of it before where medians are looked for. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { copyWithoutStatistics } from '../source/thrift.ts';
import { gaussian, parquet, run, score, scratch, sql } from './harness.ts';

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
  ['ids', 'mad', PILOT],
  ['ids', 'hbos', 0],
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

describe('every type that can be scored and has statistics', () => {
  // Beyond the sample, and no multiple of it.
  const rows = 140_000;
  const k = '(i * 7919 % 1009 - 500)';
  const time = `make_time(i * 7919 % 1009 // 60, i * 7919 % 60, 1.000001)`;
  const cells = {
    ...{ bool: `${k} > 0`, some: `if(i % 3 = 0, NULL, ${k} > 0)` },
    ...{
      i8: `(${k} % 120)::TINYINT`,
      i16: `(${k} * 60)::SMALLINT`,
      i32: `(${k} * 1e6)::INTEGER`,
      i64: `${k} * 2::BIGINT ** 50`,
    },
    ...{ u8: `abs(${k} % 250)::UTINYINT`, u16: `(${k} + 60000)::USMALLINT`, u32: `(${k} + 4e9)::UINTEGER` },
    ...{ u64: `9223372036854775808::UBIGINT + (${k} + 500)::UBIGINT * 1099511627776` },
    ...{ f32: `(${k} / 7)::FLOAT`, f64: `(${k} / 7)::DOUBLE` },
    ...{ d4: `(${k} / 10)::DECIMAL(4, 1)`, d9: `(${k} / 7)::DECIMAL(9, 3)`, d18: `(${k} * 1e6 / 7)::DECIMAL(18, 6)` },
    ...{ d38: `${k}::DECIMAL(38, 10) * 123456789`, d0: `${k}::DECIMAL(38, 0)` },
    ...{ date: `DATE '1970-01-01' + ${k}::INTEGER`, time, timeNs: `${time}::TIME_NS` },
    ...{ ts: `make_timestamp(${k} * 100000000001)`, tsNs: `make_timestamp_ns(${k} * 100000000000001)` },
    ...{
      tsS: `make_timestamp(${k} * 100000000000)::TIMESTAMP_S`,
      tsMs: `make_timestamp(${k} * 100000001000)::TIMESTAMP_MS`,
    },
    tz: `make_timestamp(${k} * 100000000001)::TIMESTAMPTZ`,
  };
  const columns = Object.keys(cells);
  const select = `SELECT ${Object.entries(cells).map(([name, cell]) => `${cell} AS ${name}`)} FROM range(${rows}) r(i)`;
  const scored = (source: string) =>
    score(directory, `${source}.parquet`, '-d', 'hbos', '--columns', columns.join(), '-o', `${source}.scores.parquet`);

  it.each(['v1', 'v2'])('is fitted in one pass, to the scores of a file without statistics: %s', async (version) => {
    const [with_, without] = [`types-${version}`, `types-${version}-untold`];
    const path = (name: string) => join(directory, `${name}.parquet`);
    await sql(`COPY (${select}) TO '${path(with_)}' (PARQUET_VERSION ${version}, ROW_GROUP_SIZE 30000)`);
    copyWithoutStatistics(path(with_), path(without));
    const [one, two] = [await scored(with_), await scored(without)];
    expect([one.fit.planned, two.fit.planned]).toEqual([1, 2]);
    expect(one.model.digest).toBe(two.model.digest);
    const scores = (name: string) => sql(`SELECT sum(hash(row, score)) AS sum FROM '${path(`${name}.scores`)}'`);
    expect(await scores(with_)).toEqual(await scores(without));
  });
});
