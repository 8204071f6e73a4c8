/** What the package refuses before it looks at any file: every option, by name, with the nearest known one. */
import { join, resolve } from 'node:path';
import { tableFromArrays } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../src/index.ts';
import { OPTIONS } from '../src/orchestrator/spec/optionTable.ts';
import { errorOf, gaussian, parquet, run, scratch } from './cli/harness.ts';

const directory = scratch();
const data = join(directory, 'data.parquet');
const root = resolve(import.meta.dirname, '..');
const batchCore: typeof Package = await import(`${root}/dist/index.js`);
const { BatchCoreError, fit: fitModel, loadModel, plan, score } = batchCore;

/** Calls as a program without types does. */
type Loose = (source?: unknown, options?: unknown) => Promise<unknown>;
const takers: [string, Loose][] = [
  ['score', score as Loose],
  ['fit', fitModel as Loose],
  ['plan', plan as Loose],
];

async function usage(call: Promise<unknown>): Promise<InstanceType<typeof BatchCoreError>> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(BatchCoreError);
  const refused = error as InstanceType<typeof BatchCoreError>;
  expect(refused).toMatchObject({ code: 'USAGE', exitCode: 2, hint: expect.stringMatching(/\w/) });
  return refused;
}

beforeAll(() => parquet(data, gaussian(3000)));

describe.each(takers)('%s', (taker, call) => {
  it('refuses an unknown option and says which was meant', async () => {
    const refused = await usage(call(data, { detectr: 'hbos' }));
    expect(refused.message).toContain('detectr');
    expect(refused.hint).toBe('did you mean "detector"?');
    expect(refused.where).toEqual({ option: 'detectr' });
    expect((await usage(call(data, { chunk_rows: 1000 }))).hint).toContain('"chunkRows"');
    expect((await usage(call(data, { frobnicate: undefined }))).hint).toContain('contamination');
    // As the command line calls it.
    expect((await usage(call(data, { set: { n_bins: 3 } }))).hint).toBe('did you mean "parameters"?');
  });

  it.each<[string, unknown]>([
    ['contamination', '0.1'],
    ['contamination', 0.9],
    ['contamination', Number.NaN],
    ['workers', '2'],
    ['workers', 0],
    ['workers', 1.5],
    ['columns', 'f0'],
    ['columns', [1]],
    ['columns', ['f0', 'f0']],
    ['exclude', ['f0', 'f0']],
    ['exclude', 'f0'],
    ['parameters', 'n_bins=3'],
    ['parameters', [1]],
    ['parameters', { n_bins: {} }],
    ['detector', 3],
    ['detector', ''],
    ['missing', 'centre'],
    ['missing', null],
    ['seed', -1],
    ['seed', 1n],
    ['chunkRows', '1M'],
    ['engine', 'ray'],
    ['memory', 512],
    ['retries', Number.POSITIVE_INFINITY],
    ['home', 7],
    ['home', ''],
    ['out', { path: 'x' }],
    ['fresh', 'yes'],
    ['force', 1],
  ])('refuses %s %o', async (option, value) => {
    const refused = await usage(call(data, { [option]: value }));
    expect(refused.where).toEqual({ option });
    expect(refused.message).toMatch(new RegExp(`^${option}: `));
  });

  it.each([[undefined], [null], [42], [''], [[]], [['a.parquet', 3]], [{ file: data }]])(
    'refuses the source %o',
    async (source) => {
      expect((await usage(call(source))).where).toEqual({ option: 'source' });
    },
  );

  it('names the element that is wrong', async () => {
    expect((await usage(call(['a.parquet', 3]))).message).toBe('source: element 1, 3, is not a path');
    expect((await usage(call([]))).message).toBe('source: it names nothing');
    const refused = await usage(call(data, { columns: ['f0', 3] }));
    expect(refused.message).toBe('columns: element 1, 3, is not the name of a column');
    expect((await usage(call(data, { columns: [] }))).message).toBe('columns: it names no column');
  });

  it('says which options of the contract have not landed', async () => {
    const refused = await usage(call(data, { direction: 'x > 1' }));
    expect(refused.message).toBe('direction: is not in this version');
  });

  it('refuses options that are no object', async () => {
    for (const options of [null, 'hbos', 3, ['hbos']]) await usage(call(data, options));
  });

  it('refuses what applies elsewhere only, and says where', async () => {
    const elsewhere = OPTIONS.filter((option) => !option.takers.includes(taker as 'score'));
    for (const { name, takers } of elsewhere) {
      const refused = await usage(call(data, { [name]: anyOf(name) }));
      expect(refused.where).toEqual({ option: name });
      expect(refused.hint).toContain(takers[0]);
    }
    expect(elsewhere.length).toBe({ score: 3, fit: 12, plan: 6 }[taker]);
  });
});

