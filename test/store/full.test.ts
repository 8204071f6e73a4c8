/** A disk that fills up under the job database: refused as such, nothing acknowledged is lost, and room is all it takes. */
import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BatchCoreError } from '../../src/errors.ts';
import { JobStore } from '../../src/store/job.ts';
import { smallDisk } from '../cli/harness.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const disk = smallDisk() ?? '';

it.runIf(disk !== '')('no room: DISK_FULL; with room again the job goes on', async () => {
  const path = join(disk, 'job.duckdb');
  const row = { fileId: 0, rowGroupFirst: 0, rowGroupLast: 0, rowFirst: 0, rows: 1, bytes: 1 };
  const store = await JobStore.open(path);
  await store.create({ jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] });
  await store.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' });
  await store.plan(
    'fit-1',
    Array.from({ length: 100 }, (_, chunkId) => ({ chunkId, ...row })),
  );

  // Bytes that no compression makes small.
  const summary = (chunk: number) =>
    Buffer.from(Array.from({ length: 150_000 }, (_, i) => (Math.imul(i + chunk, 2_654_435_761) >>> 13) & 255));
  const done: number[] = [];
  let failure: unknown;
  for (let chunk = 0; chunk < 100 && failure === undefined; chunk++) {
    try {
      await store.claim('fit-1', [chunk]);
      await store.complete('fit-1', chunk, { rowsOut: 1, summary: summary(chunk) });
      done.push(chunk);
    } catch (error) {
      failure = error;
    }
  }
  expect(failure).toBeInstanceOf(BatchCoreError);
  expect(failure).toMatchObject({ code: 'DISK_FULL', class: 'RESOURCE', exitCode: 74, hint: expect.any(String) });
  expect(done.length).toBeGreaterThan(3);
  await store.close().catch(() => undefined);

  execFileSync('mount', ['-o', 'remount,size=64m', disk]);
  const again = await JobStore.open(path);
  await again.beginExecution({ pid: 2, bootId: 'b', host: 'h', out: '/o' });
  const stored = await again.chunks('fit-1');
  expect(stored.filter(({ state }) => state === 'done').map(({ chunkId }) => chunkId)).toEqual(done);
  for (const { chunkId, state } of stored) {
    if (state === 'done') continue;
    await again.claim('fit-1', [chunkId]);
    await again.complete('fit-1', chunkId, { rowsOut: 1, summary: summary(chunkId) });
  }
  const summaries = await collect(again.summaries('fit-1'));
  expect(summaries.map((bytes, chunk) => Buffer.compare(bytes, summary(chunk)))).toEqual(Array(100).fill(0));
  await again.close();
  expect(statSync(path).size).toBeGreaterThan(10_000_000);
});
