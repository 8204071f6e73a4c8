/** The engine without threads, on real work. */
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { type Receipt, TASK_VERSION, type Task } from '../../src/bindings/task.ts';
import { libraryPath } from '../../src/duckdb/library.ts';
import type { Engine } from '../../src/engines/engine.ts';
import { openEngine } from '../../src/engines/open.ts';
import { scratch } from '../cli/harness.ts';

const directory = scratch();
const file = resolve(import.meta.dirname, '../fixtures/pages/v1-zstd.parquet');
const ranges = [400, 200].map((rows, chunk) => ({
  ...{ chunk, attempt: 1, firstRowGroup: chunk, firstRow: chunk * 400, rowGroupRows: [rows] },
}));
const verify: Task = {
  ...{ v: TASK_VERSION, epoch: 1, source: { path: file, index: 0, shifted: [] }, ranges },
  work: { kind: 'verify' },
};
const open = (library: string) =>
  openEngine('sequential', { workers: 4, worker: { library, files: [file], directory } });

const NEVER = new AbortController().signal;

/** What is heard of a task, in order. */
async function run(engine: Engine, { signal = NEVER, drain = NEVER } = {}) {
  const heard: string[] = [];
  const onReceipt = ({ chunk }: Receipt) => heard.push(`chunk ${chunk}`);
  const ending = await engine.run(verify, {
    signal,
    drain,
    onReceipt,
    onProgress: (rows) => heard.push(`${rows} rows`),
  });
  return { ...ending, heard };
}

it('runs one task after the other, lets the event loop turn in between, and closes after the last', async () => {
  const engine = await open(libraryPath());
  expect(engine.capacity).toBe(1);
  const order: string[] = [];
  const given = [1, 2, 3].map((n) => run(engine).then((reply) => order.push(`task ${n} ${reply.ok}`)));
  setImmediate(() => order.push('a turn'));
  const closed = engine.close().then(() => order.push('closed'));
  await Promise.all([...given, closed]);
  expect(order.filter((what) => what !== 'a turn')).toEqual(['task 1 true', 'task 2 true', 'task 3 true', 'closed']);
  expect(order.indexOf('a turn')).toBeLessThan(2);
  expect(await run(engine)).toMatchObject({ ok: false, error: { code: 'BUG' } });
});

it('answers with the error of a worker that cannot be opened, and goes on answering', async () => {
  const engine = await open('/nowhere/libduckdb.so');
  const replies = [await run(engine), await run(engine)];
  for (const reply of replies)
    expect(reply).toMatchObject({ ok: false, error: { message: expect.stringContaining('/nowhere') } });
  await engine.close();
});

it('tells of each chunk and of its rows, and an abort ends a task at its next batch, or after the chunk at work', async () => {
  const engine = await open(libraryPath());
  expect(await run(engine)).toEqual({ ok: true, heard: ['chunk 0', 'chunk 1', '600 rows'] });
  expect(await run(engine, { signal: AbortSignal.abort() })).toMatchObject({
    ok: false,
    error: { code: 'CANCELLED' },
    heard: ['0 rows'],
  });
  expect(await run(engine, { drain: AbortSignal.abort() })).toEqual({ ok: true, heard: ['chunk 0', '400 rows'] });
  await engine.close();
});
