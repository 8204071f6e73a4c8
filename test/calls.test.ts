/** What a program gives is read once and cannot break a call; what is said of it is in the package's words. */
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Float64, Table, tableFromArrays, vectorFromArray } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../src/index.ts';
import type { ScoreOptions } from '../src/index.ts';
import { gaussian, parquet, scratch } from './cli/harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const { BatchCoreError, fit: fitModel, plan, score }: typeof Package = await import(resolve('dist/index.js'));
const FAST = { detector: 'zscore', home: at('home') } as const;

beforeAll(() => parquet(at('data.parquet'), gaussian(5000)));

async function refusal(promise: Promise<unknown>): Promise<Package.BatchCoreError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BatchCoreError);
  return error as Package.BatchCoreError;
}

const thrower = () => {
  throw new Error('mine');
};

describe('what throws while it is read', () => {
  const signal = (more: object) => ({ aborted: false, addEventListener() {}, removeEventListener() {}, ...more });

  it.each<[string, () => object]>([
    ['a getter', () => Object.defineProperty({}, 'detector', { get: thrower, enumerable: true })],
    ['a proxy', () => new Proxy({}, { ownKeys: thrower })],
    ['a nested getter', () => ({ parameters: Object.defineProperty({}, 'bins', { get: thrower, enumerable: true }) })],
    ['a list', () => ({ columns: new Proxy(['f0'], { get: thrower }) })],
    ['a signal', () => ({ signal: signal({ addEventListener: thrower }) })],
  ])('%s', async (_, options) => {
    for (const call of [score, fitModel]) {
      const error = await refusal(call(at('data.parquet'), options()));
      expect([error.code, error.exitCode]).toEqual(['USAGE', 2]);
      expect(error.message).toMatch(/mine$/);
    }
    expect(existsSync(at('.batch-core'))).toBe(false);
  });

  it('a source', async () => {
    const list = new Proxy([at('data.parquet')], { get: thrower });
    expect(await refusal(score(list))).toMatchObject({ code: 'USAGE', where: { option: 'source' } });
  });

  it('but a signal that cannot be let go is of no more use', async () => {
    const options = { ...FAST, out: at('held.parquet'), signal: signal({ removeEventListener: thrower }) };
    expect((await score(at('data.parquet'), options as unknown as ScoreOptions)).status).toBe('completed');
  });
});

it('what changes while the call runs is what it was', async () => {
  let reads = 0;
  const columns = ['f0', 'f1'];
  const options = Object.defineProperty({ ...FAST, columns, out: at('once.parquet') }, 'explain', {
    enumerable: true,
    get: () => {
      reads += 1;
      return reads === 1 ? 0 : 'no number';
    },
  });
  const call = score(at('data.parquet'), options);
  columns.push('nothing of the sort');
  expect((await call).source.columns).toEqual(['f0', 'f1']);
  expect(reads).toBe(1);
});

