/** `--fit-on` and `--fit-where`: known incidents, and the period under test, stay out of the fit. */
import { copyFileSync, mkdirSync, renameSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { dieTold, errorOf, gaussian, parquet, run, score, scratch, sha256, sql } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const ROWS = 40_000;
const DETECTORS = ['zscore', 'mad', 'ecod', 'auto'];
const CALM = 'not incident and id % 7 <> 3';

beforeAll(async () => {
  // Of every row group some rows are incidents, and of the last ones all.
  const incident = `hash(id) % 10 = 0 OR id >= ${ROWS - 5000} AS incident`;
  const select = `SELECT id, ${incident}, f0 + 50 * incident::INTEGER AS f0, f1, f2, 'a' || id % 3 AS name FROM (${gaussian(ROWS)})`;
  await parquet(at('all.parquet'), select, 2048);
  await parquet(at('calm.parquet'), `SELECT * FROM '${at('all.parquet')}' WHERE ${CALM} ORDER BY id`, 2048);
  mkdirSync(at('months'));
  for (const month of [1, 2])
    await parquet(at(`months/${month}.parquet`), `SELECT id, f0, f1, f2 FROM (${gaussian(9000 * month)})`, 2048);
});

const COLUMNS = ['--columns', 'f0,f1,f2', '--fit-rows', 'all'];

/** By how much scores differ, relative to themselves. */
async function difference(a: string, b: string): Promise<number> {
  const [row] = await sql(
    `SELECT max(abs(a.score - b.score) / greatest(abs(a.score), 1e-9)) AS most FROM '${at(a)}' a JOIN '${at(b)}' b USING (row)`,
  );
  return Number(row?.['most']);
}

describe.each(DETECTORS)('%s', (detector) => {
  it('fitted where a condition is true scores as fitted on a file of those rows', async () => {
    const [here, there] = [`${detector}-where.parquet`, `${detector}-there.parquet`];
    const given = ['-d', detector, ...COLUMNS];
    const where = await score(directory, 'all.parquet', ...given, '--fit-where', CALM, '-o', here);
    const on = await score(directory, 'all.parquet', ...given, '--fit-on', 'calm.parquet', '-o', there);
    expect(where.model.sourceRows).toBe(on.model.sourceRows);
    expect(where.output.rows).toBe(ROWS);
    // Sums of doubles are of other row groups.
    expect(await difference(here, there)).toBeLessThan(1e-9);
  });

  it('is the same for any chunks and workers, and as fitted before', async () => {
    const given = ['-d', detector, '--columns', 'f0,f1,f2', '--fit-where', CALM];
    const one = await score(directory, 'all.parquet', ...given, '-o', `${detector}-1.parquet`);
    const other = ['-e', 'sequential', '--chunk-rows', '2K', '-o', `${detector}-2.parquet`, '--fresh'];
    const two = await score(directory, 'all.parquet', ...given, ...other);
    expect(two.model.digest).toBe(one.model.digest);
    const saved = await run(directory, 'fit', 'all.parquet', ...given, '-m', `${detector}.bcm`, '--fresh', '--json');
    expect(JSON.parse(saved.stdout).model).toEqual(one.model);
  });

  it('fitted on another source is what that source is fitted to', async () => {
    const given = ['-d', detector, '--columns', 'f0,f1,f2'];
    const on = ['--fit-on', 'months', '-o', `${detector}-on.parquet`, '--fresh'];
    const report = await score(directory, 'all.parquet', ...given, ...on);
    expect(report).toMatchObject({ source: { rows: ROWS }, model: { sourceRows: 27_000 }, output: { rows: ROWS } });
    const saved = await run(directory, 'fit', 'months', ...given, '-m', `${detector}-on.bcm`, '--fresh', '--json');
    expect(JSON.parse(saved.stdout).model).toEqual(report.model);
    const by = ['-m', `${detector}-on.bcm`, '-o', `${detector}-saved.parquet`];
    expect((await score(directory, 'all.parquet', ...by)).anomalies).toEqual(report.anomalies);
    expect(await difference(`${detector}-on.parquet`, `${detector}-saved.parquet`)).toBe(0);
  });
});

it('a fit that a home has is not made again, whatever is scored by it', async () => {
  const given = ['-d', 'mad', '--columns', 'f0,f1', '--home', 'shared-home'];
  await run(directory, 'fit', 'months', ...given, '-m', 'shared.bcm');
  const report = await score(directory, 'all.parquet', ...given, '--fit-on', 'months', '-o', 'shared.parquet');
  expect(report.fit.planned).toBe(0);
  const plan = await run(
    directory,
    'plan',
    'calm.parquet',
    ...given,
    '--fit-on',
    'months',
    '-o',
    'p.parquet',
    '--json',
  );
  expect(JSON.parse(plan.stdout)).toMatchObject({ phases: ['score', 'publish'], fit: null });
  const where = ['--fit-on', 'months', '--fit-where', 'f0 > 1'];
  const told = await run(directory, 'plan', 'calm.parquet', ...given, ...where, '-o', 'p.parquet');
  expect(told.stdout).toContain('fit       on 27,000 rows of 2 files, where f0 > 1\n');
  expect(told.stdout).toContain('phases    fit-0 -> fit-1 ->');
});

it('a sample is of the rows of which the condition is true', async () => {
  const given = ['-d', 'iforest', '--columns', 'f0,f1', '--fit-rows', '1000', '--fit-where', 'incident'];
  const report = await score(directory, 'all.parquet', ...given, '-o', 'sampled.parquet');
  const [{ rows } = { rows: 0 }] = await sql(
    `SELECT count(*)::INTEGER AS rows FROM '${at('all.parquet')}' WHERE incident`,
  );
  expect(report.model).toMatchObject({ fitRows: 1000, sourceRows: rows });
});

it('columns that do not vary where the condition is true are left out, and said to be so of the fit', async () => {
  const given = ['-d', 'zscore', '--columns', 'f0,f1,incident', '--fit-where', 'NOT incident'];
  const { source } = await score(directory, 'all.parquet', ...given, '-o', 'constant.parquet');
  expect(source.ignored).toContainEqual({ column: 'incident', reason: 'constant in the fit' });
});

it('a row is not fitted on where the condition is null, and missing cells elsewhere are allowed', async () => {
  const select = `SELECT id, CASE WHEN id % 5 = 0 THEN NULL ELSE id % 2 = 0 END AS chosen,
    CASE WHEN id % 2 = 0 AND id % 5 <> 0 THEN f0 END AS f0 FROM (${gaussian(5000)})`;
  await parquet(at('gaps.parquet'), select, 2048);
  const given = ['-d', 'zscore', '--columns', 'f0', '--missing', 'error'];
  const fitted = await run(
    directory,
    'fit',
    'gaps.parquet',
    ...given,
    '--fit-where',
    'chosen',
    '-m',
    'gaps.bcm',
    '--json',
  );
  expect(JSON.parse(fitted.stdout).model).toMatchObject({ fitRows: 2000, sourceRows: 2000 });
  const refused = await run(
    directory,
    'fit',
    'gaps.parquet',
    ...given,
    '--fit-where',
    'id >= 4',
    '-m',
    'g.bcm',
    '--json',
  );
  expect(refused.code).toBe(65);
  expect(errorOf(refused).message).toContain('row 5 ');
});

it.each(['fit', 'score'])('a run that is killed while it begins to %s goes on to the same bytes', async (phase) => {
  const source = at('all.parquet');
  const options = { detector: 'hbos', columns: ['f0', 'f1'], chunkRows: 2048, fitOn: at('months'), fitWhere: 'f0 < 3' };
  const whole = await score(
    directory,
    ...[
      source,
      '-d',
      'hbos',
      '--columns',
      'f0,f1',
      '--chunk-rows',
      '2K',
      '--fit-on',
      'months',
      '--fit-where',
      'f0 < 3',
    ],
    ...['-o', 'whole.parquet', '--home', 'whole-home'],
  );
  const home = `killed-${phase}`;
  const id = dieTold(directory, source, { ...options, out: at(`${home}.parquet`), home }, { phase });
  const resumed = await run(directory, 'resume', id, '--home', home, '--json');
  expect(resumed.code, resumed.stdout + resumed.stderr).toBe(0);
  expect(sha256(at(`${home}.parquet`))).toBe(whole.output.sha256);
});

it('a job whose other source was replaced begins anew; one that is finished is recalled only while it is what it was', async () => {
  copyFileSync(at('calm.parquet'), at('other.parquet'));
  const given = ['-d', 'mad', '--columns', 'f0,f1', '--fit-on', 'other.parquet', '-o', 'replaced.parquet'];
  const first = await score(directory, 'all.parquet', ...given);
  expect((await score(directory, 'all.parquet', ...given)).recalled).toBe(true);
  utimesSync(at('other.parquet'), 1, 1);
  const touched = await score(directory, 'all.parquet', ...given);
  expect([touched.recalled, touched.output.sha256]).toEqual([false, first.output.sha256]);
  expect(touched.warnings.join()).toContain('other.parquet');
  renameSync(at('months/1.parquet'), at('other.parquet'));
  copyFileSync(at('other.parquet'), at('months/1.parquet'));
  expect((await score(directory, 'all.parquet', ...given, '--force')).output.sha256).not.toBe(first.output.sha256);
});

it('a file that is only fitted on is never written over', async () => {
  const args = ['all.parquet', '--fit-on', 'calm.parquet', '-o', 'calm.parquet', '--force', '--json'];
  const refused = await run(directory, 'score', ...args);
  expect([refused.code, errorOf(refused).where?.['file']]).toEqual([78, at('calm.parquet')]);
});

it.each([
  ['f0 > random()', 'USAGE', '--fit-where: "random" may answer otherwise in another run', 2],
  ['f9 > 1', 'COLUMN_NOT_FOUND', '--fit-where: there is no column "f9"', 78],
  ['f0 > 1e9', 'DATA', 'there are no rows to fit on where f0 > 1e9', 65],
  ['name::INTEGER > 1', 'CONFIG', 'in the rows where name::INTEGER > 1', 78],
])('--fit-where %j is refused in words', async (condition, code, said, exitCode) => {
  const refused = await run(directory, 'score', 'all.parquet', '--fit-where', condition, '-o', 'no.parquet', '--json');
  const error = errorOf(refused);
  expect([error.code, refused.code]).toEqual([code, exitCode]);
  expect(error.message).toContain(said);
});

it.each([
  "f0 > 1 -- 'quoted",
  "name LIKE 'a%' AND f0 BETWEEN -1 AND 1",
  "CASE WHEN id % 2 = 0 THEN true ELSE name IN ('a1', 'a2') END",
])('--fit-where %j is understood', async (condition) => {
  const args = [
    '--fit-where',
    condition,
    '-d',
    'zscore',
    '--columns',
    'f0,f1',
    '-o',
    'yes.parquet',
    '--fresh',
    '--force',
  ];
  const report = await score(directory, 'all.parquet', ...args);
  const [{ rows } = { rows: 0 }] = await sql(
    `SELECT count(*)::INTEGER AS rows FROM '${at('all.parquet')}' WHERE (${condition}\n)`,
  );
  expect(report.model.sourceRows).toBe(rows);
});

it.each([
  [['all.parquet', '--fit-on', 'nothing.parquet'], 'SOURCE_NOT_FOUND', 'nothing.parquet'],
  [['all.parquet', '--fit-on', 'months'], 'COLUMN_NOT_FOUND', '--fit-on: there is no column "incident"'],
  [
    ['all.parquet', '--columns', 'f0', '--fit-on', 'text.parquet'],
    'COLUMN_NOT_NUMERIC',
    '--fit-on: column "f0" is VARCHAR',
  ],
  [['all.parquet', '--columns', 'f0', '--fit-on', 'empty.parquet'], 'SOURCE_EMPTY', 'nothing to fit on'],
  [['all.parquet', '--fit-on', 'months', '-m', 'mad-on.bcm'], 'USAGE', '--fit-on: does not apply with --model'],
  [['all.parquet', '--fit-where', 'id > 1', '-m', 'mad-on.bcm'], 'USAGE', '--fit-where: does not apply with --model'],
])('%j is refused in words', async (args, code, said) => {
  await parquet(at('text.parquet'), "SELECT 'a' AS f0");
  await parquet(at('empty.parquet'), 'SELECT 1.0 AS f0 WHERE false');
  const error = errorOf(await run(directory, 'score', ...args, '-o', 'no.parquet', '--json'));
  expect(error.code).toBe(code);
  expect(error.message).toContain(said);
});
