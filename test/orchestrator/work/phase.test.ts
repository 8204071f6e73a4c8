/** Which chunk of a phase runs, and when, with a real store and an engine that only watches. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Engine } from '../../../src/engines/engine.ts';
import { noChunks } from '../../../src/events/progress.ts';
import { runPhase } from '../../../src/orchestrator/work/phase.ts';
import { scratch } from '../../cli/harness.ts';
import { chunkRows } from '../../store/fixture.ts';
import { begunStore, type CarryOut, withPhaseRun } from './phaseHarness.ts';

const path = join(scratch(), 'job.duckdb');
const chunks = chunkRows(8);

const given: CarryOut = async ({ ranges }, { onReceipt }) => {
  for (const { chunk } of ranges) onReceipt({ chunk, result: { kind: 'summary', bytes: '' } });
  return { ok: true };
};

/** An execution that dies while `chunkIds` run. */
async function died(chunkIds: readonly number[]): Promise<void> {
  const { store } = await begunStore(path);
  await store.plan('fit', chunks);
  for (const chunkId of chunkIds) await store.claim('fit', [chunkId]);
  await store.close();
}

it('chunks during which two executions died run first and alone, before the third can be counted', async () => {
  await died([3, 4, 5]);
  await died([4, 5, 6]);
  const [order, running]: [string[], Set<number>] = [[], new Set()];
  const carryOut: CarryOut = async ({ ranges: [range] }, { onReceipt }) => {
    const { chunk } = range!;
    running.add(chunk);
    order.push([...running].join(' '));
    await sleep(50);
    running.delete(chunk);
    onReceipt({ chunk, result: { kind: 'summary', bytes: '' } });
    return { ok: true };
  };
  await withPhaseRun(path, { chunks, capacity: 2, chunksMax: 1, carryOut }, (run) =>
    runPhase(run, { name: 'fit', phase: 'fit', counts: noChunks(), work: () => ({ kind: 'verify' }) }),
  );
  expect(order.slice(0, 2)).toEqual(['4', '5']);
  expect(order.slice(2).every((names) => !/[45]/.test(names))).toBe(true);
  expect(Math.max(...order.map((names) => names.split(' ').length))).toBeGreaterThan(1);
});

it('what an earlier execution left is looked at before any of it counts, and what is given back runs again', async () => {
  const [ran, seen]: [number[], string[]] = [[], []];
  const carryOut: CarryOut = async ({ ranges: [range] }, { onReceipt }) => {
    const { chunk } = range!;
    ran.push(chunk);
    onReceipt({ chunk, result: { kind: 'summary', bytes: '' } });
    return { ok: true };
  };
  const counts = noChunks();
  await withPhaseRun(join(scratch(), 'job.duckdb'), { chunks, capacity: 2, chunksMax: 1, carryOut }, async (run) => {
    const phase = (lost: number[]) =>
      runPhase(run, {
        ...{ name: 'fit', phase: 'fit', counts, work: () => ({ kind: 'verify' }) },
        resume: async (stored) => {
          seen.push(stored.map(({ state }) => state).join(' '));
          return lost;
        },
      });
    await phase([]);
    expect(ran.splice(0)).toHaveLength(8);
    await phase([1, 3]);
    await phase([]);
  });
  expect(ran.sort()).toEqual([1, 3]);
  expect(seen).toEqual(['', ...Array(2).fill(Array(8).fill('done').join(' '))]);
  expect(counts).toMatchObject({ planned: 24, resumed: 14, executed: 10 });
});

it('an engine that shrinks is given fewer leases at a time, and one that grows more', async () => {
  const many = chunkRows(40);
  let capacity = 4;
  const [inFlight, most]: [Set<number>, number[]] = [new Set(), []];
  const carryOut: CarryOut = async ({ ranges: [range] }, { onReceipt }) => {
    const { chunk } = range!;
    inFlight.add(chunk);
    if (chunk === 10) capacity = 1;
    most[chunk] = inFlight.size;
    // As many as there may be: one more than there are workers, while there are chunks.
    while (inFlight.size <= capacity && most.length < many.length) await sleep(1);
    inFlight.delete(chunk);
    // It is asked again when a lease ends.
    if (chunk === 25) capacity = 3;
    onReceipt({ chunk, result: { kind: 'summary', bytes: '' } });
    return { ok: true };
  };
  const told: number[] = [];
  await withPhaseRun(
    join(scratch(), 'job.duckdb'),
    { chunks: many, capacity: () => capacity, chunksMax: 1, carryOut },
    (run) =>
      runPhase(run, {
        ...{ name: 'fit', phase: 'fit', counts: noChunks(), work: () => ({ kind: 'verify' }) },
        done: () => told.push(run.monitor.workers),
      }),
  );
  expect(Math.max(...most.slice(0, 10))).toBe(5);
  // What was given before is not taken back.
  expect(Math.max(...most.slice(16, 25))).toBe(2);
  expect(Math.max(...most.slice(30))).toBe(4);
  expect([...new Set(told)]).toEqual([4, 1, 3]);
});

it('the plan of a phase and its first claims are one commit', async () => {
  const commits: number[] = [];
  await withPhaseRun(
    join(scratch(), 'job.duckdb'),
    { chunks, capacity: 2, chunksMax: 1, carryOut: given },
    async (run) => {
      const before = run.store.commits;
      const engine: Engine = {
        ...run.engine,
        run: (task, hearing) => {
          commits.push(run.store.commits - before);
          return given(task, hearing);
        },
      };
      await runPhase(
        { ...run, engine },
        { name: 'fit', phase: 'fit', counts: noChunks(), work: () => ({ kind: 'verify' }) },
      );
      expect((await run.store.chunks('fit')).map(({ state }) => state)).toEqual(chunks.map(() => 'done'));
    },
  );
  expect(commits[0]).toBe(1);
});

it('a plan that is not the one that was stored is refused as that', async () => {
  const path = join(scratch(), 'job.duckdb');
  await withPhaseRun(path, { chunks, capacity: 2, chunksMax: 1, carryOut: given }, async (run) => {
    await run.store.plan('fit', chunks.slice(1));
    const phase = runPhase(run, { name: 'fit', phase: 'fit', counts: noChunks(), work: () => ({ kind: 'verify' }) });
    await expect(phase).rejects.toMatchObject({ code: 'BUG', message: expect.stringContaining('7 stored chunks') });
  });
});
