/** The far side of the pool, loaded by entry.cts: one scanner per thread, opened with the first task that reads a source. */
import { workerData } from 'node:worker_threads';
import { ChunkWorker, type WorkerOptions } from '../bindings/native.ts';
import type { Reply, Task } from './protocol.ts';
import { runTask } from './run.ts';

let worker: ChunkWorker | undefined;

function open(): ChunkWorker {
  worker ??= new ChunkWorker(workerData as WorkerOptions);
  return worker;
}

export function run(task: Task): Reply {
  return runTask(open, task);
}
