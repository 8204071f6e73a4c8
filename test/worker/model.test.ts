/** A worker reads the model from its file, and believes it only if it is the one that is meant. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ChunkWorker, Watch } from '../../src/bindings/native.ts';
import { type Artifact, type Receipt, TASK_VERSION, type Task } from '../../src/bindings/task.ts';
import { libraryPath } from '../../src/duckdb/library.ts';
import { sha256Of } from '../../src/sink/sink.ts';
import { runTask } from '../../src/worker/run.ts';
import { gaussian, parquet, run, scratch } from '../cli/harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  await parquet(at('in.parquet'), gaussian(5000));
  await parquet(at('in2.parquet'), gaussian(3000));
  for (const name of ['in', 'in2'])
    expect((await run(directory, 'fit', `${name}.parquet`, '-d', 'zscore', '-m', `${name}.bcm`)).code).toBe(0);
});

it('whatever was put in its place meanwhile', () => {
  const [meant, other] = ['in.bcm', 'in2.bcm'].map((name) => readFileSync(at(name)));
  const worker = new ChunkWorker({ library: libraryPath(), files: [at('in.parquet')], directory });
  const model = { sha256: sha256Of(meant!), name: 'model.bcm' };
  const rank = (artifact: Artifact) => {
    const receipts: Receipt[] = [];
    const task: Task = {
      ...{ v: TASK_VERSION, epoch: 1, source: { path: at('in.parquet'), index: 0, shifted: [] } },
      ranges: [
        { chunk: 0, attempt: 1, firstRowGroup: 0, firstRow: 0, rowGroupRows: [2048], target: 'summary' },
        { chunk: 1, attempt: 1, firstRowGroup: 1, firstRow: 2048, rowGroupRows: [2048], target: 'summary' },
      ],
      work: { kind: 'rank', model: artifact, missing: 'center', count: 3 },
    };
    const ending = runTask(
      () => worker,
      task,
      new Watch().number,
      (receipt) => receipts.push(receipt),
    );
    return { ...ending, chunks: receipts.map(({ chunk }) => chunk) };
  };
  writeFileSync(at('model.bcm'), other!);
  const damaged = { ok: false, error: { code: 'JOB_DAMAGED', where: { file: at('model.bcm') } }, chunks: [] };
  expect(rank(model)).toMatchObject(damaged);
  writeFileSync(at('model.bcm'), meant!);
  expect(rank(model)).toEqual({ ok: true, chunks: [0, 1] });
  // Once it is loaded, its file is of no more use.
  writeFileSync(at('model.bcm'), other!);
  expect(rank(model)).toEqual({ ok: true, chunks: [0, 1] });
  // One that is asked for by what is in it takes its place, and is no longer held when the first is asked for again.
  expect(rank({ ...model, sha256: sha256Of(other!) })).toEqual({ ok: true, chunks: [0, 1] });
  expect(rank(model)).toMatchObject(damaged);
});

it('and no task of another version', () => {
  const worker = new ChunkWorker({ library: libraryPath(), files: [], directory });
  const source = { path: at('in.parquet'), index: 0, shifted: [] };
  const task = (v: number): Task => ({ v, epoch: 1, source, ranges: [], work: { kind: 'verify' } });
  const run = (v: number) =>
    runTask(
      () => worker,
      task(v),
      new Watch().number,
      () => {},
    );
  expect(run(TASK_VERSION)).toEqual({ ok: true });
  expect(run(TASK_VERSION + 1)).toMatchObject({
    ok: false,
    error: { code: 'CONFIG', message: expect.stringMatching(/version 2 .* version 1/) },
  });
});
