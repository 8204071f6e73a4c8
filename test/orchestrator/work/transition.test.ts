/** How a job comes from one state into another: its database first. With a real store, and one that a file system made of no use. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { JobLock } from '../../../src/bindings/native.ts';
import { BatchCoreError } from '../../../src/errors.ts';
import { Bus } from '../../../src/events/bus.ts';
import type { RunEvent } from '../../../src/events/event.ts';
import type { Progress } from '../../../src/events/progress.ts';
import { Control, stoppedError } from '../../../src/orchestrator/work/control.ts';
import { Monitor } from '../../../src/orchestrator/work/monitor.ts';
import { Timing } from '../../../src/orchestrator/work/outcome.ts';
import { followControl, TRANSITIONS, tellEnd, transition } from '../../../src/orchestrator/work/transition.ts';
import { JobStore } from '../../../src/store/job.ts';
import { JOB_TRANSITIONS, STATE_TOLD } from '../../../src/store/states.ts';
import { type ControlRequest, requestControl } from '../../../src/store/status.ts';
import { gaussian, parquet, scratch, smallDisk } from '../../cli/harness.ts';

const directory = scratch();
const disk = smallDisk();
let jobs = 0;
const open: { store: JobStore; lock: JobLock; control: Control; states: Promise<unknown>[] }[] = [];

afterEach(async () => {
  for (const { store, lock, control, states } of open.splice(0)) {
    control.close();
    await Promise.all(states);
    await store.close();
    lock.release();
  }
});

/** A job that runs, followed, and what is told of it. */
async function running(signal?: AbortSignal, disk = scratch()) {
  const at = scratch();
  const store = await JobStore.open(join(disk, `${jobs++}.duckdb`));
  const created = { jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] };
  await store.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' }, { created });
  const lock = new JobLock(join(at, 'job.lock'), 'us');
  const events: RunEvent[] = [];
  /** What the database says when an event is told. */
  const states: Promise<string | undefined>[] = [];
  const stateNow = async () => (await store.read())?.state;
  const told = new Bus({ jobId: 'j', epoch: 1 }, [
    {
      name: 'test',
      onEvent: (event) => {
        events.push(event);
        states.push(stateNow());
      },
    },
  ]);
  const control = new Control(at, 'us', signal);
  const progress: Progress[] = [];
  const monitor = new Monitor('j', (record) => progress.push(record));
  const [timing, interrupt] = [new Timing(), new AbortController()];
  const follow = () => followControl({ store, emit: told.emit, home: '/h' }, { control, monitor, timing, interrupt });
  open.push({ store, lock, control, states });
  const ask = async (request: ControlRequest) => {
    requestControl(at, request);
    await sleep(300);
  };
  const names = () => events.map(({ event }) => event);
  return { store, emit: told.emit, control, follow, ask, events, names, states, stateNow, progress };
}

/** Writes until that fails; with which code. */
async function failureOf(write: () => Promise<void>): Promise<string> {
  for (;;) {
    const code = await write().then(
      () => undefined,
      (thrown) => BatchCoreError.from(thrown).code,
    );
    if (code !== undefined) return code;
  }
}

describe('a state', () => {
  it('is told as the state that the database comes into, by every way there is', () => {
    for (const [told, event] of Object.entries(TRANSITIONS)) {
      const reached = JOB_TRANSITIONS.filter(([, by]) => by === event).map(([, , to]) => to);
      expect(new Set(reached), told).toEqual(new Set([STATE_TOLD[told as keyof typeof TRANSITIONS]]));
    }
  });

  it('is in the database when it is told', async () => {
    const { follow, ask, names, states } = await running();
    const following = follow();
    for (const request of ['pause', 'resume', 'cancel'] as const) await ask(request);
    await following.end();
    expect(names()).toEqual(['paused', 'continued', 'stopping']);
    expect(await Promise.all(states)).toEqual(['paused', 'running', 'stopping']);
  });

  it('that the database does not take is not told', async () => {
    const { store, emit, events } = await running();
    await expect(transition({ store, emit }, 'continued', { home: '/h' })).rejects.toMatchObject({ code: 'BUG' });
    expect(events).toEqual([]);
  });
});

