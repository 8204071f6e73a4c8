/**
 * The child of kill.test.ts: commits chunks as fast as it can from `first` on, and says so, by number, on stdout, only
 * once a commit is acknowledged. It is killed; it never ends by itself.
 */
import { writeSync } from 'node:fs';

const [, , storeModule, database, first] = process.argv;
const { JobStore } = await import(storeModule);
const store = await JobStore.open(database);
await store.beginExecution({ pid: process.pid, bootId: 'boot', host: 'host', out: '/out' });

for (let chunk = Number(first); ; chunk += 2) {
  // Two at a time, so that commits of one and of several writes are killed alike.
  await Promise.all([chunk, chunk + 1].map(commit));
}

async function commit(chunk) {
  await store.claim('score', [chunk]);
  const staged = { name: `part-${chunk}`, size: chunk, sha256: `sha-${chunk}` };
  await store.complete('score', chunk, {
    rowsOut: chunk,
    staged,
    summary: Buffer.alloc(1 + (chunk % 5) * 4000, chunk % 251),
  });
  await store.event('done', { chunk });
  writeSync(1, `${chunk}\n`);
}
