/** One task after the other on the calling thread: no pool, nothing to go wrong but the work itself. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChunkWorker } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Ending, Task } from '../worker/protocol.ts';
import { runTask } from '../worker/run.ts';
import type { Engine, EngineOptions, Hearing } from './engine.ts';
import { follow } from './follow.ts';

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
    capacity: 1,
    // Between two tasks the event loop turns.
    chunksMax: 1,
    run(task: Task, hearing: Hearing): Promise<Ending> {
      if (closed) {
        const error = new BatchCoreError('BUG', 'a task was given to an engine that is closed').toJSON();
        return Promise.resolve({ ok: false, error });
      }
      // A turn of the event loop between tasks lets signals, timers and the store be heard.
      const ending = last.then(() => nextTurn()).then(() => runHere(open, task, hearing));
      last = ending;
      return ending;
    },
    async close() {
      closed = true;
      await last;
    },
  };
}

function runHere(open: () => ChunkWorker, task: Task, hearing: Hearing): Ending {
  const { watch, end } = follow(hearing);
  try {
    return runTask(open, task, watch, hearing.onReceipt);
  } finally {
    end();
  }
}
