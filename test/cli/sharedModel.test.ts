/** What one job of a home has fitted, another takes: with another share, rule or output nothing is fitted again. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import type { Report } from '../../src/report.ts';
import { errorOf, gaussian, parquet, run, score, scratch, sha256, sql, start } from './harness.ts';

const { fit: fitModel, score: scoreOf }: typeof Package = await import(resolve('dist/index.js'));

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const SOURCE = ['data.parquet', '-d', 'auto', '--chunk-rows', '4096'];
const CHUNKS = 15;

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(60_000), 4096);
});

const modelsOf = (home: string) => (existsSync(at(home, '.models')) ? readdirSync(at(home, '.models')).sort() : []);

/** Fits in `home`, by a job of its own; the path of the model that others may take. */
async function fitted(home: string): Promise<string> {
  const report = await score(directory, ...SOURCE, '-o', `${home}.first.parquet`, '--home', home);
  expect(report.fit.executed).toBeGreaterThan(0);
  expect(report.warnings).toEqual([]);
  const [name = '', ...more] = modelsOf(home);
  expect(more).toEqual([]);
  return at(home, '.models', name);
}

/** A run of the same fit to another output: its report, and whether its scores are what they should be. */
async function again(home: string, ...args: string[]): Promise<Report> {
  const out = `${home}.${readdirSync(directory).length}.parquet`;
  const report = await score(directory, ...SOURCE, '-o', out, '--home', home, ...args);
  expect(sha256(at(out))).toBe(sha256(at(`${home}.first.parquet`)));
  return report;
}

describe('a fit that the home has', () => {
  beforeAll(() => fitted('home'));

  it.each<[string, string[]]>([
    ['another share', ['--contamination', '5%']],
    ['a threshold', ['--threshold', '3']],
    ['the highest rows', ['--top', '9']],
    ['no reasons', ['--explain', '0']],
    ['kept columns', ['--keep', 'id']],
    ['another codec', ['--compression', 'snappy']],
    ['other chunks', ['--chunk-rows', '8192']],
  ])('is not done again for %s, and the output is that of a fit', async (name, args) => {
    const [out, anew] = [`${name}.parquet`, `${name}.anew.parquet`];
    const { code, stdout, stderr } = await run(
      ...([
        directory,
        'score',
        ...SOURCE,
        ...args,
        '-o',
        out,
        '--home',
        'home',
        '--json',
        '--progress',
        'json',
      ] as const),
    );
    expect(code, stderr).toBe(0);
    const report: Report = JSON.parse(stdout);
    // To find the highest rows takes a scan of its own, which is no fit.
    const scan = args.includes('--top') ? CHUNKS : 0;
    expect(report.fit).toMatchObject({ planned: scan, executed: scan, resumed: 0 });
    const [model = ''] = modelsOf('home');
    expect(stderr).toContain(
      `"event":"model","digest":"${report.model.digest}","from":"${at('home', '.models', model)}"`,
    );
    const reference = await score(directory, ...SOURCE, ...args, '-o', anew, '--home', `home of ${name}`, '--fresh');
    expect(reference.fit.executed).toBeGreaterThan(scan);
    expect(reference.model.digest).toBe(report.model.digest);
    expect(reference.anomalies).toEqual(report.anomalies);
    expect(sha256(at(out))).toBe(sha256(at(anew)));
  });

  it('is published by a fit with the share that is asked for', async () => {
    const files: string[] = [];
    for (const [home, share] of [
      ['home', '5%'],
      ['home', '1%'],
      ['home of fits', '5%'],
      ['home of others', '1%'],
    ] as const) {
      const file = `${home}.${share}.bcm`;
      const args = [...SOURCE, '--contamination', share, '-m', file, '--home', home, '--json', '--progress', 'none'];
      const { code, stdout } = await run(directory, 'fit', ...args);
      expect(code).toBe(0);
      const report: Report = JSON.parse(stdout);
      expect([report.fit.executed === 0, report.fit.planned === report.fit.resumed]).toEqual(
        Array(2).fill(home === 'home'),
      );
      files.push(file);
    }
    const [five, one, fiveAnew, oneAnew] = files.map((file) => sha256(at(file)));
    expect([five, one]).toEqual([fiveAnew, oneAnew]);
    expect(five).not.toBe(one);
    const inspected = await Promise.all(files.map((file) => run(directory, 'inspect', file, '--json')));
    const facts = inspected.map(({ stdout }) => JSON.parse(stdout));
    expect(new Set(facts.map(({ digest }) => digest)).size).toBe(1);
    expect(facts.map(({ contamination }) => contamination)).toEqual([0.05, 0.01, 0.05, 0.01]);
    // Without a rule a model flags its share.
    const flagged = await score(directory, 'data.parquet', '-m', 'home.5%.bcm', '-o', 'flagged.parquet');
    expect(flagged.anomalies?.method).toBe('contamination 0.05');
  });

  it('is one of the package too', async () => {
    const options = { detector: 'auto', chunkRows: 4096, home: at('home') };
    const model = await fitModel(at('data.parquet'), { ...options, contamination: 0.1 });
    const other = await fitModel(at('data.parquet'), options);
    expect(model.digest).toBe(other.digest);
    expect(model.threshold()).toBe(other.threshold(0.1));
    const events: string[] = [];
    const onEvent = ({ event }: { event: string }) => events.push(event);
    await scoreOf(at('data.parquet'), { ...options, out: at('package.parquet'), contamination: 0.1, onEvent });
    expect(events).toEqual(['started', 'model', 'published', 'finished']);
  });

  it('is foreseen by plan, and not with --fresh', async () => {
    const phases = async (...args: string[]) =>
      JSON.parse((await run(directory, 'plan', ...SOURCE, '--home', 'home', '--json', ...args)).stdout).phases;
    expect(await phases('--top', '4')).toEqual(['rank', 'score', 'publish']);
    expect(await phases('--fresh')).toEqual(['fit-1', 'score', 'publish']);
    expect(await phases('--seed', '1')).toEqual(['fit-1', 'score', 'publish']);
  });

  it('is done again with --fresh, and for a source that is to be verified', async () => {
    for (const args of [['--fresh'], ['--verify-input']]) {
      const report = await again('home', ...args);
      expect(report.fit.executed).toBeGreaterThan(0);
    }
    expect((await again('home', '--verify-input')).fit.executed).toBe(0);
  });
});