describe('options are named as properties', () => {
  it.each<[string, ScoreOptions, RegExp, RegExp | undefined, string]>([
    ['keep', { keep: ['f9'] }, /^keep: there is no column "f9"$/, undefined, 'keep'],
    ['out', { out: at('o.tsv') }, /^out: "/, undefined, 'out'],
    ['memory', { memory: 'much' }, /^memory: "much" is not/, undefined, 'memory'],
    ['parameters', { parameters: { nothing: 1 } }, /has no parameter/, undefined, 'parameters'],
    ['input', { out: at('data.parquet') }, /^out: .* is an input/, /not even with `force: true`$/, 'out'],
    ['exclude', { exclude: ['f0', 'f1', 'f2', 'id'] }, /^`exclude` leaves out all/, undefined, 'exclude'],
  ])('%s', async (_, options, message, hint, option) => {
    const error = await refusal(
      plan(at('data.parquet'), { ...options }).then(() => score(at('data.parquet'), options)),
    );
    expect(error.message).toMatch(message);
    if (hint) expect(error.hint).toMatch(hint);
    expect(`${error.message} ${error.hint}`).not.toMatch(/(^|\s)--/);
    expect(error.where?.option).toBe(option);
  });

  it('and a fit writes to its out; a command to be pasted keeps its flags', async () => {
    await score(at('data.parquet'), { ...FAST, out: at('o.parquet') });
    const taken = await refusal(fitModel(at('data.parquet'), { ...FAST, out: at('o.parquet') }));
    expect(taken).toMatchObject({ code: 'OUTPUT_EXISTS', where: { option: 'out' } });
    expect(taken.hint).toBe('choose another path with `out`, or replace it with `force: true`');
    const lost = await refusal(score(at('data.parquet'), { model: at('absent.bcm') }));
    expect(lost.hint).toBe('make one with "batch-core fit <source> -m <path>"');
  });
});

describe('options that are no plain object', () => {
  class Computed {
    get detector() {
      return 'hbos';
    }
    explain = 0;
  }

  it.each<[string, object]>([
    ['fields that a class computes', new Computed()],
    ['inherited fields', Object.create({ detector: 'hbos', explain: 0 })],
    ['no prototype', Object.assign(Object.create(null), { detector: 'hbos', explain: 0 })],
  ])('%s count', async (_, options) => {
    expect((await plan(at('data.parquet'), options)).detector).toBe('hbos');
  });

  it.each<[string, object]>([
    ['a map', new Map([['detector', 'hbos']])],
    ['a date', new Date()],
    ['parameters in a map', { detector: 'hbos', parameters: new Map([['bins', 3]]) }],
    ['parameters in a date', { detector: 'hbos', parameters: new Date() }],
  ])('%s holds what its fields do not show', async (_, options) => {
    expect(await refusal(score(at('data.parquet'), options))).toMatchObject({ code: 'USAGE' });
  });
});

it('what a model shows of itself cannot be changed', async () => {
  const model = await fitModel(at('data.parquet'), { ...FAST, out: at('frozen.bcm') });
  const table = tableFromArrays(Object.fromEntries(model.columns.map((name, i) => [name, Float64Array.of(i, 2, 30)])));
  const before = model.score(table).toArray();
  expect(() => (model.columns as string[]).reverse()).toThrow(TypeError);
  expect(() => (model.warnings as string[]).push('x')).toThrow(TypeError);
  expect(model.score(table).toArray()).toEqual(before);
});

it('what only looks like a table is refused in words', async () => {
  const model = await fitModel(at('data.parquet'), { ...FAST, columns: ['f0'], out: at('like.bcm') });
  const like = (getChild: () => unknown) => ({ getChild, schema: { fields: [] } }) as unknown as Table;
  const children = [() => ({}), () => ({ type: { typeId: 3, precision: 2 }, data: [] }), thrower, () => null];
  for (const child of children) expect(() => model.score(like(child))).toThrow(BatchCoreError);
  expect(() => model.score(like(thrower))).toThrow(/^data: cannot be read: mine$/);
});

it('a vector is no table, and a column that Arrow padded is one with nulls', async () => {
  const model = await fitModel(at('data.parquet'), { ...FAST, columns: ['f0', 'f1'], out: at('two.bcm') });
  for (const data of [vectorFromArray([1, 2]), vectorFromArray([{ f0: 1, f1: 2 }])])
    expect(() => model.score(data as unknown as Table)).toThrow(/it is not an Arrow table or record batch/);
  const [f0, short] = [vectorFromArray([1, 2, 3], new Float64()), vectorFromArray([1, 2], new Float64())];
  const padded = model.score(new Table({ f0, f1: short })).toArray();
  const nulls = model.score(new Table({ f0, f1: vectorFromArray([1, 2, null], new Float64()) })).toArray();
  expect(padded).toEqual(nulls);
});

it('reports name options as properties too', async () => {
  const options = { ...FAST, out: at('again.parquet') };
  await score(at('data.parquet'), options);
  const { warnings } = await score(at('data.parquet'), options);
  expect(warnings).toEqual(['this job was finished before; nothing was run (`fresh: true` runs it again)']);
  const model = await fitModel(at('data.parquet'), { ...FAST, out: at('again.bcm') });
  const error = await refusal(model.save(at('data.parquet'), { force: true }));
  expect(error.message).toMatch(/is a source that the model was fitted on$/);
  expect(error.hint).toMatch(/not even with `force: true`$/);
});

it('the types hold in a strict program', () => {
  const program = join(directory, 'consumer.mts');
  writeFileSync(
    program,
    `import { fit, score, type Report } from '${resolve('dist/index.js')}';
    const out: string | undefined = process.env['OUT'];
    export const report: Report = await score('a', { out, columns: undefined });
    export const digest: string = (await fit('a', { out, seed: undefined })).digest;`,
  );
  const flags = ['--strict', '--exactOptionalPropertyTypes', '--noEmit', '--target', 'es2022', '--module', 'nodenext'];
  const roots = ['--typeRoots', resolve('node_modules/@types'), '--types', 'node'];
  const { stdout, status } = spawnSync(
    process.execPath,
    [resolve('node_modules/typescript/bin/tsc'), ...flags, ...roots, program],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toBe('');
  expect(status).toBe(0);
});
