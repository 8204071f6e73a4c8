import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { Bus } from '../../src/events/bus.ts';
import { type Listener, sinksOf } from '../../src/events/listener.ts';
import type { Progress } from '../../src/events/progress.ts';
import { gaussian, parquet, scratch } from '../cli/harness.ts';

const progress = { type: 'progress', phase: 'fit' } as Progress;
const detail = { source: ['/s'], out: '/o' };
const told = (listener: Listener) => new Bus({ jobId: 'j', epoch: 1 }, sinksOf(listener));
const settled = () => new Promise((done) => setImmediate(done));

describe('callbacks of a caller', () => {
  it('passes on what it is told', () => {
    const records: unknown[] = [];
    const bus = told({ onProgress: (record) => records.push(record), onEvent: (record) => records.push(record) });
    bus.progress(progress);
    bus.emit('started', detail);
    expect(records).toEqual([progress, { type: 'event', jobId: 'j', epoch: 1, seq: 1, event: 'started', ...detail }]);
    expect(bus.warnings).toEqual([]);
  });

  it('is silent where there is no callback', () => {
    const bus = told({});
    bus.progress(progress);
    expect(bus.warnings).toEqual([]);
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
    const bus = told({
      onProgress: () => {
        throw Object.assign(new Error(), { message });
      },
    });
    bus.progress(progress);
    expect(bus.warnings).toEqual([expect.stringMatching(/^onProgress failed and was not called again/)]);
  });

  it('drops a callback after its first throw, counts, and leaves the other alone', () => {
    let [calls, events] = [0, 0];
    const bus = told({
      onProgress: () => {
        calls += 1;
        if (calls === 2) throw new Error('disk of the log is full');
      },
      onEvent: () => {
        events += 1;
      },
    });
    for (let i = 0; i < 5; i++) bus.progress(progress);
    bus.emit('started', detail);
    expect([calls, events]).toEqual([2, 1]);
    expect(bus.warnings).toEqual([
      'onProgress failed and was not called again (3 later records were dropped): disk of the log is full',
    ]);
  });

  it('hears a promise that is rejected, without waiting for one', async () => {
    let calls = 0;
    const bus = told({
      onEvent: async () => {
        calls += 1;
        throw new TypeError('later');
      },
    });
    bus.emit('started', detail);
    bus.emit('started', detail);
    await settled();
    bus.emit('started', detail);
    expect(calls).toBe(2);
    expect(bus.warnings).toEqual(['onEvent failed and was not called again (1 later record was dropped): later']);
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
    const bus = told({
      onEvent: () => {
        throw thrown;
      },
    });
    bus.emit('started', detail);
    bus.emit('started', detail);
    expect(bus.warnings).toEqual([expect.stringContaining('(1 later record was dropped)')]);
  });

  it('survives a thenable whose then throws', () => {
    const thenable = Object.defineProperty({}, 'then', {
      get() {
        throw new Error('trap');
      },
    });
    const bus = told({ onProgress: () => thenable });
    bus.progress(progress);
    expect(bus.warnings[0]).toContain('trap');
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
