import { describe, expect, it } from 'vitest';
import { guard } from '../../src/orchestrator/listener.ts';
import type { Progress, RunEvent } from '../../src/orchestrator/progress.ts';

const progress = { type: 'progress', phase: 'fit' } as Progress;
const event = { type: 'event', event: 'started', jobId: 'j' } as RunEvent;
const settled = () => new Promise((done) => setImmediate(done));

describe('a guarded listener', () => {
  it('passes on what it is told', () => {
    const told: unknown[] = [];
    const listener = guard({ onProgress: (record) => told.push(record), onEvent: (record) => told.push(record) });
    listener.onProgress(progress);
    listener.onEvent(event);
    expect(told).toEqual([progress, event]);
    expect(listener).toMatchObject({ dropped: 0, warnings: [] });
  });

  it('is silent where there is no callback', () => {
    const listener = guard({});
    listener.onProgress(progress);
    expect(listener).toMatchObject({ dropped: 0, warnings: [] });
  });

  it('drops a callback after its first throw, counts, and leaves the other alone', () => {
    let [calls, events] = [0, 0];
    const listener = guard({
      onProgress: () => {
        calls += 1;
        if (calls === 2) throw new Error('disk of the log is full');
      },
      onEvent: () => {
        events += 1;
      },
    });
    for (let i = 0; i < 5; i++) listener.onProgress(progress);
    listener.onEvent(event);
    expect([calls, events, listener.dropped]).toEqual([2, 1, 3]);
    expect(listener.warnings).toEqual([
      'onProgress failed and was not called again (3 later records were dropped): disk of the log is full',
    ]);
  });

  it('hears a promise that is rejected, without waiting for one', async () => {
    let calls = 0;
    const listener = guard({
      onEvent: async () => {
        calls += 1;
        throw new TypeError('later');
      },
    });
    listener.onEvent(event);
    listener.onEvent(event);
    await settled();
    listener.onEvent(event);
    expect(calls).toBe(2);
    expect(listener.warnings).toEqual(['onEvent failed and was not called again (1 later record was dropped): later']);
  });

  it.each([
    ['nothing', undefined],
    ['text', 'words'],
    ['an object without text', Object.create(null)],
    [
      'an error whose message throws',
      Object.defineProperty(new Error(), 'message', {
        get() {
          throw new Error('again');
        },
      }),
    ],
  ])('survives %s being thrown', (_, thrown) => {
    const listener = guard({
      onEvent: () => {
        throw thrown;
      },
    });
    listener.onEvent(event);
    listener.onEvent(event);
    expect(listener.dropped).toBe(1);
    expect(listener.warnings).toHaveLength(1);
  });

  it('survives a thenable whose then throws', () => {
    const thenable = Object.defineProperty({}, 'then', {
      get() {
        throw new Error('trap');
      },
    });
    const listener = guard({ onProgress: () => thenable });
    listener.onProgress(progress);
    expect(listener.warnings[0]).toContain('trap');
  });
});
