/** The far side of the pool: one scanner per thread, opened with the first task. */
import { workerData } from 'node:worker_threads';
import { ChunkWorker, type WorkerOptions } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { ChunkReply, ChunkTask } from './protocol.ts';
import { runTask } from './run.ts';

let worker: ChunkWorker | undefined;

export default function run(task: ChunkTask): ChunkReply {
  try {
    worker ??= new ChunkWorker(workerData as WorkerOptions);
  } catch (thrown) {
    return { ok: false, error: BatchCoreError.from(thrown).toJSON() };
  }
  return runTask(worker, task);
}
