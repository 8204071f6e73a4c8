// What may go wrong in a worker, by the kind of its task.
import { workerData } from 'node:worker_threads';

export function run({ kind, ms }) {
  if (kind === 'exit') process.exit(7);
  if (kind === 'heap') {
    const kept = [];
    for (;;) kept.push(new Array(1000).fill(kept.length));
  }
  if (kind === 'clone') return { ok: true, result: () => {} };
  if (kind === 'wrong') return undefined.nothing;
  if (kind === 'wait') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
  return { ok: true, result: { kind, given: workerData.library } };
}