/** A value that `name` may have. */
function anyOf(name: string): unknown {
  const samples: Record<string, unknown> = { keep: 'all', model: 'm', saveModel: 'm', compression: 'none' };
  if (name === 'signal') return AbortSignal.abort();
  return name.startsWith('on') ? () => {} : (samples[name] ?? 1);
}

it.each<[string, unknown]>([
  ['keep', 3],
  ['keep', 'id'],
  ['keep', ['id', 'id']],
  ['threshold', '3'],
  ['threshold', Number.NaN],
  ['top', 0],
  ['top', '5'],
  ['explain', -1],
  ['compression', 'gzip'],
  ['compression', 3],
  ['model', new Uint8Array(3)],
  ['saveModel', true],
  ['signal', {}],
  ['signal', new AbortController()],
  ['onProgress', 'log'],
  ['onEvent', {}],
])('score refuses %s %o', async (option, value) => {
  expect((await usage((score as Loose)(data, { [option]: value }))).where).toEqual({ option });
});

it('score refuses options that exclude each other, by the names its caller used', async () => {
  expect((await usage(score(data, { top: 3, threshold: 1 }))).message).toBe(
    'top: cannot be given together with threshold',
  );
  const refused = await usage(score(data, { model: 'm.bcm', columns: ['f0'] }));
  expect(refused.message).toBe('columns: does not apply with model');
});

it('takes undefined for not given, and a signal of another realm', async () => {
  const { createContext, runInContext } = await import('node:vm');
  const own = new AbortController().signal;
  const foreign = runInContext(
    '({ aborted: false, addEventListener: own.addEventListener.bind(own), removeEventListener: own.removeEventListener.bind(own) })',
    createContext({ own }),
  );
  const options = { out: join(directory, 'realm.parquet'), detector: 'zscore', workers: undefined, signal: foreign };
  expect((await score(data, options)).status).toBe('completed');
});

it('a model refuses likewise', async () => {
  const model = await fitModel(data, { detector: 'zscore', columns: ['f0'], home: join(directory, 'home') });
  const table = tableFromArrays({ f0: new Float64Array(3) });
  const loose = model as unknown as Record<'score' | 'threshold' | 'save', (...given: unknown[]) => unknown>;
  const late = async (call: () => unknown) => call();
  const unknown = await usage(late(() => loose.score(table, { mising: 'skip' })));
  expect(unknown).toMatchObject({ where: { option: 'mising' }, hint: 'did you mean "missing"?' });
  await usage(late(() => loose.score(table, { missing: 'ignore' })));
  await usage(late(() => loose.score(table, { detector: 'hbos' })));
  await usage(late(() => loose.score(table, null)));
  for (const share of ['0.1', 0, 0.7, null]) await usage(late(() => loose.threshold(share)));
  for (const path of [undefined, '', 3, {}]) {
    await usage(late(() => loose.save(path)));
    await usage((loadModel as (path: unknown) => Promise<unknown>)(path));
  }
});

describe('the command line has the same checks', () => {
  it.each(['--columns', '--exclude', '--keep'])('%s names each column once', async (flag) => {
    const ended = await run(directory, 'score', data, flag, 'f0,f0', '--json', '--progress', 'none');
    expect(ended.code).toBe(2);
    expect(errorOf(ended)).toMatchObject({ code: 'USAGE', where: { option: flag } });
    expect(errorOf(ended).message).toMatch(new RegExp(`${flag}.*column "f0" is named twice`, 'i'));
  });

  it('plan speaks of flags', async () => {
    const ended = await run(directory, 'plan', data, '--chunk-rows', '3', '--json');
    expect(errorOf(ended)).toMatchObject({ code: 'USAGE', where: { option: '--chunk-rows' } });
  });
});

it('an empty BATCH_CORE_HOME counts as unset', async () => {
  const { start } = await import('./cli/harness.ts');
  const { existsSync } = await import('node:fs');
  const args = ['score', data, '-d', 'zscore', '-o', join(directory, 'sub.parquet'), '--progress', 'none'];
  const ended = await start(directory, args, { BATCH_CORE_HOME: '' }).ended;
  expect(ended).toMatchObject({ code: 0 });
  expect(existsSync(join(directory, '.batch-core/jobs'))).toBe(true);
  expect(existsSync(join(directory, 'jobs'))).toBe(false);
});
