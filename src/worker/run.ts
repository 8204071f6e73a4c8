/** One task on the thread that calls. */
import type { ChunkWorker } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Ending, Receipt, Task } from './protocol.ts';

/**
 * Runs `task` under the watch of that number and answers with data, whatever happens. The worker is opened by the first task
 * that asks for it.
 */
export function runTask(open: () => ChunkWorker, task: Task, watch: number, give: (receipt: Receipt) => void): Ending {
  try {
    open().run(task, watch, give);
    return { ok: true };
  } catch (thrown) {
    return { ok: false, error: BatchCoreError.from(thrown).toJSON() };
  }
}