it('outputs that differ in their share alone name one model', async () => {
  const digests: unknown[] = [];
  for (const share of ['1%', '20%']) {
    const out = `named.${share}.parquet`;
    await score(directory, ...SOURCE, '--contamination', share, '-o', out, '--home', `home.${share}`);
    const query = `SELECT decode(value) AS value FROM parquet_kv_metadata('${at(out)}') WHERE decode(key) = 'batch_core.model'`;
    digests.push((await sql(query))[0]?.['value']);
  }
  expect(digests[0]).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(digests[1]).toBe(digests[0]);
});

describe('a model of the home that is not what it was', () => {
  const flip = (path: string) => {
    const bytes = readFileSync(path);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(path, bytes);
  };
  it.each<[string, (path: string) => void]>([
    ['flipped', flip],
    ['cut', (path) => writeFileSync(path, readFileSync(path).subarray(0, -9))],
    ['emptied', (path) => writeFileSync(path, '')],
    [
      'a directory',
      (path) => {
        rmSync(path);
        mkdirSync(path);
      },
    ],
  ])('but %s is fitted again, which is said, and is whole then', async (name, spoil) => {
    const home = `home ${name}`;
    const path = await fitted(home);
    const whole = sha256(path);
    spoil(path);
    const report = await again(home);
    expect(report.fit.executed).toBeGreaterThan(0);
    expect(report.warnings).toEqual([`${path} is not the model that its name says: it is not used`]);
    expect(sha256(path)).toBe(whole);
    expect((await again(home)).fit.executed).toBe(0);
  });

  it('but that of another fit is not believed', async () => {
    const path = await fitted('home other');
    const [key = ''] = modelsOf('home other')[0]?.split('.') ?? [];
    rmSync(path);
    await run(directory, 'fit', 'data.parquet', '-d', 'zscore', '-m', 'other.bcm');
    const foreign = at('home other', '.models', `${key}.${sha256(at('other.bcm'))}.bcm`);
    copyFileSync(at('other.bcm'), foreign);
    const report = await again('home other');
    expect(report.fit.executed).toBeGreaterThan(0);
    expect(report.warnings).toEqual([`${foreign} is not the model that its name says: it is not used`]);
  });
});

