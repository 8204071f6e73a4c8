/** Forests that scikit-learn fitted (test/golden/import), imported and scored with, from file to file. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import { errorOf, parquet, run, score, scratch, sql } from './harness.ts';

const { loadModel }: typeof Package = await import(resolve('dist/index.js'));

const GOLDEN = resolve(import.meta.dirname, '../golden/import');

interface Case {
  name: string;
  offset: number;
  rows: (number | null)[][];
  scores: number[];
}

const { cases } = JSON.parse(readFileSync(join(GOLDEN, 'cases.json'), 'utf8')) as { cases: Case[] };
const directory = scratch();
const at = (name: string) => join(directory, name);
const COLUMNS = ['--columns', 'a,b,c'];
/** Its cells are large, and its threshold is what flags a tenth of the rows of its fit. */
const large = cases.find(({ name }) => name === 'large') as Case;

beforeAll(async () => {
  for (const name of ['large.json', 'large.treelite.json', 'large.onnx', 'least.json'])
    copyFileSync(join(GOLDEN, name), at(name));
  // As text, whose digits are rounded as JSON's are.
  const doubles = (row: readonly (number | null)[]) => row.map((cell) => `'${cell}'::DOUBLE`);
  const rows = large.rows.map((row, at) => `(${[at, ...doubles(row)].join(', ')})`).join(', ');
  await parquet(at('source.parquet'), `SELECT a, b, c FROM (VALUES ${rows}) t(place, a, b, c) ORDER BY place`);
  for (const [form, model] of [
    ['large.json', 'exported.bcm'],
    ['large.treelite.json', 'dumped.bcm'],
    ['large.onnx', 'graph.bcm'],
  ] as const)
    expect((await run(directory, 'model', 'import', form, '-m', model, ...COLUMNS)).stderr).toBe('');
});

describe('an imported forest', () => {
  it.each(['exported', 'dumped', 'graph'])('scores as scikit-learn does: %s', async (name) => {
    const flags = name === 'dumped' ? ['--top', '7'] : [];
    const out = `${name}.parquet`;
    const report = await score(directory, 'source.parquet', '-m', `${name}.bcm`, '-o', out, ...flags);
    expect(report.model).toMatchObject({ fitRows: null, sourceRows: null });
    expect(report.anomalies?.top[0]?.severity).toBe(null);
    const scored = await sql(`SELECT score, severity, anomaly FROM '${at(out)}' ORDER BY row`);
    const off = scored.map(({ score }, row) => Math.abs(Number(score) - (large.scores[row] ?? Number.NaN)));
    expect(Math.max(...off)).toBeLessThan(1e-6);
    expect(scored.every(({ severity }) => severity === null)).toBe(true);
    expect(scored.length).toBe(large.scores.length);
    const flagged = scored.filter(({ anomaly }) => anomaly).length;
    const outliers = large.scores.filter((score) => score > -large.offset + 1e-6).length;
    expect(flagged).toBe(name === 'dumped' ? 7 : outliers);
    expect(outliers).toBeGreaterThan(10);
  });

  it('has no share of rows to flag, and says so', async () => {
    const refused = async (...flags: string[]) =>
      errorOf(await run(directory, 'score', 'source.parquet', '-o', 'no.parquet', '--json', ...flags));
    const unknown = 'the model was imported and not calibrated: what share of rows scores how high is not known';
    expect(await refused('-m', 'exported.bcm', '--contamination', '0.1')).toMatchObject({
      code: 'MODEL_MISMATCH',
      message: `--contamination: ${unknown}`,
      where: { option: '--contamination' },
    });
    expect(await refused('-m', 'dumped.bcm')).toMatchObject({
      code: 'MODEL_MISMATCH',
      message: `which rows to flag is not said, and ${unknown}`,
      hint: 'say which rows to flag by --threshold or --top, or calibrate it with "batch-core model import --calibrate <source>"',
    });
  });

  it('is told by the package', async () => {
    const model = await loadModel(at('exported.bcm'));
    expect([model.fitRows, model.sourceRows, model.threshold(), model.columns]).toEqual([
      null,
      null,
      -large.offset,
      ['a', 'b', 'c'],
    ]);
    expect(() => model.threshold(0.1)).toThrow('contamination: the model was imported');
    const dumped = await loadModel(at('dumped.bcm'));
    expect(() => dumped.threshold()).toThrow('the model was imported');
  });

  it('is inspected and verified', async () => {
    const { stdout } = await run(directory, 'model', 'inspect', 'exported.bcm', '--json');
    const facts = {
      kind: 'model',
      imported: true,
      threshold: -large.offset,
      contamination: null,
      seed: null,
      fitRows: null,
    };
    expect(JSON.parse(stdout)).toMatchObject({ ...facts, parameters: { max_samples: 64, n_estimators: 20 } });
    expect((await run(directory, 'inspect', 'dumped.bcm')).stdout).toContain('none: score needs --threshold or --top');
    expect((await run(directory, 'verify', 'exported.bcm')).stdout).toMatch(/exported\.bcm shows no damage: \d/);
    const source = await run(directory, 'model', 'inspect', 'source.parquet', '--json');
    expect(errorOf(source)).toMatchObject({ code: 'MODEL_INVALID' });
  });

  it('that skips missing cells leaves their rows without a score', async () => {
    await run(directory, 'model', 'import', 'least.json', '-m', 'skip.bcm', '--columns', 'x', '--missing', 'skip');
    await parquet(at('holes.parquet'), 'SELECT if(i = 3, NULL, i / 10) AS x FROM range(10) t(i)');
    await score(directory, 'holes.parquet', '-m', 'skip.bcm', '-o', 'holes.scores.parquet');
    expect(await sql(`SELECT row FROM '${at('holes.scores.parquet')}' WHERE score IS NULL`)).toEqual([{ row: '3' }]);
  });
});

