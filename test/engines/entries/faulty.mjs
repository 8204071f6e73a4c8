// What may go wrong in a worker, by the kind of its task.
import { parentPort, workerData } from 'node:worker_threads';

export function run({ task: { kind, ms }, watch }) {
  if (kind === 'exit') process.exit(7);
  if (kind === 'heap') {
    const kept = [];
    for (;;) kept.push(new Array(1000).fill(kept.length));
  }
  if (kind === 'clone') return { ok: () => {} };
  if (kind === 'wrong') return undefined.nothing;
  if (kind === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  if (kind === 'good') for (const receipt of [1, workerData.library]) parentPort.postMessage({ watch, receipt });
  return { ok: true, receipts: kind === 'good' ? 2 : 0 };
}
