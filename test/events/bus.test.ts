/** What sinks are told, and what they lose. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Bus, type Sink } from '../../src/events/bus.ts';
import type { RunEvent } from '../../src/events/event.ts';
import type { Progress } from '../../src/events/progress.ts';

const progress = (rowsDone: number) => ({ type: 'progress', rowsDone }) as Progress;
const nameOf = (record: RunEvent | Progress) => (record.type === 'event' ? `event ${record.seq}` : record.rowsDone);
const opened = (...sinks: Sink[]) => new Bus({ jobId: 'j', epoch: 2 }, sinks);
const home = { home: '/h' };

/** A sink that notes what it is told, and then does as `answer` says. */
function noting(told: unknown[], more: Partial<Sink> = {}, answer: () => unknown = () => undefined): Sink {
  const note = (record: RunEvent | Progress) => {
    told.push(nameOf(record));
    return answer();
  };
  return { name: 'noting', onEvent: note, onProgress: note, ...more };
}

/** A gate that lets through one at a time. */
function gate() {
  const waiting: (() => void)[] = [];
  return {
    pass: () => new Promise<void>((resolve) => waiting.push(resolve)),
    open: async () => {
      waiting.shift()?.();
      await sleep(0);
    },
  };
}

describe('a sink', () => {
  it('is told all in order of emission, before emit returns, and numbered events without a gap', () => {
    const [first, second]: unknown[][] = [[], []];
    const bus = opened(noting(first!), noting(second!));
    bus.progress(progress(1));
    bus.emit('paused', home);
    bus.emit('continued', home);
    bus.progress(progress(2));
    expect(first).toEqual([1, 'event 1', 'event 2', 2]);
    expect(second).toEqual(first);
  });

  it('that throws takes nothing from the others', () => {
    const told: unknown[] = [];
    const broken = noting([], { name: 'broken' }, () => {
      throw new Error('no disk');
    });
    const bus = opened(broken, noting(told));
    for (const rows of [1, 2, 3]) bus.progress(progress(rows));
    expect(told).toEqual([1, 2, 3]);
    expect(bus.warnings).toEqual(['broken failed and was not called again (2 later records were dropped): no disk']);
  });

  it('that lasts is told again after a failure, and what it lost is counted', async () => {
    const told: unknown[] = [];
    let calls = 0;
    const bus = opened(
      noting(told, { name: 'lasting', lasting: true }, async () => {
        calls += 1;
        if (calls < 3) throw new Error(`failure ${calls}`);
      }),
    );
    for (const rows of [1, 2, 3, 4]) bus.progress(progress(rows));
    await bus.close();
    expect(told).toEqual([1, 2, 3, 4]);
    expect(bus.warnings).toEqual(['lasting failed (2 records were lost): failure 1']);
  });

  it('that only hears events is told no progress', () => {
    const told: unknown[] = [];
    const { onProgress: _, ...deaf } = noting(told);
    const bus = opened(deaf);
    bus.progress(progress(1));
    bus.emit('paused', home);
    expect(told).toEqual(['event 1']);
  });
});

describe('a sink with a queue', () => {
  it('is told one record after the other, and of progress only the newest', async () => {
    const [told, { pass, open }] = [[] as unknown[], gate()];
    const bus = opened(noting(told, { queue: 8 }, pass));
    bus.emit('paused', home);
    for (const rows of [1, 2, 3]) bus.progress(progress(rows));
    bus.emit('continued', home);
    expect(told).toEqual(['event 1']);
    bus.progress(progress(4));
    for (let i = 0; i < 4; i += 1) await open();
    await bus.close();
    expect(told).toEqual(['event 1', 'event 2', 4]);
    expect(bus.warnings).toEqual([]);
  });

  it('that cannot keep up loses the oldest events, counted', async () => {
    const [told, { pass, open }] = [[] as unknown[], gate()];
    const bus = opened(noting(told, { name: 'slow', queue: 2 }, pass));
    for (let i = 0; i < 6; i += 1) bus.emit('paused', home);
    for (let i = 0; i < 4; i += 1) await open();
    await bus.close();
    expect(told).toEqual(['event 1', 'event 5', 'event 6']);
    expect(bus.warnings).toEqual(['slow could not keep up (3 records were lost)']);
  });

  it('that never answers holds nobody, and what waits for it at the end is lost', async () => {
    const [told, fast]: unknown[][] = [[], []];
    const bus = opened(
      noting(told!, { name: 'stuck', queue: 4 }, () => new Promise(() => {})),
      noting(fast!),
    );
    for (let i = 0; i < 3; i += 1) bus.emit('paused', home);
    expect(fast).toHaveLength(3);
    await bus.close();
    expect(told).toEqual(['event 1']);
    expect(bus.warnings).toEqual(['stuck could not keep up (2 records were lost)']);
  });

  it('that fails is told nothing more: what waited is dropped with what comes', async () => {
    const told: unknown[] = [];
    const bus = opened(noting(told, { name: 'broken', queue: 4 }, () => Promise.reject(new Error('gone'))));
    for (let i = 0; i < 3; i += 1) bus.emit('paused', home);
    await bus.close();
    expect(told).toEqual(['event 1']);
    expect(bus.warnings).toEqual(['broken failed and was not called again (2 later records were dropped): gone']);
  });

  it('is told what waits before the run ends', async () => {
    const told: unknown[] = [];
    const bus = opened(noting(told, { queue: 9 }, () => sleep(5)));
    for (let i = 0; i < 5; i += 1) bus.emit('paused', home);
    await bus.close();
    expect(told).toHaveLength(5);
    expect(bus.warnings).toEqual([]);
  });
});
