/** Infinities, numbers at the ends of all doubles, and integers that no double tells apart: scored, or left out in words that are so. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { errorOf, parquet, run, score, scratch, sql, start } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const DETECTORS = ['zscore', 'hbos', 'mad', 'auto'];

describe.each(DETECTORS)('%s', (detector) => {
  it.each([
    ['an infinity beside normals', `CASE WHEN i = 150 THEN 'inf'::DOUBLE ELSE sin(i) END`],
    ['an infinity beside a constant', `CASE WHEN i = 150 THEN '-inf'::DOUBLE ELSE 5.0::DOUBLE END`],
    ['1e-200', '(CASE WHEN i = 150 THEN 12 ELSE sin(i) END) * 1e-200'],
    ['subnormals', '(CASE WHEN i = 150 THEN 12 ELSE sin(i) END) * 1e-310'],
    ['1e300', '(CASE WHEN i = 150 THEN 12 ELSE sin(i) END) * 1e300'],
    ['one of 1e151', 'CASE WHEN i = 150 THEN 1e151 ELSE (i % 10)::DOUBLE END'],
    ['integers near 2^62', '(4611686018427387904 + (CASE WHEN i = 150 THEN 200 ELSE i % 5 END) * 4096)::BIGINT'],
  ])('scores a column of %s and puts its odd row first', async (name, cell) => {
    const source = await parquet(at(`${name}.parquet`), `SELECT ${cell} AS x FROM range(200) t(i)`);
    const report = await score(directory, source, '-d', detector, '-o', at(`${detector} ${name}.parquet`));
    expect(report.source.columns).toEqual(['x']);
    expect(report.source.ignored).toEqual([]);
    expect(report.anomalies?.top[0]).toMatchObject({ row: 150 });
    const [row] = await sql(
      `SELECT bool_and(isfinite(score)) AS finite, count(*) FILTER (score = (SELECT max(score) FROM '${at(`${detector} ${name}.parquet`)}')) AS highest
       FROM '${at(`${detector} ${name}.parquet`)}'`,
    );
    expect(row).toMatchObject({ finite: true, highest: '1' });
  });
});

describe('what is left out', () => {
  const source = at('left out.parquet');
  const select = `SELECT sin(i) AS x, 4611686018427387904 + i AS ids, 4611686018427387904 AS id, NULL::DOUBLE AS nothing,
    (1 + i * 1e-30::DECIMAL(38,30))::DECIMAL(38,30) AS price, 2.5::DECIMAL(9,2) AS rate, 'inf'::DOUBLE AS wild FROM range(200) t(i)`;

  it('is said with its own reason, and integers and decimals that are equal as doubles with a warning', async () => {
    await parquet(source, select);
    const report = await score(
      directory,
      source,
      '-d',
      'mad',
      '-o',
      at('left.scores.parquet'),
      '--save-model',
      at('m.bcm'),
    );
    expect(report.source.ignored).toEqual([
      { column: 'ids', reason: 'equal as doubles' },
      { column: 'id', reason: 'constant' },
      { column: 'nothing', reason: 'empty' },
      { column: 'price', reason: 'equal as doubles' },
      { column: 'rate', reason: 'constant' },
      { column: 'wild', reason: 'constant' },
    ]);
    expect(report.warnings.filter((warning) => warning.includes('equal as doubles'))).toHaveLength(2);
    expect(report.warnings.join()).toContain('"ids"');
    const inspected = JSON.parse((await run(directory, 'inspect', at('m.bcm'), '--json')).stdout);
    expect(inspected.missing).toBe('center');
    expect(inspected.leftOut).toContainEqual({ column: 'nothing', reason: 'empty', mayBeRounded: false });
    expect(inspected.leftOut).toContainEqual({
      column: 'wild',
      reason: 'constant',
      value: 'Infinity',
      mayBeRounded: false,
    });
    expect(inspected.leftOut).toContainEqual({ column: 'ids', reason: 'constant', value: 2 ** 62, mayBeRounded: true });
  });

  it('is said column by column where nothing is left', async () => {
    const refused = errorOf(
      await run(directory, 'score', source, '--exclude', 'x', '-o', at('none.parquet'), '--json'),
    );
    expect(refused).toMatchObject({ code: 'DATA', hint: 'choose columns that differ from row to row' });
    expect(refused.message).toContain('"price", "rate", "wild" are constant');
    expect(refused.message).toContain('"ids", "id" are equal as doubles');
    expect(refused.message).toContain('"nothing" is empty');
    const one = await parquet(at('one.parquet'), 'SELECT 1.5 AS x, 2 AS y');
    const lonely = errorOf(await run(directory, 'score', one, '-o', at('one.scores.parquet'), '--json'));
    expect(lonely).toMatchObject({ code: 'DATA', message: expect.stringContaining('1 row: nothing to compare') });
    expect(lonely.hint).toContain('more rows');
  });
});

it('refuses a CPU level that there is not, naming those there are', async () => {
  const source = await parquet(at('level.parquet'), 'SELECT sin(i) AS x FROM range(200) t(i)');
  const args = ['score', source, '-o', at('level.scores.parquet'), '--json'];
  const refused = errorOf(await start(directory, args, { BATCH_CORE_LEVEL: 'axv2' }).ended);
  expect(refused).toMatchObject({ code: 'CONFIG', message: expect.stringContaining('this CPU has baseline') });
  const allowed = await start(directory, args, { BATCH_CORE_LEVEL: 'baseline' }).ended;
  expect(allowed.code).toBe(0);
});
