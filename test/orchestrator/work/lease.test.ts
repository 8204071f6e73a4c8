/** Leases of several chunks: how many, and what becomes of each, with a real store and an engine that does as it is told. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { BatchCoreError } from '../../../src/errors.ts';
import { noChunks } from '../../../src/events/progress.ts';
import { leaseSize } from '../../../src/orchestrator/spec/leaseSize.ts';
import type { Control } from '../../../src/orchestrator/work/control.ts';
import { runPhase } from '../../../src/orchestrator/work/phase.ts';
import { scratch } from '../../cli/harness.ts';
import { type CarryOut, withPhaseRun } from './phaseHarness.ts';

const directory = scratch();

const chunkAt = (chunkId: number, fileId = 0, rowFirst = chunkId * 10) => ({
  ...{ chunkId, fileId, rowFirst, rows: 10, bytes: 100, rowGroupFirst: chunkId, rowGroupLast: chunkId },
});
const plan = (count: number) => Array.from({ length: count }, (_, i) => chunkAt(i));

describe('a lease', () => {
  it.each([
    ['is all that waits where it is one', 1, 2, 8, 1],
    ['is half of a worker’s share', 20, 2, 8, 5],
    ['is as large as the engine allows', 1000, 2, 8, 8],
    ['is one chunk at the end', 4, 2, 8, 1],
    ['is one chunk where the engine says so', 20, 1, 1, 1],
    ['is none where nothing waits', 0, 2, 8, 0],
  ])('%s', (_, waiting, workers, chunksMax, size) => {
    expect(leaseSize(plan(waiting), workers, chunksMax)).toBe(size);
  });

  it('ends at a file’s end, and at a chunk that is done', () => {
    const files = [...plan(3), chunkAt(3, 1, 0), chunkAt(4, 1, 10)];
    expect(leaseSize([...files, ...files, ...files, ...files], 1, 8)).toBe(3);
    expect(leaseSize([chunkAt(0), chunkAt(1), chunkAt(3), chunkAt(4), chunkAt(5), chunkAt(6)], 1, 8)).toBe(2);
  });
});

/** What another process would ask of the run. */
const ask = (request: string) => writeFileSync(join(directory, 'control.json'), JSON.stringify({ request, to: 'h' }));

/** A phase over `count` chunks, whose tasks `run` carries out; what was given to it, and what the store says in the end. */
async function phase(count: number, run: CarryOut, act: (control: Control) => void = () => {}) {
  const given: string[] = [];
  const done: number[] = [];
  const retries: object[] = [];
  const emit = (_: 'retry', detail: object) => retries.push(detail);
  const counts = noChunks();
  const watched: CarryOut = async (task, hearing) => {
    given.push(task.ranges.map(({ chunk, attempt }) => `${chunk}.${attempt}`).join(' '));
    return run(task, hearing);
  };
  const path = join(directory, `${Math.random()}.duckdb`);
  const engine = { capacity: 2, chunksMax: 4, carryOut: watched };
  return withPhaseRun(path, { ...engine, emit, chunks: plan(count), retriesMax: 3 }, async (phaseRun) => {
    const { control, monitor, store } = phaseRun;
    act(control);
    const work = { name: 'fit', phase: 'fit', counts, work: () => ({ kind: 'verify' }) as const } as const;
    const failure = await runPhase(phaseRun, { ...work, done: (chunkId) => done.push(chunkId) }).then(
      () => undefined,
      (thrown: unknown) => BatchCoreError.from(thrown),
    );
    const chunks = await store.chunks('fit');
    return {
      given,
      done,
      retries,
      failure,
      counts,
      rows: monitor.progress().rowsDone,
      states: chunks.map(({ state }) => state),
    };
  });
}

