/**
 * Some neighbouring chunks that one worker carries out, each committed by itself.
 *
 *   all pending -> claim (one commit) -> running -> receipt of each -> complete (commit) -> done
 *                                          \-> one fails -> again, alone, after a pause, or the phase fails
 *   those after one that failed, or that were not begun when the lease was drained -> pending, given back
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt, Yield } from '../../bindings/task.ts';
import { BatchCoreError, type Loss } from '../../errors.ts';
import { stagedPart } from '../../sink/part.ts';
import type { ChunkReceipt } from '../../store/job.ts';
import type { PlannedChunk } from '../spec/plan.ts';
import { decideRetry } from '../spec/retry.ts';
import type { PhaseRun, PhaseWork } from './phaseRun.ts';
import { taskOf } from './task.ts';

export interface LeaseHooks {
  /** Aborted when no other chunk is to be begun. */
  drain: AbortSignal;
  /** Takes chunks that were not begun. */
  giveBack: (chunks: readonly PlannedChunk[]) => void;
}

interface Failed {
  chunk: PlannedChunk;
  attempt: number;
  error: BatchCoreError;
  lost: Loss | undefined;
}

/** Resolves when each of `chunks` is done or given back. */
export async function runLease(
  run: PhaseRun,
  work: PhaseWork,
  chunks: readonly PlannedChunk[],
  hooks: LeaseHooks,
): Promise<void> {
  let failed = await tryLease(run, work, chunks, hooks);
  for (let tries = 1; failed; tries += 1) {
    await pauseOrThrow(run, work, failed, tries);
    failed = await tryLease(run, work, [failed.chunk], hooks);
  }
}

/** One attempt; resolves to the chunk that failed, if one did. */
async function tryLease(
  run: PhaseRun,
  work: PhaseWork,
  chunks: readonly PlannedChunk[],
  { drain, giveBack }: LeaseHooks,
): Promise<Failed | undefined> {
  const { engine, monitor, store } = run;
  const attempts = await store.claim(
    work.name,
    chunks.map(({ chunkId }) => chunkId),
  );
  await run.checkInput(chunks[0]?.fileId ?? 0);
  const commits: Promise<void>[] = [];
  let [rowsTold, rowsDone] = [0, 0];
  const ending = await engine.run(taskOf(run, work, chunks, attempts), {
    signal: run.interrupt,
    drain,
    onReceipt: (receipt) => {
      const chunk = chunks[commits.length];
      if (!chunk) return;
      rowsDone += chunk.rows;
      const commit = complete(run, work, chunk, receipt);
      // Looked at when the task has ended.
      commit.catch(() => {});
      commits.push(commit);
    },
    onProgress: (rows) => {
      monitor.addRows(rows - rowsTold);
      rowsTold = rows;
    },
  });
  // What was read of a chunk that failed is to be read again.
  monitor.addRows(rowsDone - rowsTold);
  const [next, ...rest] = chunks.slice(commits.length);
  const isBroken = next && (!ending.ok || !drain.aborted);
  const back = isBroken ? rest : chunks.slice(commits.length);
  if (back.length > 0) {
    await store.release(
      work.name,
      back.map(({ chunkId }) => chunkId),
    );
    giveBack(back);
  }
  await Promise.all(commits);
  if (!isBroken) return undefined;
  const error = ending.ok
    ? new BatchCoreError('BUG', `chunk ${next.chunkId} ended without a receipt`)
    : BatchCoreError.fromRecord(ending.error);
  const lost = ending.ok ? undefined : ending.lost;
  return { chunk: next, attempt: attempts[commits.length] ?? 0, error: placed(error, next), lost };
}

async function complete(run: PhaseRun, work: PhaseWork, chunk: PlannedChunk, receipt: Receipt): Promise<void> {
  if (receipt.chunk !== chunk.chunkId)
    throw new BatchCoreError('BUG', `a receipt of chunk ${receipt.chunk} came for chunk ${chunk.chunkId}`);
  // A file that was replaced while it was read fails the chunk before its receipt counts.
  await run.checkInput(chunk.fileId);
  const done = receiptOf(chunk, receipt.result);
  await run.store.complete(work.name, chunk.chunkId, done);
  work.counts.executed += 1;
  run.monitor.chunkDone();
  work.done?.(chunk.chunkId, done);
}

/** Records the failure and waits until the chunk may be tried again; throws when it may not. */
async function pauseOrThrow(
  run: PhaseRun,
  work: PhaseWork,
  { chunk, attempt, error, lost }: Failed,
  tries: number,
): Promise<void> {
  // A file that was replaced or cut while it was read is not to blame for what was found in it.
  if (error.class === 'DATA') await run.checkInput(chunk.fileId);
  const decision = run.control.stopped
    ? ({ kind: 'fail' } as const)
    : decideRetry(error, tries, run.retriesMax, Math.random());
  await run.store.fail(work.name, chunk.chunkId, {
    state: decision.kind === 'retry' ? 'retry_wait' : 'pending',
    error: error.toJSON(),
  });
  if (decision.kind === 'fail') throw error;
  work.counts.retried += 1;
  run.emit('retry', {
    phase: work.phase,
    chunk: chunk.chunkId,
    attempt,
    error: error.toJSON(),
    delayMs: decision.delayMs,
    ...(lost && { lost }),
  });
  await sleep(decision.delayMs, undefined, { signal: run.control.signal }).catch(() => {});
  if (run.control.stopped) throw error;
}

/** The error, saying which row groups it may be about: the damaged one itself is known to the reader at most. */
function placed(error: BatchCoreError, chunk: PlannedChunk): BatchCoreError {
  if (error.code === 'CANCELLED') return error;
  const { rowGroupFirst: first, rowGroupLast: last, rowFirst, rows } = chunk;
  const groups = first === last ? `row group ${first}` : `row groups ${first} to ${last}`;
  return new BatchCoreError(error.code, `${error.message} (in ${groups}, rows ${rowFirst} to ${rowFirst + rows - 1})`, {
    where: { ...(first === last && { rowGroup: first }), ...error.where },
    hint: error.hint,
    cause: error.cause,
  });
}

function receiptOf(chunk: PlannedChunk, result: Yield): ChunkReceipt {
  if (result.kind === 'summary') return { rowsOut: chunk.rows, summary: Buffer.from(result.bytes, 'base64') };
  if (result.kind === 'verified') {
    const { kind: _, ...verified } = result;
    return { rowsOut: chunk.rows, summary: Buffer.from(JSON.stringify(verified)) };
  }
  const { file, findings } = result;
  if (file.rows !== chunk.rows)
    throw new BatchCoreError('BUG', `chunk ${chunk.chunkId} has ${chunk.rows} rows but its part has ${file.rows}`);
  return {
    rowsOut: file.rows,
    staged: stagedPart(chunk, file),
    summary: Buffer.from(JSON.stringify(findings)),
  };
}
