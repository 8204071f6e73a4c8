/** A phase with a real store and an engine that does as its test says. */
import { dirname } from 'node:path';
import type { Engine } from '../../../src/engines/engine.ts';
import { Control } from '../../../src/orchestrator/work/control.ts';
import { Monitor } from '../../../src/orchestrator/work/monitor.ts';
import type { PhaseRun } from '../../../src/orchestrator/work/phaseRun.ts';
import type { SourceFile } from '../../../src/source/facts.ts';
import { JobStore } from '../../../src/store/job.ts';

/** How an engine carries out a task. */
export type CarryOut = Engine['run'];

/** The store at `path`, of whose job an execution has begun; what is not there is made. */
export async function begunStore(path: string): Promise<{ store: JobStore; epoch: number }> {
  const store = await JobStore.open(path);
  const created = (await store.read()) ? undefined : { jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] };
  const { epoch } = await store.beginExecution({ pid: 1, bootId: 'b', host: 'h', out: '/o' }, { created });
  return { store, epoch };
}

interface Given extends Pick<PhaseRun, 'chunks'>, Pick<Engine, 'chunksMax'>, Partial<Pick<PhaseRun, 'emit'>> {
  /** It may change while the phase runs. */
  capacity: number | (() => number);
  carryOut: CarryOut;
  retriesMax?: number;
}

/** What `act` makes of a run over `chunks`, whose store lies at `path`: beside it is what others ask of `h`. */
export async function withPhaseRun<T>(path: string, given: Given, act: (run: PhaseRun) => Promise<T>): Promise<T> {
  const { chunks, capacity, chunksMax, carryOut, emit = () => {}, retriesMax = 0 } = given;
  const { store, epoch } = await begunStore(path);
  const control = new Control(dirname(path), 'h', undefined);
  const monitor = new Monitor('j', () => {});
  try {
    return await act({
      ...{ jobId: 'j', home: '/h', store, epoch, control, monitor, emit, chunks, retriesMax },
      sources: { files: [{ path: '/s', rowGroups: [] }] as unknown as SourceFile[], columns: [] },
      engine: {
        ...{ name: 'threads', chunksMax, close: async () => {}, run: carryOut },
        get capacity() {
          return typeof capacity === 'number' ? capacity : capacity();
        },
      },
      interrupt: new AbortController().signal,
      checkInput: async () => {},
    });
  } finally {
    control.close();
    await store.close();
  }
}
