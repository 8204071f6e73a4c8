/** A worker reads the model from its file, and believes it only if it is the one that is meant. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { ChunkWorker, NativeModel, Watch } from '../../src/bindings/native.ts';
import { libraryPath } from '../../src/duckdb/library.ts';
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
  const { digest } = new NativeModel(meant!).facts;
  const worker = new ChunkWorker({ library: libraryPath(), files: [at('in.parquet')] });
  const chunk = { watch: new Watch().number, file: at('in.parquet'), fileIndex: 0, firstRow: 0, rowGroupRows: [2048] };
  const rank = () =>
    runTask(() => worker, {
      ...{ kind: 'rank', chunk, missing: 'center', count: 3, summaryPath: at('summary') },
      model: { path: at('model.bcm'), digest },
    });
  writeFileSync(at('model.bcm'), other!);
  expect(rank()).toMatchObject({ ok: false, error: { code: 'JOB_DAMAGED', where: { file: at('model.bcm') } } });
  writeFileSync(at('model.bcm'), meant!);
  expect(rank()).toMatchObject({ ok: true });
  // Once it is loaded, its file is of no more use.
  writeFileSync(at('model.bcm'), other!);
  expect(rank()).toMatchObject({ ok: true });
});
