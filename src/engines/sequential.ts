/** One task after the other on the calling thread: no pool, nothing to go wrong but the work itself. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChunkWorker } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Reply, Task, TaskKind } from '../worker/protocol.ts';
import { runTask } from '../worker/run.ts';
import type { Engine, EngineOptions } from './engine.ts';

export function openSequential(options: EngineOptions): Engine {
  let worker: ChunkWorker | undefined;
  const open = () => {
    worker ??= new ChunkWorker(options.worker);
    return worker;
  };
  let last: Promise<unknown> = Promise.resolve();
  let closed = false;
  return {
    name: 'sequential',
    workers: 1,
    run<K extends TaskKind>(task: Task<K>): Promise<Reply<K>> {
      if (closed) {
        const error = new BatchCoreError('BUG', 'a task was given to an engine that is closed').toJSON();
        return Promise.resolve({ ok: false, error });
      }
      // A turn of the event loop between tasks lets signals, timers and the store be heard.
      const reply = last.then(() => nextTurn()).then(() => runTask(open, task));
      last = reply;
      return reply;
    },
    async close() {
      closed = true;
      await last;
    },
  };
}
