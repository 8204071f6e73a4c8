/** One task on the thread that calls. */
import type { ChunkWorker } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Reply, Result, Task, TaskKind } from './protocol.ts';

/** How each kind of work is done. The worker is opened by the first work that asks for it. */
const WORK: { [K in TaskKind]: (open: () => ChunkWorker, task: Task<K>) => Result<K> } = {
  summarize: (open, { chunk, fitPath, summaryPath }) => ({
    kind: 'summary',
    bytes: open().summarize(chunk, fitPath, summaryPath),
  }),
  rank: (open, { chunk, model, missing, count, summaryPath }) => ({
    kind: 'summary',
    bytes: open().rank(chunk, model, missing, count, summaryPath),
  }),
  score: (open, { chunk, model, options }) => ({
    kind: 'part',
    receipt: open().score(chunk, model, options),
  }),
  verify: (open, { chunk, rowGroupFirst }) => ({ kind: 'verified', receipt: open().verify(chunk, rowGroupFirst) }),
};

/** Runs `task` and answers with data, whatever happens. */
export function runTask<K extends TaskKind>(open: () => ChunkWorker, task: Task<K>): Reply<K> {
  try {
    return { ok: true, result: WORK[task.kind as K](open, task) };
  } catch (thrown) {
    return { ok: false, error: BatchCoreError.from(thrown).toJSON() };
  }
}
