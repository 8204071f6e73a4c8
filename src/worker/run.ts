/** One task on the thread that calls. */
import type { ChunkWorker } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { ChunkReply, ChunkTask, ChunkYield } from './protocol.ts';

/** Runs `task` and answers with data, whatever happens. */
export function runTask(worker: ChunkWorker, task: ChunkTask): ChunkReply {
  try {
    return { ok: true, result: yieldOf(worker, task) };
  } catch (thrown) {
    return { ok: false, error: BatchCoreError.from(thrown).toJSON() };
  }
}

function yieldOf(worker: ChunkWorker, task: ChunkTask): ChunkYield {
  switch (task.kind) {
    case 'summarize':
      return { kind: 'summary', bytes: worker.summarize(task.chunk, task.fitPath) };
    case 'rank':
      return { kind: 'summary', bytes: worker.rank(task.chunk, task.modelPath, task.missing, task.count) };
    case 'score':
      return { kind: 'part', receipt: worker.score(task.chunk, task.modelPath, task.options) };
  }
}
