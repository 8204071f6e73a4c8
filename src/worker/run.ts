/** One task on the thread that calls. */
import { basename, dirname, join } from 'node:path';
import type { Chunk, ChunkWorker } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Reply, Result, Task, TaskKind } from './protocol.ts';

/** Where summaries too large to be sent are kept, in the directory of the model and of the fit's state. */
export const SUMMARIES = 'summaries';

/** How each kind of work is done. The worker is opened by the first work that asks for it. */
const WORK: { [K in TaskKind]: (open: () => ChunkWorker, task: Task<K>) => Result<K> } = {
  summarize: (open, { chunk, fitPath }) => ({
    kind: 'summary',
    bytes: open().summarize(chunk, fitPath, summaryPath(fitPath, chunk)),
  }),
  rank: (open, { chunk, modelPath, missing, count }) => ({
    kind: 'summary',
    bytes: open().rank(chunk, modelPath, missing, count, summaryPath(modelPath, chunk)),
  }),
  score: (open, { chunk, modelPath, options }) => ({
    kind: 'part',
    receipt: open().score(chunk, modelPath, options),
  }),
  verify: (open, { chunk, rowGroupFirst }) => ({ kind: 'verified', receipt: open().verify(chunk, rowGroupFirst) }),
};

/** Beside what a chunk is summarized by, a directory for its summaries. A second attempt replaces the first's. */
function summaryPath(by: string, chunk: Chunk): string {
  const name = `${basename(by)}.${chunk.fileIndex}.${chunk.firstRow}`;
  return join(dirname(by), SUMMARIES, name);
}

/** Runs `task` and answers with data, whatever happens. */
export function runTask<K extends TaskKind>(open: () => ChunkWorker, task: Task<K>): Reply<K> {
  try {
    return { ok: true, result: WORK[task.kind as K](open, task) };
  } catch (thrown) {
    return { ok: false, error: BatchCoreError.from(thrown).toJSON() };
  }
}