describe('a source', () => {
  it.each<[string, (path: string) => void]>([
    ['touched', (path) => chmodSync(path, 0o600)],
    [
      'copied',
      (path) => {
        copyFileSync(path, `${path}.copy`);
        renameSync(`${path}.copy`, path);
      },
    ],
  ])('that was %s since is fitted again', async (name, touch) => {
    const [source, home] = [`${name}.parquet`, `home of ${name}`];
    copyFileSync(at('data.parquet'), at(source));
    const args = (out: string) => [source, '-d', 'zscore', '-o', out, '--home', home];
    await score(directory, ...args(`${name}.1.parquet`));
    expect((await score(directory, ...args(`${name}.2.parquet`))).fit.executed).toBe(0);
    touch(at(source));
    const report = await score(directory, ...args(`${name}.3.parquet`));
    expect([report.fit.executed > 0, report.warnings]).toEqual([true, []]);
    expect(sha256(at(`${name}.3.parquet`))).toBe(sha256(at(`${name}.1.parquet`)));
  });

  it.each<[string, boolean, number]>([
    ['left alone', false, 1],
    ['touched', true, 0],
  ])('that was %s while its fit was interrupted: models for others', async (_, touched, models) => {
    const [source, home] = [`interrupted-${touched}.parquet`, `home interrupted ${touched}`];
    await parquet(at(source), gaussian(300_000), 4096);
    const args = ['fit', source, '-d', 'mad', '--chunk-rows', '4096', '-m', `${home}.bcm`, '--home', home, '--json'];
    const { child, ended } = start(directory, args);
    while (summariesOf(home) < 30) await sleep(1);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    if (touched) chmodSync(at(source), 0o600);
    const { code, stdout } = await run(directory, ...args);
    expect(code, stdout).toBe(0);
    const report: Report = JSON.parse(stdout);
    expect(report.fit.resumed).toBeGreaterThan(0);
    expect(modelsOf(home)).toHaveLength(models);
  });
});

function summariesOf(home: string): number {
  const jobs = at(home, 'jobs');
  const [job = ''] = existsSync(jobs) ? readdirSync(jobs) : [];
  const path = join(jobs, job, 'summaries');
  return existsSync(path) ? readdirSync(path).filter((name) => /^fit-1\.\d+$/.test(name)).length : 0;
}

it('where none can be kept, that is said, and all else is as ever', async () => {
  mkdirSync(at('closed'));
  writeFileSync(at('closed', '.models'), '');
  for (const out of ['closed.1.parquet', 'closed.2.parquet']) {
    const report = await score(directory, ...SOURCE, '-o', out, '--home', 'closed');
    expect(report.fit.executed).toBeGreaterThan(0);
    expect(report.warnings).toEqual([
      expect.stringMatching(/^the model was not kept in .*closed\/\.models for other jobs, which may fit it again: /),
    ]);
  }
  expect(sha256(at('closed.1.parquet'))).toBe(sha256(at('closed.2.parquet')));
});

it('nothing else is written among them, and they are no source and no job', async () => {
  mkdirSync(at('seen'));
  copyFileSync(at('data.parquet'), at('seen', 'data.parquet'));
  const args = (out: string) => ['seen', '-d', 'zscore', '-o', out, '--home', 'seen/home'];
  for (const out of ['seen.1.parquet', 'seen.2.parquet'])
    expect((await score(directory, ...args(out))).source.files).toBe(1);
  const jobs = JSON.parse((await run(directory, 'jobs', '--home', 'seen/home', '--json')).stdout);
  expect(jobs).toHaveLength(2);
  const refused = await run(directory, 'score', ...args('seen/home/.models/x.parquet'), '--json');
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
});
