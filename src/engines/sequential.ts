/** One chunk after the other on the calling thread: no pool, nothing to go wrong but the work itself. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChunkWorker } from '../bindings/native.ts';
import type { Reply, Task, TaskKind } from '../worker/protocol.ts';
import { runTask } from '../worker/run.ts';
import type { Engine, EngineOptions } from './engine.ts';

export function openSequential(options: EngineOptions): Engine {
  const worker = new ChunkWorker(options.worker);
  let last: Promise<unknown> = Promise.resolve();
  return {
    name: 'sequential',
    workers: 1,
    run<K extends TaskKind>(task: Task<K>): Promise<Reply<K>> {
      // A turn of the event loop between chunks lets signals, timers and the store be heard.
      const reply = last.then(() => nextTurn()).then(() => runTask(() => worker, task));
      last = reply;
      return reply;
    },
    async close() {
      await last;
    },
  };
}
