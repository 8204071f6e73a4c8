/** What a store has acknowledged survives the death of its process, however often it dies. */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { JobStore } from '../../src/store/job.ts';
import { scratch } from '../cli/harness.ts';

const KILLS = 60;
const LANES = 3;
const CHUNKS_PER_RUN = 300;
const directory = scratch();
const script = join(import.meta.dirname, 'committer.mjs');
const storeModule = new URL('../../dist/store/job.js', import.meta.url).href;

/** Runs the child until `milliseconds` after its first acknowledgement, kills it, and returns what it acknowledged. */
async function killOne(database: string, first: number, milliseconds: number): Promise<number[]> {
  const child = spawn(process.execPath, [script, storeModule, database, String(first)]);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data) => {
    if (stdout === '') setTimeout(() => child.kill('SIGKILL'), milliseconds);
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const signal = await new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
  expect(signal, stderr).toBe('SIGKILL');
  // A line that was cut off was not acknowledged.
  return stdout.split('\n').slice(0, -1).map(Number);
}

async function lane(number: number, kills: number): Promise<{ acknowledged: number; unacknowledged: number }> {
  const database = join(directory, `lane${number}.duckdb`);
  const store = await JobStore.open(database);
  await store.create({ jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] });
  const row = { fileId: 0, rowGroupFirst: 0, rowGroupLast: 0, rowFirst: 0, rows: 1, bytes: 1 };
  await store.plan(
    'score',
    Array.from({ length: kills * CHUNKS_PER_RUN }, (_, chunkId) => ({ chunkId, ...row })),
  );
  await store.close();

  const acknowledged = new Set<number>();
  for (let i = 0; i < kills; i++) {
    // Chunks of its own for each run: what an earlier one lost is not made good, and is missed at the end.
    const chunks = await killOne(database, i * CHUNKS_PER_RUN, 3 + ((i * 37 + number * 11) % 100));
    expect(chunks.length).toBeGreaterThan(0);
    for (const chunk of chunks) acknowledged.add(chunk);
  }

  const after = await JobStore.open(database);
  const done = (await after.chunks('score')).filter(({ state }) => state === 'done');
  const kept = new Set(done.map(({ chunkId }) => chunkId));
  expect(
    [...acknowledged].filter((chunk) => !kept.has(chunk)),
    'acknowledged and lost',
  ).toEqual([]);
  for (const { chunkId, staged, rowsOut, attempt } of done) {
    expect({ staged, rowsOut, attempt }).toEqual({
      staged: { name: `part-${chunkId}`, size: chunkId, sha256: `sha-${chunkId}` },
      ...{ rowsOut: chunkId, attempt: 1 },
    });
  }
  const events = (await after.events()).map(({ detail }) => (detail as { chunk: number }).chunk);
  expect(new Set(events).size, 'no event twice').toBe(events.length);
  expect(
    [...acknowledged].filter((chunk) => !events.includes(chunk)),
    'events lost',
  ).toEqual([]);

  await after.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' });
  expect((await after.chunks('score')).every(({ state }) => state === 'done' || state === 'pending')).toBe(true);
  const executions = await after.executions();
  expect(executions.map(({ epoch }) => epoch)).toEqual(Array.from({ length: kills + 1 }, (_, i) => i + 1));
  expect(executions.slice(0, -1).every(({ status }) => status === 'died')).toBe(true);
  await after.close();
  return { acknowledged: acknowledged.size, unacknowledged: kept.size - acknowledged.size };
}

it(`${KILLS} kills lose no acknowledged commit`, { timeout: 240_000 }, async () => {
  const lanes = await Promise.all(Array.from({ length: LANES }, (_, i) => lane(i, KILLS / LANES)));
  const sum = (field: 'acknowledged' | 'unacknowledged') => lanes.reduce((total, counts) => total + counts[field], 0);
  console.log(
    `${KILLS} kills: ${sum('acknowledged')} chunks acknowledged, 0 lost; ${sum('unacknowledged')} committed unacknowledged`,
  );
  // A run that never gets to commit would show nothing.
  expect(sum('acknowledged')).toBeGreaterThan(KILLS);
});
