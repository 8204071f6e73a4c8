// Opens and closes the engine of the built package again and again, with real work in between.
// Usage: node teardown.mjs <file> <rows> <rounds> <close|exit|idle|loading>

import { tmpdir } from 'node:os';
import { setTimeout } from 'node:timers/promises';
import { TASK_VERSION } from '../../../dist/bindings/task.js';
import { libraryPath } from '../../../dist/duckdb/library.js';
import { openThreads } from '../../../dist/engines/threads.js';

const [, , file, rows, rounds, how] = process.argv;
const range = { chunk: 0, attempt: 1, firstRowGroup: 0, firstRow: 0, rowGroupRows: rows.split(',').map(Number) };
const source = { path: file, index: 0, shifted: [] };
const task = { v: TASK_VERSION, epoch: 1, source, ranges: [range], work: { kind: 'verify' } };
const { signal } = new AbortController();
const hearing = { signal, drain: signal, onReceipt() {}, onProgress() {} };
for (let round = 0; round < Number(rounds); round += 1) {
  const engine = openThreads({ workers: 2, worker: { library: libraryPath(), files: [file], directory: tmpdir() } });
  if (how === 'loading') {
    await setTimeout(Math.random() * 120);
    await engine.close();
    continue;
  }
  const running = [0, 1, 2].map(() => engine.run(task, hearing));
  if (how === 'exit') process.exit(0);
  const replies = how === 'idle' ? [] : await Promise.all(running);
  if (!replies.every((reply) => reply.ok)) throw new Error(JSON.stringify(replies));
  await engine.close();
}
process.stdout.write(`${rounds} rounds\n`);
