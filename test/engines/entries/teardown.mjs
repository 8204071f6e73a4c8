// Opens and closes the engine of the built package again and again, with real work in between.
// Usage: node teardown.mjs <file> <rows> <rounds> <close|exit|idle|loading>

import { setTimeout } from 'node:timers/promises';
import { Watch } from '../../../dist/bindings/native.js';
import { libraryPath } from '../../../dist/duckdb/library.js';
import { openThreads } from '../../../dist/engines/threads.js';

const [, , file, rows, rounds, how] = process.argv;
const watch = new Watch();
const chunk = { watch: watch.number, file, fileIndex: 0, firstRow: 0, rowGroupRows: rows.split(',').map(Number) };
for (let round = 0; round < Number(rounds); round += 1) {
  const engine = openThreads({ workers: 2, worker: { library: libraryPath(), files: [file] } });
  if (how === 'loading') {
    await setTimeout(Math.random() * 120);
    await engine.close();
    continue;
  }
  const running = [0, 1, 2].map(() => engine.run({ kind: 'verify', chunk, rowGroupFirst: 0 }));
  if (how === 'exit') process.exit(0);
  const replies = how === 'idle' ? [] : await Promise.all(running);
  if (!replies.every((reply) => reply.ok)) throw new Error(JSON.stringify(replies));
  await engine.close();
}
process.stdout.write(`${rounds} rounds\n`);
