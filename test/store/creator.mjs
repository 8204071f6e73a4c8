/**
 * The child of creation.test.ts: opens the job at argv[3], works on it, and says on stdout what was acknowledged; an error
 * it says as its record. It closes nothing: it ends like a process that is killed.
 */
import { writeSync } from 'node:fs';

const [, , storeModule, path] = process.argv;
const { JobStore } = await import(storeModule);
const say = (value) => writeSync(1, `${JSON.stringify(value)}\n`);
try {
  const store = await JobStore.open(path, { jobId: 'j' });
  say({ opened: true, recovery: store.recovery });
  if (!(await store.read())) await store.create({ jobId: 'j', specJson: '{}', fingerprint: 'f', files: [] });
  say({ created: true });
  await store.beginExecution({ pid: process.pid, bootId: 'b', host: 'h', out: '/o' });
  const row = { fileId: 0, rowGroupFirst: 0, rowGroupLast: 0, rowFirst: 0, rows: 1, bytes: 1 };
  await store.plan(
    'score',
    [0, 1, 2].map((chunkId) => ({ chunkId, ...row })),
  );
  for (const { chunkId, state } of await store.chunks('score')) {
    if (state === 'done') continue;
    await store.claim('score', [chunkId]);
    await store.complete('score', chunkId, { rowsOut: 1, summary: Buffer.alloc(5000, chunkId) });
    say({ done: chunkId });
  }
} catch (error) {
  say({ error: { code: error.code, exitCode: error.exitCode, message: error.message } });
}
process.exit(0);
