/** Forests of scikit-learn (test/golden/import), imported and calibrated: a job, as a fit is, after which a model knows how its scores are distributed. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import type { Report } from '../../src/report.ts';
import { errorOf, gaussian, parquet, run, score, scratch, sha256, sql, start } from './harness.ts';

const { loadModel }: typeof Package = await import(resolve('dist/index.js'));

const GOLDEN = resolve(import.meta.dirname, '../golden/import');
const ROWS = 60_000;
const CHUNKS = 15;

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
/** Its threshold is what flags a tenth of the rows of its fit. */
const EXPORTED = ['model', 'import', 'large.json', '--columns', 'f0,f1,f2'];
/** It has none. */
const DUMPED = ['model', 'import', 'large.treelite.json', '--columns', 'f0,f1,f2'];
const CALIBRATED = ['--calibrate', 'data.parquet', '--chunk-rows', '4096'];

async function calibrated(args: string[], ...more: string[]): Promise<Report> {
  const { code, stdout, stderr } = await run(directory, ...args, ...more, '--json', '--progress', 'none');
  expect(code, stdout + stderr).toBe(0);
  return JSON.parse(stdout);
}

const refused = async (...args: string[]) => errorOf(await run(directory, ...args, '--json'));
const inspected = async (model: string) =>
  JSON.parse((await run(directory, 'model', 'inspect', model, '--json')).stdout);

beforeAll(async () => {
  for (const name of ['large.json', 'large.treelite.json', 'plain.json']) copyFileSync(join(GOLDEN, name), at(name));
  // As those of its fit are: seconds since 1970, cents, and a number.
  const cells = '1.7e9 + 2500 + 1400 * f0 AS f0, 1e8 + f1 AS f1, f2';
  await parquet(at('data.parquet'), `SELECT id, ${cells} FROM (${gaussian(ROWS)})`, 4096);
  await calibrated([...EXPORTED, ...CALIBRATED], '-m', 'exported.bcm');
  await calibrated([...DUMPED, ...CALIBRATED], '-m', 'dumped.bcm');
  expect((await run(directory, ...EXPORTED, '-m', 'plain.bcm')).code).toBe(0);
});

describe('a calibrated forest', () => {
  const scored = (model: string, ...flags: string[]) =>
    score(directory, 'data.parquet', '-m', model, '-o', `${model}.${flags.length}.parquet`, ...flags);

  it('flags a share of rows, tells severities and what is usual, and scores as before', async () => {
    const report = await scored('dumped.bcm', '--contamination', '0.1');
    expect(report.anomalies).toMatchObject({ method: 'contamination 0.1', count: expect.any(Number) });
    // Some rows score alike.
    expect(report.anomalies?.count).toBeGreaterThan(0.09 * ROWS);
    expect(report.anomalies?.count).toBeLessThanOrEqual(0.1 * ROWS);
    const [reason] = report.anomalies?.top[0]?.reasons ?? [];
    expect(reason).toMatchObject({ usualLow: expect.any(Number), usualHigh: expect.any(Number) });
    await scored('plain.bcm', '--top', '9');
    const [same] = await sql(
      `SELECT count(*) FILTER (a.score = b.score) AS rows, count(a.severity) AS severities, count(b.severity) AS before,
        min(a.severity) FILTER (a.anomaly) AS flagged, max(a.severity) FILTER (NOT a.anomaly) AS others
      FROM '${at('dumped.bcm.2.parquet')}' a JOIN '${at('plain.bcm.2.parquet')}' b USING (row)`,
    );
    expect(same).toMatchObject({ rows: String(ROWS), severities: String(ROWS), before: '0' });
    expect(Number(same?.['flagged'])).toBeGreaterThanOrEqual(90 - 1 / 64);
    expect(Number(same?.['others'])).toBeLessThanOrEqual(90 + 1e-6);
  });

  it('keeps the threshold that its file has, unless a share is asked for', async () => {
    const threshold = (await scored('plain.bcm')).anomalies?.threshold;
    expect(threshold).toBeGreaterThan(0.5);
    expect((await scored('exported.bcm')).anomalies).toMatchObject({ method: `threshold ${threshold}` });
    const asked = await scored('exported.bcm', '--contamination', '0.02');
    expect(asked.anomalies).toMatchObject({ method: 'contamination 0.02' });
    await calibrated([...EXPORTED, ...CALIBRATED], '-m', 'share.bcm', '--contamination', '0.02');
    expect((await scored('share.bcm')).anomalies).toMatchObject({
      method: 'contamination 0.02',
      threshold: asked.anomalies?.threshold,
    });
    expect((await scored('dumped.bcm')).anomalies).toMatchObject({ method: 'contamination 0.01' });
  });

  it('says what it was calibrated on', async () => {
    const facts = { imported: true, fitRows: ROWS, sourceRows: ROWS, seed: 0, leftOut: [] };
    expect(await inspected('dumped.bcm')).toMatchObject({ ...facts, contamination: 0.01, threshold: null });
    expect(await inspected('exported.bcm')).toMatchObject({ ...facts, contamination: null });
    const { stdout } = await run(directory, 'inspect', 'exported.bcm');
    expect(stdout).toMatch(
      /iforest, 3 columns, imported, calibrated on 60,000 rows, .*\n[\s\S]*threshold 0\.5\d+\nseed {6}0\n/,
    );
    const model = await loadModel(at('exported.bcm'));
    expect([model.fitRows, model.threshold() > 0.5, model.threshold(0.3) < model.threshold(0.01)]).toEqual([
      ROWS,
      true,
      true,
    ]);
    const diff = await run(directory, 'model', 'diff', 'plain.bcm', 'exported.bcm', '--json');
    const fields = JSON.parse(diff.stdout).differences.map(({ field }: { field: string }) => field);
    expect(fields).toEqual(expect.arrayContaining(['fitRows', 'thresholds.0.01', 'digest']));
    expect(fields).not.toContain('threshold');
  });
});

