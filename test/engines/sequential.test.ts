/** The engine without threads, on real work. */
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { Watch } from '../../src/bindings/native.ts';
import { libraryPath } from '../../src/duckdb/library.ts';
import { openEngine } from '../../src/engines/open.ts';

const file = resolve(import.meta.dirname, '../fixtures/pages/v1-zstd.parquet');
const watch = new Watch();
const chunk = { watch: watch.number, file, fileIndex: 0, firstRow: 0, rowGroupRows: [400, 200] };
const verify = { kind: 'verify', chunk, rowGroupFirst: 0 } as const;

it('runs one task after the other, lets the event loop turn in between, and closes after the last', async () => {
  const engine = await openEngine('sequential', { workers: 4, worker: { library: libraryPath(), files: [file] } });
  expect(engine.workers).toBe(1);
  const order: string[] = [];
  const given = [1, 2, 3].map((n) => engine.run(verify).then((reply) => order.push(`task ${n} ${reply.ok}`)));
  setImmediate(() => order.push('a turn'));
  const closed = engine.close().then(() => order.push('closed'));
  await Promise.all([...given, closed]);
  expect(order.filter((what) => what !== 'a turn')).toEqual(['task 1 true', 'task 2 true', 'task 3 true', 'closed']);
  expect(order.indexOf('a turn')).toBeLessThan(2);
  expect(await engine.run(verify)).toMatchObject({ ok: false, error: { code: 'BUG' } });
});

it('answers with the error of a worker that cannot be opened, and goes on answering', async () => {
  const engine = await openEngine('sequential', {
    workers: 1,
    worker: { library: '/nowhere/libduckdb.so', files: [] },
  });
  const replies = [await engine.run(verify), await engine.run(verify)];
  for (const reply of replies)
    expect(reply).toMatchObject({ ok: false, error: { message: expect.stringContaining('/nowhere') } });
  await engine.close();
});