describe('model import', () => {
  it('replaces no other file unasked, and is done again where the model is there', async () => {
    const importInto = (model: string, ...more: string[]) =>
      run(directory, 'model', 'import', 'least.json', '-m', model, '--columns', 'x', '--json', ...more);
    expect((await importInto('least.bcm')).code).toBe(0);
    const bytes = readFileSync(at('least.bcm'));
    expect((await importInto('least.bcm')).code).toBe(0);
    writeFileSync(at('other'), 'something else');
    expect(errorOf(await importInto('other'))).toMatchObject({ code: 'OUTPUT_EXISTS' });
    expect(readFileSync(at('other'), 'utf8')).toBe('something else');
    expect((await importInto('other', '--force')).code).toBe(0);
    expect(readFileSync(at('other'))).toEqual(bytes);
    expect(errorOf(await importInto('least.json', '--force'))).toMatchObject({
      code: 'OUTPUT_EXISTS',
      message: expect.stringContaining('is the file that is imported'),
    });
  });

  it.each([
    [['least.json', '-m', 'no.bcm'], 'CONFIG', 'the file has no names for its 1 columns', 78],
    [['least.json', '-m', 'no.bcm', '--columns', 'x,y'], 'CONFIG', '--columns names 2 columns; the forest has 1', 78],
    [['least.json', '-m', 'no.bcm', '--columns', 'x,x'], 'USAGE', '--columns: column "x" is named twice', 2],
    [['least.json', '-m', 'no.bcm', '--missing', 'never'], 'USAGE', '--missing', 2],
    [['least.json'], 'USAGE', "required option '-m, --model <file>' not specified", 2],
    [['gone.json', '-m', 'no.bcm'], 'MODEL_NOT_FOUND', 'cannot read the forest', 74],
    [['.', '-m', 'no.bcm'], 'MODEL_NOT_FOUND', 'a directory', 74],
    [['source.parquet', '-m', 'no.bcm'], 'FOREST_INVALID', 'neither JSON nor a model of ONNX', 65],
    [['pickled', '-m', 'no.bcm'], 'FOREST_UNSUPPORTED', 'a pickle, which is a program and is never loaded', 65],
  ])('refuses %j', async (args, code, words, exitCode) => {
    writeFileSync(at('pickled'), Buffer.from('80049500', 'hex'));
    const ended = await run(directory, 'model', 'import', ...args, '--json');
    expect(errorOf(ended)).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(ended.code).toBe(exitCode);
  });

  it('is one of the commands of model', async () => {
    const refused = async (...args: string[]) => errorOf(await run(directory, 'model', ...args, '--json'));
    expect(await refused('imprt', 'x')).toMatchObject({ code: 'USAGE', hint: 'did you mean "import"?' });
    expect(await refused()).toMatchObject({ code: 'USAGE', hint: 'see "batch-core model --help"' });
  });
});

describe('model diff', () => {
  const diff = (...args: string[]) => run(directory, 'model', 'diff', ...args);

  it('ends with 0 where they are the same, and with 1 where they differ', async () => {
    const same = await diff('exported.bcm', 'exported.bcm');
    expect([same.code, same.stdout]).toEqual([0, 'exported.bcm and exported.bcm are the same model\n']);
    const other = await diff('exported.bcm', 'dumped.bcm', '--json');
    expect(other.code).toBe(1);
    const { differences } = JSON.parse(other.stdout);
    expect(differences.map(({ field }: { field: string }) => field)).toEqual(['threshold', 'digest']);
    expect((await diff('exported.bcm', 'dumped.bcm')).stdout).toMatch(/threshold +0\.\d+ +-\n/);
    const gone = await diff('exported.bcm', 'gone.bcm', '--json');
    expect([gone.code, errorOf(gone).code]).toEqual([74, 'MODEL_NOT_FOUND']);
  });

  it('tells what two fits were asked for and what they found', async () => {
    for (const [model, ...flags] of [
      ['first.bcm', '-d', 'hbos', '--columns', 'a,b'],
      ['second.bcm', '-d', 'hbos', '--columns', 'b,c', '--contamination', '0.02', '--set', 'n_bins=20'],
      ['third.bcm', '-d', 'hbos', '--columns', 'a,b', '--contamination', '0.02'],
    ])
      expect((await run(directory, 'fit', 'source.parquet', '-m', model ?? '', ...flags)).code).toBe(0);
    const of = async (a: string, b: string) => JSON.parse((await diff(a, b, '--json')).stdout).differences;
    expect(await of('first.bcm', 'third.bcm')).toEqual([{ field: 'contamination', a: 0.01, b: 0.02 }]);
    const differences = await of('first.bcm', 'second.bcm');
    expect(differences).toEqual(
      expect.arrayContaining([
        { field: 'parameters.n_bins', a: 10, b: 20 },
        { field: 'columns', a: ['a'], b: ['c'] },
        { field: 'thresholds.0.01', a: expect.any(Number), b: expect.any(Number) },
      ]),
    );
  });
});
