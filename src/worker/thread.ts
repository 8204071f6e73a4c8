/** The far side of the pool, loaded by entry.cts: one worker per thread, opened at once. */
import { parentPort, workerData } from 'node:worker_threads';
import { ChunkWorker, type WorkerOptions } from '../bindings/native.ts';
import type { Answer, Assignment, Notice } from './protocol.ts';
import { runTask } from './run.ts';

let worker: ChunkWorker | undefined;
// Ready before the first task, which meets again what goes wrong here.
try {
  open();
} catch {}

function open(): ChunkWorker {
  worker ??= new ChunkWorker(workerData as WorkerOptions);
  return worker;
}

export function run({ task, watch }: Assignment): Answer {
  let receipts = 0;
  const ending = runTask(open, task, watch, (receipt) => {
    const notice: Notice = { watch, receipt };
    parentPort?.postMessage(notice);
    receipts += 1;
  });
  return { ...ending, receipts };
}
