import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { RunEvent } from '../../src/events/event.ts';
import { guard } from '../../src/events/listener.ts';
import type { Progress } from '../../src/events/progress.ts';
import { gaussian, parquet, scratch } from '../cli/harness.ts';

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

  it.each([
    Symbol('q'),
    {
      toString: () => {
        throw new Error('boo');
      },
    },
    null,
  ])('has words for an error without any', (message) => {
    const listener = guard({
      onProgress: () => {
        throw Object.assign(new Error(), { message });
      },
    });
    listener.onProgress(progress);
    expect(listener.warnings).toEqual([expect.stringMatching(/^onProgress failed and was not called again/)]);
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

describe('a listener that takes its time', () => {
  const directory = scratch();

  it.each(['onProgress', 'onEvent'])('does not hold the run: %s', async (name) => {
    await parquet(join(directory, 'data.parquet'), gaussian(20_000), 1000);
    // A process of its own: what blocks is its event loop.
    const script = `import { score } from ${JSON.stringify(pathToFileURL(resolve('dist/index.js')).href)};
      let calls = 0;
      const slow = () => { calls += 1; const end = Date.now() + 600; while (Date.now() < end); };
      const { status } = await score('data.parquet', { out: '${name}.parquet', chunkRows: 1000, ${name}: slow });
      console.log(JSON.stringify({ status, calls }));`;
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
      cwd: directory,
      timeout: 40_000,
      encoding: 'utf8',
    });
    const { status, calls } = JSON.parse(run.stdout || '{}');
    expect(status, run.stderr).toBe('completed');
    // Once for each phase and at the end, and while it goes on at most once in 1.2 seconds.
    expect(calls).toBeLessThan(10);
  });
});
