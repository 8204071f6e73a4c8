/** The package as other programs use it: the built files, not the sources. */
import { execFile } from 'node:child_process';
import { existsSync, linkSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { Bool, Float64, Int32, makeVector, RecordBatch, Table, tableFromArrays, vectorFromArray } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../src/index.ts';
import { gaussian, parquet, scratch, sha256, sql } from './cli/harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const root = resolve(import.meta.dirname, '..');
const { BatchCoreError, fit: fitModel, loadModel, plan, score }: typeof Package = await import(`${root}/dist/index.js`);
const run = promisify(execFile);

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(20_000));
});

describe('the package', () => {
  it('loads as ESM and as CommonJS, and runs nothing on import', async () => {
    const names = 'BatchCoreError,ERROR_CODES,Model,evaluate,fit,loadModel,plan,score';
    const esm = `import * as b from '${root}/dist/index.js'; console.log(Object.keys(b).sort().join())`;
    const cjs = `const b = require('${root}/dist/index.js'); console.log(Object.keys(b).filter((k) => k !== '__esModule' && k !== 'module.exports').sort().join())`;
    for (const args of [
      ['--input-type=module', '-e', esm],
      ['--input-type=commonjs', '-e', cjs],
    ]) {
      const { stdout } = await run(process.execPath, args, { cwd: directory });
      expect(stdout.trim()).toBe(names);
    }
  });

  it('scores with progress and events, and gives the report of the command', async () => {
    const phases = new Set<string>();
    const events: string[] = [];
    const report = await score(at('data.parquet'), {
      out: at('scores.parquet'),
      detector: 'zscore',
      columns: ['f0', 'f1'],
      onProgress: ({ phase }) => phases.add(phase),
      onEvent: ({ event }) => events.push(event),
    });
    expect(report).toMatchObject({
      schema: 'batch-core.report/1',
      status: 'completed',
      exitCode: 0,
      detector: 'zscore',
    });
    expect(report.output).toMatchObject({ rows: 20_000, sha256: sha256(at('scores.parquet')) });
    expect([...phases]).toEqual(['plan', 'fit', 'score', 'publish']);
    expect(events).toEqual(['started', 'published', 'finished']);
  });

  it('plans without touching anything', async () => {
    const report = await plan(at('data.parquet'), {
      out: at('planned.parquet'),
      chunkRows: 4096,
      top: 5,
      detector: 'hbos',
    });
    expect(report).toMatchObject({ chunks: { planned: 5, rowsMax: 4096 }, detector: 'hbos' });
    expect(report.phases).toEqual(['fit-1', 'rank', 'score', 'publish']);
    expect(report.expected).toEqual({ seconds: expect.any(Number), basedOnRuns: 0 });
    expect(existsSync(at('planned.parquet'))).toBe(false);
  });

  it('fits, saves and loads a model whose scores are those of the batch, to the bit', async () => {
    const model = await fitModel(at('data.parquet'), {
      detector: 'auto',
      columns: ['f0', 'f1', 'f2'],
      home: at('home'),
    });
    expect(model).toMatchObject({ detector: 'auto', columns: ['f0', 'f1', 'f2'], fitRows: 20_000 });
    await model.save(at('m.bcm'));
    const loaded = await loadModel(at('m.bcm'));
    expect(loaded.digest).toBe(model.digest);
    await score(at('data.parquet'), { model: at('m.bcm'), out: at('by-model.parquet') });
    const rows = await sql(
      `SELECT f0, f1, f2, score FROM '${at('by-model.parquet')}' s JOIN '${at('data.parquet')}' d ON s.row = d.id ORDER BY row`,
    );
    const column = (name: string) => Float64Array.from(rows, (row) => Number(row[name]));
    const table = tableFromArrays({ f2: column('f2'), f0: column('f0'), f1: column('f1') });
    const scores = loaded.score(table);
    expect(Array.from(scores)).toEqual(Array.from(column('score')));
  });

  it('borrows or converts what a caller holds: several chunks, nulls, integers, booleans', async () => {
    await parquet(
      at('kinds.parquet'),
      'SELECT i::DOUBLE AS a, (i % 10)::INTEGER AS n, i % 3 = 0 AS b FROM range(1000) r(i)',
    );
    const model = await fitModel(at('kinds.parquet'), { detector: 'zscore', home: at('home') });
    const batch = (from: number) =>
      new RecordBatch({
        a: makeVector(Float64Array.from({ length: 10 }, (_, i) => from + i)).data[0]!,
        n: vectorFromArray(
          Array.from({ length: 10 }, (_, i) => (i === 3 ? null : i)),
          new Int32(),
        ).data[0]!,
        b: vectorFromArray(
          Array.from({ length: 10 }, (_, i) => i % 2 === 0),
          new Bool(),
        ).data[0]!,
      });
    const table = new Table([batch(0), batch(10)]);
    const scores = model.score(table);
    expect(scores.length).toBe(20);
    expect(scores.type).toBeInstanceOf(Float64);
    expect(Array.from(scores).every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
  });

  it('an abort stops the run, and the same call goes on', async () => {
    await parquet(at('long.parquet'), gaussian(1_200_000));
    const controller = new AbortController();
    const options = { out: at('long-out.parquet'), detector: 'zscore', chunkRows: 4096 };
    const stopped = score(at('long.parquet'), {
      ...options,
      signal: controller.signal,
      onProgress: ({ phase, chunksDone }) => {
        if (phase === 'score' || (phase === 'fit' && chunksDone > 3)) controller.abort();
      },
    });
    await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
    const report = await score(at('long.parquet'), options);
    expect(report.fit.resumed + report.chunks.resumed).toBeGreaterThan(0);
  });

  it.each<[string, () => unknown]>([
    [
      'throws',
      () => {
        throw new Error('no such terminal');
      },
    ],
    ['rejects', async () => Promise.reject(new Error('no such terminal'))],
  ])('a callback that %s ends neither the run nor the process, and the report says so', async (how, callback) => {
    const scores = at(`callback-${how}.parquet`);
    const report = await score(at('data.parquet'), {
      out: scores,
      detector: 'zscore',
      onProgress: callback,
      onEvent: callback,
    });
    expect(report).toMatchObject({ status: 'completed', output: { rows: 20_000, sha256: sha256(scores) } });
    expect(report.warnings).toEqual([
      expect.stringMatching(
        /^onProgress failed and was not called again \(\d+ later records? (was|were) dropped\): no such terminal$/,
      ),
      expect.stringMatching(/^onEvent failed .*: no such terminal$/),
    ]);
    const model = await fitModel(at('data.parquet'), {
      detector: 'zscore',
      home: at(`home-${how}`),
      onEvent: callback,
    });
    expect(model).toMatchObject({ fitRows: 20_000, warnings: [expect.stringMatching(/^onEvent failed .*terminal$/)] });
  });

  it.each([{ exitCode: 0 }, { exitCode: -5.5 }, { exitCode: 130 }, undefined])(
    "an abort's reason is the caller's own: %j decides no exit code",
    async (reason) => {
      const signal = AbortSignal.abort(reason);
      const options = { out: at('reason.parquet'), home: at('home-reason'), signal };
      await expect(score(at('data.parquet'), options)).rejects.toMatchObject({ code: 'CANCELLED', exitCode: 1 });
    },
  );

  it('a callback that never answers delays nothing', async () => {
    const out = at('callback-never.parquet');
    const report = await score(at('data.parquet'), { out, detector: 'mad', onEvent: () => new Promise(() => {}) });
    expect(report).toMatchObject({ status: 'completed', warnings: [] });
  });

  it('saves a model over nothing but itself, unless forced, and never over a source', async () => {
    const source = await parquet(at('kept.parquet'), gaussian(2000));
    const model = await fitModel(source, { detector: 'mad', home: at('home') });
    const other = await fitModel(source, { detector: 'zscore', home: at('home') });
    const taken = (path: string, options?: { force: boolean }) =>
      expect(model.save(path, options), path).rejects.toMatchObject({
        code: 'OUTPUT_EXISTS',
        where: { file: path },
        hint: expect.not.stringContaining('--'),
      });
    const before = sha256(source);
    linkSync(source, at('linked.parquet'));
    symlinkSync(at('renamed.parquet'), at('symlink.parquet'));
    renameSync(source, at('renamed.parquet'));
    for (const name of ['linked', 'symlink', 'renamed'])
      for (const force of [false, true]) await taken(at(`${name}.parquet`), { force });
    expect(sha256(at('renamed.parquet'))).toBe(before);

    writeFileSync(at('notes.txt'), 'mine');
    await taken(at('notes.txt'));
    await other.save(at('other.bcm'));
    await other.save(at('other.bcm'));
    await taken(at('other.bcm'));
    mkdirSync(at('a-directory'));
    await taken(at('a-directory'), { force: true });
    expect(readFileSync(at('notes.txt'), 'utf8')).toBe('mine');

    await model.save(at('other.bcm'), { force: true });
    expect((await loadModel(at('other.bcm'))).digest).toBe(model.digest);
    await expect((await loadModel(at('other.bcm'))).save(at('notes.txt'))).rejects.toMatchObject({
      code: 'OUTPUT_EXISTS',
    });
    await model.save(at('notes.txt'), { force: true });
    expect(readFileSync(at('notes.txt'))).toEqual(Buffer.from(model.bytes));
  });

  it('refuses what it would have to ignore', async () => {
    type Loose = (...args: unknown[]) => unknown;
    const model = await fitModel(at('data.parquet'), { detector: 'zscore', home: at('home') });
    const table = tableFromArrays({ f0: new Float64Array(3) });
    const calls: [string, () => unknown][] = [
      ['frce', () => (model.save as Loose).call(model, at('never.bcm'), { frce: true })],
      ['force', () => (model.save as Loose).call(model, at('never.bcm'), { force: 'yes' })],
      ['detector', () => (model.save as Loose).call(model, at('never.bcm'), { detector: 'mad' })],
      ['Model.save', () => (model.save as Loose).call(model, at('never.bcm'), {}, true)],
      ['Model.score', () => (model.score as Loose).call(model, table, {}, {})],
      ['Model.threshold', () => (model.threshold as Loose).call(model, 0.1, {})],
      ['loadModel', () => (loadModel as Loose)(at('m.bcm'), { x: 1 })],
      ['score', () => (score as Loose)(at('data.parquet'), {}, {})],
      ['fit', () => (fitModel as Loose)(at('data.parquet'), {}, {})],
      ['plan', () => (plan as Loose)(at('data.parquet'), {}, {})],
    ];
    for (const [option, call] of calls) {
      const refused = await Promise.resolve()
        .then(call)
        .catch((error: unknown) => error);
      expect(refused, option).toMatchObject({ code: 'USAGE', where: { option }, hint: expect.stringMatching(/\w/) });
    }
    expect(existsSync(at('never.bcm'))).toBe(false);
  });

  it('refuses what only looks like what it takes, in its own words', async () => {
    const [source, out] = [at('data.parquet'), at('never.parquet')];
    const holed = (name: string): string[] => Object.assign(Array(2), { 1: name });
    const half = { aborted: false, addEventListener() {} };
    const calls: [string, () => Promise<unknown>][] = [
      ['a hole in keep', () => score(source, { out, keep: holed('f0') })],
      ['a hole in columns', () => plan(source, { columns: holed('f0') })],
      ['a hole among sources', () => score(holed(source), { out })],
      ['half a signal', () => score(source, { out, signal: half as unknown as AbortSignal })],
      ['NUL in the output', () => score(source, { out: `${out}\0.parquet` })],
      ['NUL in the plan', () => plan(source, { out: `${out}\0.parquet` })],
      ['NUL in the source', () => score(`${source}\0`, { out })],
      ['NUL in the home', () => score(source, { out, home: at('h\0') })],
      ['NUL in the model', () => loadModel(at('m\0'))],
      ['NUL in what is saved', () => score(source, { out, saveModel: at('m\0') })],
    ];
    for (const [what, call] of calls) {
      const refused = await call().catch((error: unknown) => error);
      expect(refused, what).toBeInstanceOf(BatchCoreError);
      expect(refused, what).toMatchObject({ code: 'USAGE' });
    }
    expect(existsSync(out)).toBe(false);
  });

  it('lends nobody the bytes of a model', async () => {
    const model = await fitModel(at('data.parquet'), { detector: 'zscore', home: at('home') });
    model.bytes.reverse();
    await model.save(at('lent.bcm'));
    expect((await loadModel(at('lent.bcm'))).digest).toBe(model.digest);
  });

  it('throws one class of error, with code, place and hint', async () => {
    const failure = await score(at('nothing.parquet')).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(BatchCoreError);
    expect(failure).toMatchObject({ code: 'SOURCE_NOT_FOUND', exitCode: 74, where: { file: at('nothing.parquet') } });
    const model = await fitModel(at('data.parquet'), { detector: 'zscore', home: at('home') });
    expect(() => model.score(tableFromArrays({ f0: new Float64Array(3) }))).toThrow(
      expect.objectContaining({ code: 'MODEL_MISMATCH' }),
    );
    expect(() => model.threshold(0.7)).toThrow(BatchCoreError);
  });
});
