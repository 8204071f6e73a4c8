/** A planned chunk as the task that an engine is given. */
import { relative } from 'node:path';
import { type Artifact, type Source, TASK_VERSION, type Task, type Work } from '../../bindings/task.ts';
import { BatchCoreError } from '../../errors.ts';
import { sha256Of } from '../../sink/sink.ts';
import type { SourceFacts } from '../../source/facts.ts';
import type { JobPaths } from '../../store/home.ts';
import { type PlannedChunk, rowGroupRows } from '../spec/plan.ts';

/** The files of the plan. */
export type Sources = Pick<SourceFacts, 'files' | 'columns'>;

/** The task of doing `work` with neighbouring chunks, each of which is tried for the time that `attempts` says. */
export function taskOf(
  { epoch, sources }: { epoch: number; sources: Sources },
  { work, target }: { work: (chunk: PlannedChunk) => Work; target?: (chunk: PlannedChunk) => string },
  chunks: readonly PlannedChunk[],
  attempts: readonly number[],
): Task {
  const [first] = chunks;
  const file = first && sources.files[first.fileId];
  if (!file) throw new BatchCoreError('BUG', `chunk ${first?.chunkId} names file ${first?.fileId}`);
  const ranges = chunks.map((chunk, i) => ({
    chunk: chunk.chunkId,
    attempt: attempts[i] ?? 1,
    firstRowGroup: chunk.rowGroupFirst,
    firstRow: chunk.rowFirst,
    rowGroupRows: rowGroupRows(file, chunk),
    ...(target && { target: target(chunk) }),
  }));
  return { v: TASK_VERSION, epoch, source: sourceOf(sources, first.fileId, file.path), ranges, work: work(first) };
}

function sourceOf({ columns }: Sources, index: number, path: string): Source {
  const shifted = columns.flatMap(({ name, shifted }) => (shifted ? [{ column: name, ...shifted }] : []));
  return { path, index, shifted };
}

/** A file of the job that workers read: they believe it only if it is what `bytes` are. */
export function artifactOf({ directory }: Pick<JobPaths, 'directory'>, path: string, bytes: Uint8Array): Artifact {
  return { sha256: sha256Of(bytes), name: relative(directory, path) };
}
