/** The main job on real files: what comes out, and that it comes out the same however it ran. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { RESULT_VERSION } from '../../src/orchestrator/spec/resultVersion.ts';
import { gaussian, parquet, run, score, scratch, sha256, sql } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const DETECTORS = ['zscore', 'hbos', 'mad', 'auto'];

beforeAll(async () => {
  // 40 row groups; row 31,234 is an outlier in f1 alone, and all of the last 300 rows are unusual together.
  await parquet(
    at('data.parquet'),
    `SELECT id, f0, CASE WHEN id = 31234 THEN 1000 ELSE f1 END AS f1, CASE WHEN id >= 79700 THEN f2 + 60 ELSE f2 END AS f2,
       'row ' || id AS label, id % 7 = 0 AS weekly, 3.5 AS constant, CASE WHEN id % 1000 = 5 THEN NULL ELSE f0 * 2 END AS gaps
     FROM (${gaussian(80_000)})`,
  );
});

it('leaves out what numbers the rows, says so, and scores it where it is named', async () => {
  await parquet(
    at('numbered.parquet'),
    `SELECT (5000 - i)::INTEGER AS id, i * 10 AS key, i::DOUBLE AS position, (i * 7919) % 1000 AS code, sin(i) AS x FROM range(5000) r(i)`,
  );
  const found = async (...flags: string[]) =>
    (await score(directory, 'numbered.parquet', '-d', 'zscore', '-o', 'numbered-out.parquet', '--force', ...flags))
      .source;
  const { columns, ignored } = await found();
  expect(columns).toEqual(['position', 'code', 'x']);
  expect(ignored).toEqual([
    { column: 'id', reason: 'identifier' },
    { column: 'key', reason: 'identifier' },
  ]);
  expect((await found('--columns', 'id,x')).columns).toEqual(['id', 'x']);
  expect((await found('--exclude', 'code')).columns).toEqual(['position', 'x']);
});

describe.each(DETECTORS)('%s', (detector) => {
  it('scores every row once, in order, and finds the planted outlier and the ones that share a chunk', async () => {
    const report = await score(
      directory,
      'data.parquet',
      '-d',
      detector,
      '-o',
      `${detector}.parquet`,
      '--exclude',
      'id',
      '--chunk-rows',
      '10K',
    );
    expect(report.output.rows).toBe(80_000);
    expect(report.source.columns).toEqual(['f0', 'f1', 'f2', 'weekly', 'gaps']);
    expect(report.source.ignored).toEqual([
      { column: 'id', reason: 'not selected' },
      { column: 'label', reason: 'VARCHAR' },
      { column: 'constant', reason: 'constant' },
    ]);
    const [row] =
      await sql(`SELECT count(*) AS n, count(DISTINCT row) AS d, bool_and(row = rn) AS ordered, bool_and(isfinite(score)) AS finite,
        count(*) FILTER (anomaly) AS flagged, count(*) FILTER (anomaly AND row >= 79700) AS late, arg_max(row, score) AS highest,
        bool_and(anomaly = (reasons IS NOT NULL)) AS explained
      FROM (SELECT *, row_number() OVER () - 1 AS rn FROM '${at(`${detector}.parquet`)}')`);
    expect(row).toMatchObject({ n: '80000', d: '80000', ordered: true, finite: true, explained: true });
    expect(Number(row?.['flagged'])).toBe(report.anomalies?.count);
    // A share of 1 %, less what ties with the threshold: only rows above it are flagged.
    expect(Number(row?.['flagged'])).toBeLessThanOrEqual(800);
    // Ten bins over a range that one outlier stretched see little; everything else sees nearly all of them.
    const late = Number(row?.['late']);
    if (detector === 'zscore' || detector === 'mad') expect(late).toBeGreaterThan(285);
    else expect(late / Number(row?.['flagged'])).toBeGreaterThan((10 * 300) / 80_000);
    expect(report.anomalies?.top[0]?.row).toBe(Number(row?.['highest']));
    if (detector !== 'hbos') expect(Number(row?.['highest'])).toBe(31_234);
    expect(report.anomalies?.top.find((top) => top.row === 31_234)?.reasons[0]?.column ?? 'f1').toBe('f1');
  });

  it('gives the same scores for any chunk size and the same bytes for any number of workers and engine', async () => {
    const variants: [string, string[]][] = [
      ['w1', ['-w', '1', '--chunk-rows', '10K']],
      ['w2', ['-w', '2', '--chunk-rows', '10K']],
      ['w4', ['-w', '4', '--chunk-rows', '10K']],
      ['seq', ['-e', 'sequential', '--chunk-rows', '10K']],
      ['small', ['--chunk-rows', '2048']],
      ['large', ['--chunk-rows', '1M']],
    ];
    for (const [name, flags] of variants)
      await score(directory, 'data.parquet', '-d', detector, '-o', `${detector}-${name}.parquet`, ...flags);
    const digests = ['w1', 'w2', 'w4', 'seq'].map((name) => sha256(at(`${detector}-${name}.parquet`)));
    expect(new Set(digests).size).toBe(1);
    for (const name of ['small', 'large']) {
      const [different] = await sql(`SELECT count(*) AS n FROM (
        (SELECT * FROM '${at(`${detector}-w1.parquet`)}' EXCEPT ALL SELECT * FROM '${at(`${detector}-${name}.parquet`)}'))`);
      expect(different).toEqual({ n: '0' });
    }
  });

  it('a saved model gives the same scores and flags', async () => {
    const fitted = await score(
      directory,
      'data.parquet',
      '-d',
      detector,
      '-o',
      `${detector}-fitted.parquet`,
      '--save-model',
      `${detector}.bcm`,
    );
    const loaded = await score(directory, 'data.parquet', '-m', `${detector}.bcm`, '-o', `${detector}-loaded.parquet`);
    expect(loaded.model.digest).toBe(fitted.model.digest);
    expect(loaded.fit.planned).toBe(0);
    const [different] = await sql(`SELECT count(*) AS n FROM
      (SELECT * FROM '${at(`${detector}-fitted.parquet`)}' EXCEPT ALL SELECT * FROM '${at(`${detector}-loaded.parquet`)}')`);
    expect(different).toEqual({ n: '0' });
    const { code } = await run(
      directory,
      'fit',
      'data.parquet',
      '-d',
      detector,
      '-m',
      `${detector}-2.bcm`,
      '--progress',
      'none',
    );
    expect(code).toBe(0);
    expect(sha256(at(`${detector}-2.bcm`))).toBe(sha256(at(`${detector}.bcm`)));
  });
});

describe('z-scores', () => {
  it('are those of SQL', async () => {
    await score(
      directory,
      'data.parquet',
      '-d',
      'zscore',
      '-o',
      'z-sql.parquet',
      '--columns',
      'f0,f1',
      '--explain',
      '0',
    );
    const [row] =
      await sql(`WITH m AS (SELECT avg(f0) AS m0, stddev_pop(f0) AS s0, avg(f1) AS m1, stddev_pop(f1) AS s1 FROM '${at('data.parquet')}'),
      z AS (SELECT id AS row, greatest(abs((f0 - m0) / s0), abs((f1 - m1) / s1)) AS z FROM '${at('data.parquet')}', m)
      SELECT max(abs(score - z) / greatest(1, z)) AS worst, count(*) AS n FROM z JOIN '${at('z-sql.parquet')}' USING (row)`);
    expect(row?.['n']).toBe('80000');
    expect(Number(row?.['worst'])).toBeLessThan(1e-9);
    const columns = await sql(`DESCRIBE SELECT * FROM '${at('z-sql.parquet')}'`);
    expect(columns.map((column) => column['column_name'])).toEqual(['row', 'score', 'severity', 'anomaly']);
  });
});

describe('what is flagged', () => {
  it('--top flags exactly the n highest, ties by row', async () => {
    await parquet(at('ties.parquet'), 'SELECT (i % 10)::DOUBLE AS a FROM range(20000) r(i)');
    const report = await score(
      directory,
      'ties.parquet',
      '-d',
      'zscore',
      '--top',
      '7',
      '-o',
      'ties-top.parquet',
      '--chunk-rows',
      '2048',
    );
    expect(report.anomalies?.count).toBe(7);
    const rows = await sql(`SELECT row FROM '${at('ties-top.parquet')}' WHERE anomaly ORDER BY row`);
    const expected = await sql(`SELECT row FROM '${at('ties-top.parquet')}' ORDER BY score DESC, row LIMIT 7`);
    expect(rows).toEqual(expected.map(({ row }) => ({ row })).sort((a, b) => Number(a.row) - Number(b.row)));
  });

  it('--top beyond the rows there are flags them all', async () => {
    const report = await score(directory, 'ties.parquet', '-d', 'zscore', '--top', '30000', '-o', 'ties-all.parquet');
    expect(report.anomalies?.count).toBe(20_000);
  });

  it('--threshold flags what is above it', async () => {
    const report = await score(
      directory,
      'data.parquet',
      '-d',
      'zscore',
      '--threshold',
      '3.5',
      '-o',
      'threshold.parquet',
    );
    const [row] = await sql(`SELECT count(*) AS n FROM '${at('threshold.parquet')}' WHERE score > 3.5`);
    expect(report.anomalies?.count).toBe(Number(row?.['n']));
  });
});

describe('missing values', () => {
  it('--missing skip leaves the row without score and flag, center does not', async () => {
    const report = await score(directory, 'data.parquet', '--missing', 'skip', '-o', 'skip.parquet', '-d', 'mad');
    const [row] =
      await sql(`SELECT count(*) FILTER (score IS NULL) AS n, count(*) FILTER (score IS NULL AND anomaly IS NULL) AS b,
      bool_and((score IS NULL) = (row % 1000 = 5)) AS right FROM '${at('skip.parquet')}'`);
    expect(row).toEqual({ n: '80', b: '80', right: true });
    expect(report.anomalies?.skippedRows).toBe(80);
  });

  it('infinities are the highest, with finite scores', async () => {
    await parquet(
      at('extremes.parquet'),
      `SELECT CASE i WHEN 10 THEN 'inf'::DOUBLE WHEN 20 THEN '-inf'::DOUBLE WHEN 30 THEN 'nan'::DOUBLE ELSE sin(i) END AS a, cos(i) AS b FROM range(10000) r(i)`,
    );
    for (const detector of DETECTORS) {
      await score(directory, 'extremes.parquet', '-d', detector, '-o', `extremes-${detector}.parquet`);
      const rows = await sql(`SELECT row FROM '${at(`extremes-${detector}.parquet`)}' ORDER BY score DESC LIMIT 2`);
      // To a histogram, out of range is as rare as its emptiest bin and no rarer.
      if (detector !== 'hbos') expect(rows.map(({ row }) => row).sort()).toEqual(['10', '20']);
      const [all] = await sql(
        `SELECT bool_and(isfinite(score)) AS finite, count(score) AS n FROM '${at(`extremes-${detector}.parquet`)}'`,
      );
      expect(all).toEqual({ finite: true, n: '10000' });
    }
  });
});

describe('columns', () => {
  it('--keep copies columns of any type, row by row', async () => {
    await parquet(
      at('kinds.parquet'),
      `SELECT i AS id, i::TINYINT AS t, (i % 100)::UTINYINT AS ut, i::SMALLINT AS s, i::INTEGER AS n, i::HUGEINT AS h, i::FLOAT AS f, (i / 3)::DECIMAL(9,2) AS d9,
         (i / 3)::DECIMAL(30,4) AS d30, i % 2 = 0 AS b, DATE '2020-01-01' + i::INTEGER AS day, TIMESTAMP '2020-01-01' + to_seconds(i) AS at,
         CASE WHEN i % 5 = 0 THEN NULL ELSE 'name ' || i END AS name, [i, i + 1] AS list, {'a': i} AS struct
       FROM range(100) r(i)`,
      64,
    );
    const report = await score(directory, 'kinds.parquet', '-d', 'zscore', '--keep', 'all', '-o', 'kept.parquet');
    expect(report.source.columns).toEqual(['id', 't', 'ut', 's', 'n', 'h', 'f', 'd9', 'd30', 'b']);
    const [different] = await sql(`SELECT count(*) AS n FROM (SELECT * FROM '${at('kinds.parquet')}' EXCEPT ALL
      SELECT * EXCLUDE (row, score, severity, anomaly, reasons) FROM '${at('kept.parquet')}')`);
    expect(different).toEqual({ n: '0' });
  });

  it('dates and times are scored when they are asked for', async () => {
    const report = await score(directory, 'kinds.parquet', '-d', 'zscore', '--columns', 'day,at', '-o', 'days.parquet');
    expect(report.source.columns).toEqual(['day', 'at']);
    const [row] = await sql(`SELECT arg_max(row, score) IN (0, 99) AS ends FROM '${at('days.parquet')}'`);
    expect(row).toEqual({ ends: true });
  });

  it('names with quotes, dots and other alphabets are just names', async () => {
    await parquet(
      at('names.parquet'),
      `SELECT i * 7 % 1000 AS "a ""quoted"" one", i * 3 % 1000 AS "dotted.name", sin(i) AS "größe; DROP TABLE x" FROM range(1000) r(i)`,
    );
    const report = await score(directory, 'names.parquet', '-d', 'zscore', '-o', 'names-out.parquet');
    expect(report.source.columns).toEqual(['a "quoted" one', 'dotted.name', 'größe; DROP TABLE x']);
  });

  it('3,000 columns are scored', async () => {
    const list = Array.from({ length: 3000 }, (_, j) => `sin(i * ${j + 1}) AS c${j}`).join(', ');
    await parquet(at('wide.parquet'), `SELECT ${list} FROM range(300) r(i)`);
    const report = await score(directory, 'wide.parquet', '-o', 'wide-out.parquet');
    expect([report.source.columns.length, report.output.rows]).toEqual([3000, 300]);
  });
});

describe('sources', () => {
  it('a name with brackets is that file and no other', async () => {
    await parquet(at('odd[1].parquet'), 'SELECT i::DOUBLE AS bracketed FROM range(100) r(i)');
    await parquet(at('odd1.parquet'), 'SELECT i::DOUBLE AS plain FROM range(50) r(i)');
    const report = await score(directory, 'odd[1].parquet', '-d', 'zscore', '-o', 'odd-out.parquet');
    expect([report.source.columns, report.source.rows]).toEqual([['bracketed'], 100]);
  });

  it('several files are one source, told apart in the output', async () => {
    mkdirSync(at('many/b'), { recursive: true });
    await parquet(at('many/a.parquet'), gaussian(3000));
    await parquet(at('many/b/c.parquet'), gaussian(5000));
    const report = await score(directory, 'many', '-d', 'hbos', '-o', 'many.parquet');
    expect([report.source.files, report.source.rows]).toEqual([2, 8000]);
    const rows = await sql(
      `SELECT file, count(*) AS n, min(row) AS first, max(row) AS last FROM '${at('many.parquet')}' GROUP BY file ORDER BY file`,
    );
    expect(rows).toEqual([
      { file: 'a.parquet', n: '3000', first: '0', last: '2999' },
      { file: 'b/c.parquet', n: '5000', first: '0', last: '4999' },
    ]);
  });
});

describe('the output', () => {
  it('as a directory has parts, a manifest and _SUCCESS, and verifies', async () => {
    const report = await score(directory, 'data.parquet', '-d', 'zscore', '-o', 'parts/', '--chunk-rows', '20K');
    expect(report.output.format).toBe('parquet-directory');
    const manifest = JSON.parse(readFileSync(at('parts/manifest.json'), 'utf8'));
    expect(manifest).toMatchObject({ schema: 'batch-core.manifest/1', rows: 80_000, model: report.model.digest });
    expect(existsSync(at('parts/_SUCCESS'))).toBe(true);
    const [row] = await sql(`SELECT count(*) AS n FROM '${at('parts')}/*.parquet'`);
    expect(row).toEqual({ n: '80000' });
    expect((await run(directory, 'verify', 'parts')).code).toBe(0);
    const part = at(`parts/${manifest.parts[1].name}`);
    const bytes = readFileSync(part);
    bytes[100]! ^= 1;
    writeFileSync(part, bytes);
    const verified = await run(directory, 'verify', 'parts');
    expect(verified.code).toBe(65);
    expect(verified.stderr).toContain(manifest.parts[1].name);
  });

  it('of the same finished job is left alone unless --fresh, and a damaged one is noticed', async () => {
    const first = await score(directory, 'data.parquet', '-d', 'zscore', '-o', 'again.parquet', '--seed', '5');
    const again = await score(directory, 'data.parquet', '-d', 'zscore', '-o', 'again.parquet', '--seed', '5');
    expect(again.executionId).toBe(first.executionId);
    expect(again.warnings.join()).toMatch(/nothing was run/);
    const fresh = await score(
      directory,
      'data.parquet',
      '-d',
      'zscore',
      '-o',
      'again.parquet',
      '--seed',
      '5',
      '--fresh',
    );
    expect(fresh.executionId).toBe(first.executionId + 1);
    expect(fresh.output.sha256).toBe(first.output.sha256);
    expect((await run(directory, 'verify', 'again.parquet')).code).toBe(0);
    const bytes = readFileSync(at('again.parquet'));
    bytes[bytes.length >> 1]! ^= 4;
    writeFileSync(at('again.parquet'), bytes);
    const verified = await run(directory, 'verify', 'again.parquet', '--json');
    expect(verified.code).toBe(65);
    expect(JSON.parse(verified.stdout).error).toMatchObject({
      code: 'OUTPUT_DAMAGED',
      message: expect.stringMatching(/row group 0 is damaged/),
    });
  });

  it('carries job, fingerprint, model and version, and nothing that differs between runs', async () => {
    const report = await score(directory, 'data.parquet', '-d', 'zscore', '-o', 'meta.parquet');
    const rows = await sql(
      `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${at('meta.parquet')}')`,
    );
    const metadata = Object.fromEntries(rows.map(({ key, value }) => [key, value]));
    expect(metadata).toMatchObject({
      'batch_core.result_version': String(RESULT_VERSION),
      'batch_core.model': report.model.digest,
    });
    expect(
      Object.keys(metadata)
        .filter((key) => key !== 'ARROW:schema')
        .sort(),
    ).toEqual(['batch_core.fingerprint', 'batch_core.model', 'batch_core.result_version']);
  });

  it.each(['snappy', 'none', 'zstd:6'])('with --compression %s reads back the same', async (codec) => {
    await score(directory, 'data.parquet', '-d', 'zscore', '-o', `codec-${codec}.parquet`, '--compression', codec);
    await score(directory, 'data.parquet', '-d', 'zscore', '-o', 'codec.parquet');
    const [different] = await sql(
      `SELECT count(*) AS n FROM (SELECT * FROM '${at('codec.parquet')}' EXCEPT ALL SELECT * FROM '${at(`codec-${codec}.parquet`)}')`,
    );
    expect(different).toEqual({ n: '0' });
    const [used] = await sql(
      `SELECT DISTINCT compression FROM parquet_metadata('${at(`codec-${codec}.parquet`)}') WHERE path_in_schema = 'score'`,
    );
    expect(String(used?.['compression']).toLowerCase()).toBe(codec === 'none' ? 'uncompressed' : codec.split(':')[0]);
  });
});

it('a decimal that DuckDB shifts is scored and kept as the file has it', async () => {
  const source = resolve(import.meta.dirname, '../fixtures/pages/wide-decimals.parquet');
  const report = await score(directory, source, '--columns', 'wide', '--keep', 'wide', '-o', 'shifted.parquet');
  expect(report.anomalies?.top.length).toBeGreaterThan(0);
  for (const { row, reasons } of report.anomalies?.top ?? []) {
    const value = Number(reasons[0]?.value);
    expect(Math.abs(value - (row * 1e40 + 0.07))).toBeLessThanOrEqual(Math.abs(value) * 1e-15);
  }
  const [kept] = await sql(
    `SELECT max(abs(wide - ("row" * 1e40 + 0.07)) / greatest(wide, 1)) < 1e-15 AS right, count(wide) AS n FROM '${join(directory, 'shifted.parquet')}'`,
  );
  expect(kept).toEqual({ right: true, n: '600' });
});