/** Gives a receipt of each chunk until the lease is drained, or fails at one of `bad`. */
function carryOut(bad: (chunk: number, attempt: number) => boolean = () => false, ms = 5): CarryOut {
  return async ({ ranges }, { drain, onReceipt, onProgress }) => {
    for (const [i, { chunk, attempt }] of ranges.entries()) {
      if (i > 0 && drain.aborted) break;
      await sleep(ms);
      onProgress(i * 10 + 5);
      if (bad(chunk, attempt)) {
        const error = { code: 'TRANSIENT_IO', message: `chunk ${chunk}`, where: { file: '/s' } } as const;
        return { ok: false, error };
      }
      onProgress((i + 1) * 10);
      onReceipt({ chunk, result: { kind: 'summary', bytes: '' } });
    }
    return { ok: true };
  };
}

describe('a phase', () => {
  it('leases every chunk once, fewer at a time towards the end', async () => {
    const { given, done, failure, counts, rows, states } = await phase(12, carryOut());
    expect(failure).toBeUndefined();
    expect(given[0]).toBe('0.1 1.1 2.1');
    expect(given.at(-1)).toBe('11.1');
    expect(given.join(' ')).toBe(
      plan(12)
        .map(({ chunkId }) => `${chunkId}.1`)
        .join(' '),
    );
    expect(done.sort((a, b) => a - b)).toEqual(plan(12).map(({ chunkId }) => chunkId));
    expect([counts.executed, rows, new Set(states)]).toEqual([12, 120, new Set(['done'])]);
  });

  it('tries a chunk that failed alone, keeps those before it, and gives those after it to whoever is free', async () => {
    const { given, done, failure, counts, rows, states } = await phase(
      12,
      carryOut((chunk, attempt) => chunk === 1 && attempt === 1),
    );
    expect(failure).toBeUndefined();
    expect(given[0]).toBe('0.1 1.1 2.1');
    expect(given).toContain('1.2');
    expect(given.filter((chunks) => /\b2\.2\b/.test(chunks))).toHaveLength(1);
    expect(done.sort((a, b) => a - b)).toEqual(plan(12).map(({ chunkId }) => chunkId));
    expect([counts.executed, counts.retried, rows, new Set(states)]).toEqual([12, 1, 120, new Set(['done'])]);
  });

  it('says what took the worker of a chunk that is tried again', async () => {
    const lost: CarryOut = async (task, hearing) => {
      const [range] = task.ranges;
      if (range?.chunk !== 0 || range.attempt !== 1) return carryOut()(task, hearing);
      return { ok: false, error: { code: 'OUT_OF_MEMORY', message: 'a worker ran out of memory' }, lost: 'memory' };
    };
    const { retries, failure } = await phase(3, lost);
    expect(failure).toBeUndefined();
    expect(retries).toMatchObject([{ chunk: 0, attempt: 1, lost: 'memory', error: { code: 'OUT_OF_MEMORY' } }]);
  });

  it('that fails for good leaves what was not begun to the next execution', async () => {
    const { given, failure, states } = await phase(
      12,
      carryOut((chunk) => chunk === 1),
    );
    expect(failure).toMatchObject({ code: 'TRANSIENT_IO', message: expect.stringContaining('chunk 1') });
    expect(given.filter((chunks) => /^1\.\d$/.test(chunks))).toHaveLength(3);
    expect(states[0]).toBe('done');
    expect(states[1]).toBe('pending');
    expect(states).not.toContain('running');
  }, 30_000);

  it('that is paused ends the chunks at work, and goes on with those that were not begun', async () => {
    let pauses = 0;
    const { given, failure, states } = await phase(12, carryOut(undefined, 80), (control) => {
      control.onHold(() => {
        pauses += 1;
      });
      ask('pause');
      setTimeout(ask, 500, 'resume');
    });
    expect([failure, pauses]).toEqual([undefined, 1]);
    expect(given.join(' ')).toMatch(/\.2\b/);
    expect(new Set(states)).toEqual(new Set(['done']));
  });
});