describe('a database that cannot be written', () => {
  it('fails a run that pauses, which would wait for ever', async () => {
    const { store, follow, ask, control, events, stateNow } = await running();
    const following = follow();
    await store.setState('stop');
    const waiting = ask('pause').then(() => control.gate());
    await waiting;
    await following.end();
    expect(events).toEqual([]);
    expect(await stateNow()).toBe('stopping');
    expect(control.signal.aborted).toBe(true);
    expect(stoppedError(control.stopped!, 'j', '/h')).toMatchObject({ code: 'BUG' });
  });

  it.runIf(disk !== undefined)('for lack of room: so a run that pauses ends', async () => {
    const { store, follow, ask, control, events, stateNow } = await running(undefined, disk);
    const following = follow();
    // Until nothing fits any more, however small.
    for (const text of ['x'.repeat(2000), ''])
      expect(await failureOf(() => store.event('full', { text }))).toBe('DISK_FULL');
    // A page that is begun may still take a state or two.
    for (let i = 0; i < 20 && !control.stopped; i += 1) await ask(i % 2 === 0 ? 'pause' : 'resume');
    await control.gate();
    await following.end();
    expect(stoppedError(control.stopped!, 'j', '/h')).toMatchObject({ code: 'DISK_FULL' });
    expect(await stateNow()).toBe(events.at(-1)?.event === 'paused' ? 'paused' : 'running');
  });

  it('does not hide why a run ended, which is told all the same', async () => {
    const { store, emit, events } = await running();
    const full = new BatchCoreError('DISK_FULL', 'no room');
    const broken = { setState: store.setState, endExecution: () => Promise.reject(full) };
    const error = new BatchCoreError('INPUT_CHANGED', 'changed');
    const thrown = await tellEnd({ store: broken, emit }, 1, 'failed', error);
    expect(thrown).toMatchObject({ code: 'INPUT_CHANGED', message: 'changed', cause: full });
    expect(events).toMatchObject([{ event: 'failed', exitCode: error.exitCode, error: { code: 'INPUT_CHANGED' } }]);
  });
});

describe('a run that was to stop before it began', () => {
  it('is stopping, and then stopped, for its database too', async () => {
    const { store, emit, follow, names } = await running(AbortSignal.abort());
    await follow().end();
    expect(names()).toEqual(['stopping']);
    await tellEnd({ store, emit }, 1, 'stopped', stoppedError('signal', 'j', '/h'));
    expect((await store.read())?.state).toBe('stopped');
    expect(await store.executions()).toMatchObject([{ status: 'stopped' }]);
  });

  it('by the package leaves a job that was stopped', async () => {
    const { score } = await import('../../../dist/index.js');
    const at = (name: string) => join(directory, name);
    await parquet(at('data.parquet'), gaussian(5000));
    const events: string[] = [];
    const scoring = score(at('data.parquet'), {
      ...{ out: at('o.parquet'), home: at('home'), signal: AbortSignal.abort() },
      onEvent: ({ event }: RunEvent) => events.push(event),
    });
    await expect(scoring).rejects.toMatchObject({ code: 'CANCELLED' });
    const [jobId = ''] = readdirSync(at('home/jobs'));
    const job = join(at('home/jobs'), jobId);
    const store = await JobStore.open(join(job, 'job.duckdb'));
    const told = JSON.parse(readFileSync(join(job, 'status.json'), 'utf8'));
    expect([events, told.state, (await store.read())?.state]).toEqual([
      ['started', 'stopping', 'stopped'],
      'stopped',
      'stopped',
    ]);
    expect(await store.executions()).toMatchObject([{ status: 'stopped', exitCode: told.exitCode }]);
    await store.close();
  });
});
