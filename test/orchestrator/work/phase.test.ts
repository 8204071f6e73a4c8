/** Which chunk of a phase runs when, with a real store and an engine that only watches. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import type { Hearing } from '../../../src/engines/engine.ts';
import { noChunks } from '../../../src/events/progress.ts';
import { Control } from '../../../src/orchestrator/work/control.ts';
import { Monitor } from '../../../src/orchestrator/work/monitor.ts';
import { runPhase } from '../../../src/orchestrator/work/phase.ts';
import type { PhaseRun } from '../../../src/orchestrator/work/phaseRun.ts';
import type { SourceFile } from '../../../src/source/facts.ts';
import { JobStore } from '../../../src/store/job.ts';
import type { Task } from '../../../src/worker/protocol.ts';
import { scratch } from '../../cli/harness.ts';
import { chunkRows } from '../../store/fixture.ts';

const directory = scratch();
const path = join(directory, 'job.duckdb');
const chunks = chunkRows(8);

/** An execution that dies while `chunkIds` run. */
async function died(chunkIds: readonly number[]): Promise<void> {
  const store = await JobStore.open(path);
  if (!(await store.read())) await store.create({ jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] });
  await store.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' });
  await store.setState('start');
  await store.plan('fit', chunks);
  for (const chunkId of chunkIds) await store.claim('fit', chunkId);
  await store.close();
}

it('chunks during which two executions died run first and alone, before the third can be counted', async () => {
  await died([3, 4, 5]);
  await died([4, 5, 6]);
  const store = await JobStore.open(path);
  await store.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' });
  await store.setState('start');
  const [order, running]: [string[], Set<number>] = [[], new Set()];
  const control = new Control(directory, 'h', undefined);
  const run: PhaseRun = {
    ...{ jobId: 'j', home: '/h', store, control, chunks, retriesMax: 0, checkInput: async () => {} },
    monitor: new Monitor('j', () => {}),
    emit: () => {},
    sources: { files: [{ path: '/s', rowGroups: [] }] as unknown as SourceFile[], columns: [] },
    ...{ epoch: 3, interrupt: new AbortController().signal },
    engine: {
      ...{ name: 'threads', capacity: 2, chunksMax: 1, close: async () => {} },
      run: async ({ ranges: [range] }: Task, { onReceipt }: Hearing) => {
        const { chunk } = range!;
        running.add(chunk);
        order.push([...running].join(' '));
        await sleep(50);
        running.delete(chunk);
        onReceipt({ chunk, result: { kind: 'summary', bytes: '' } });
        return { ok: true };
      },
    },
  };
  try {
    await runPhase(run, { name: 'fit', phase: 'fit', counts: noChunks(), work: () => ({ kind: 'verify' }) });
  } finally {
    control.close();
    await store.close();
  }
  expect(order.slice(0, 2)).toEqual(['4', '5']);
  expect(order.slice(2).every((names) => !/[45]/.test(names))).toBe(true);
  expect(Math.max(...order.map((names) => names.split(' ').length))).toBeGreaterThan(1);
});