describe('a calibration', () => {
  it('is the same for any chunks, workers and engine, and differs by sample, condition and seed', async () => {
    const digestOf = async (name: string, ...flags: string[]) => {
      await calibrated([...DUMPED, '--calibrate', 'data.parquet', '--fresh'], '-m', `${name}.bcm`, ...flags);
      return (await inspected(`${name}.bcm`)).digest;
    };
    const { digest } = await inspected('dumped.bcm');
    expect(await digestOf('sequential', '-e', 'sequential', '--chunk-rows', '9000')).toBe(digest);
    const others = [
      await digestOf('sample', '--fit-rows', '5000'),
      await digestOf('seed', '--fit-rows', '5000', '--seed', '7'),
      await digestOf('where', '--fit-where', 'f2 > 0'),
    ];
    expect(new Set([digest, ...others]).size).toBe(4);
    expect(await inspected('sample.bcm')).toMatchObject({ fitRows: 5000, sourceRows: ROWS });
    const [positive] = await sql(`SELECT count(*) AS rows FROM '${at('data.parquet')}' WHERE f2 > 0`);
    expect((await inspected('where.bcm')).fitRows).toBe(Number(positive?.['rows']));
  });

  it('takes several files, directories and globs', async () => {
    mkdirSync(at('months'));
    for (const month of [1, 2]) await parquet(at(`months/${month}.parquet`), gaussian(2000 * month));
    const two = ['--calibrate', 'months/1.parquet', '--calibrate', 'months/2.parquet'];
    const reports = [
      await calibrated(DUMPED, ...two, '-m', 'two.bcm'),
      await calibrated(DUMPED, '--calibrate', 'months', '-m', 'directory.bcm'),
      await calibrated(DUMPED, '--calibrate', 'months/*.parquet', '-m', 'glob.bcm'),
    ];
    expect(reports.map(({ model }) => model)).toEqual(Array(3).fill({ ...reports[0]?.model, fitRows: 6000 }));
  });

  it('that was done is not done again, in whatever place its model is wanted', async () => {
    const again = await run(directory, ...DUMPED, ...CALIBRATED, '-m', 'dumped.bcm');
    expect(again.stdout).toMatch(/^already calibrated: nothing was run/);
    const elsewhere = await calibrated([...DUMPED, ...CALIBRATED], '-m', 'elsewhere.bcm');
    expect(elsewhere.fit.executed).toBe(0);
    expect(sha256(at('elsewhere.bcm'))).toBe(sha256(at('dumped.bcm')));
    const fresh = await run(directory, ...DUMPED, ...CALIBRATED, '-m', 'dumped.bcm', '--fresh');
    expect(fresh.stdout).toMatch(/^calibrated iforest on 60,000 rows in .*\n {2}columns {3}3: f0, f1, f2\n/);
  });

  const summariesOf = (home: string): string[] => {
    const jobs = at(home, 'jobs');
    const [job = ''] = existsSync(jobs) ? readdirSync(jobs) : [];
    const summaries = join(jobs, job, 'summaries');
    return existsSync(summaries) ? readdirSync(summaries) : [];
  };

  /** Kills it when half of its chunks are summarized; its job. */
  async function killed(home: string, forest: string): Promise<string> {
    const args = ['model', 'import', forest, '--columns', 'f0,f1,f2', ...CALIBRATED, '-m', `${home}.bcm`];
    const { child, ended } = start(directory, [...args, '--home', home, '-w', '1']);
    while (summariesOf(home).length < CHUNKS / 2) await sleep(1);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    return readdirSync(at(home, 'jobs'))[0] ?? '';
  }

  it('that was killed goes on, with the chunks that it has', async () => {
    const job = await killed('killed', 'large.treelite.json');
    const { stdout } = await run(directory, 'resume', job, '--home', 'killed', '--json', '--progress', 'none');
    const { fit } = JSON.parse(stdout) as Report;
    expect([fit.planned, fit.resumed > 0, fit.executed > 0]).toEqual([CHUNKS, true, true]);
    expect(sha256(at('killed.bcm'))).toBe(sha256(at('dumped.bcm')));
  });

  it('does not go on with another forest', async () => {
    copyFileSync(at('large.treelite.json'), at('forest.json'));
    const job = await killed('changed', 'forest.json');
    copyFileSync(at('plain.json'), at('forest.json'));
    expect(await refused('resume', job, '--home', 'changed')).toMatchObject({
      code: 'JOB_MISMATCH',
      message: expect.stringMatching(/fit\.forest: "sha256:.*" -> "sha256:/),
      hint: `put the old forest back at ${at('forest.json')}, or start over with --fresh (options of the "batch-core model import" that began this job)`,
    });
  });

  it.each([
    [[...EXPORTED, '--seed', '3', '-m', 'no.bcm'], 'USAGE', '--seed: applies with --calibrate only'],
    [[...EXPORTED, '--contamination', '2%', '-m', 'no.bcm'], 'USAGE', '--contamination: applies with --calibrate only'],
    [[...EXPORTED, '--progress', 'none', '-m', 'no.bcm'], 'USAGE', '--progress: applies with --calibrate only'],
    [[...EXPORTED, ...CALIBRATED, '--contamination', '0.7', '-m', 'no.bcm'], 'USAGE', '--contamination: 0.7'],
    [[...EXPORTED, ...CALIBRATED, '-m', './'], 'USAGE', '--model: "./" is a directory'],
    [[...EXPORTED, ...CALIBRATED, '-m', 'large.json', '--force'], 'OUTPUT_EXISTS', 'large.json'],
    [[...EXPORTED, '--calibrate', 'gone.parquet', '-m', 'no.bcm'], 'SOURCE_NOT_FOUND', 'gone.parquet'],
    [['model', 'import', 'gone.json', ...CALIBRATED, '-m', 'no.bcm'], 'MODEL_NOT_FOUND', 'cannot read the forest'],
    [
      ['model', 'import', 'large.json', '--columns', 'f0,f1,x', ...CALIBRATED, '-m', 'no.bcm'],
      'MODEL_MISMATCH',
      `the forest's column "x" is not in the source`,
    ],
    [['model', 'import', 'large.json', ...CALIBRATED, '-m', 'no.bcm'], 'CONFIG', 'the file has no names'],
  ])('refuses %j', async (args, code, words) => {
    expect(await refused(...args)).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(existsSync(at('no.bcm'))).toBe(false);
  });

  it('meets missing cells as the import says', async () => {
    await parquet(
      at('holes.parquet'),
      `SELECT * REPLACE (CASE WHEN id % 3 > 0 THEN f1 END AS f1) FROM (${gaussian(3000)})`,
    );
    const on = [...DUMPED, '--calibrate', 'holes.parquet'];
    expect(await refused(...on, '--missing', 'error', '-m', 'no.bcm')).toMatchObject({
      code: 'DATA',
      message: expect.stringContaining('column "f1" has a missing value in row 0'),
    });
    const rowsOf = async (missing: string) => {
      await calibrated(on, '--missing', missing, '-m', `${missing}.bcm`);
      return (await inspected(`${missing}.bcm`)).state.scored_rows;
    };
    expect([await rowsOf('center'), await rowsOf('skip')]).toEqual([3000, 2000]);
    expect(readFileSync(at('skip.bcm')).length).toBeGreaterThan(0);
  });
});
