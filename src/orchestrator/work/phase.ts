/**
 * One phase of a run: every chunk that is not done is claimed, carried out and committed.
 *
 * Per chunk:  pending -> claim (commit) -> running -> reply -> complete (commit) -> done
 *                                             \-> error -> retry after a pause, or the phase fails
 * Nothing is in flight when the phase ends, however it ends.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Receipt, Work, Yield } from '../../bindings/task.ts';
import type { Engine } from '../../engines/engine.ts';
import { BatchCoreError } from '../../errors.ts';
import type { ChunkCounts, Phase } from '../../events/progress.ts';
import { partName } from '../../sink/manifest.ts';
import { type ChunkReceipt, DEATHS_MAX, type JobStore, type StoredChunk } from '../../store/job.ts';
import { goOnHint } from '../prepare/commands.ts';
import type { PlannedChunk } from '../spec/plan.ts';
import { decideRetry } from '../spec/retry.ts';
import { type Control, stoppedError } from './control.ts';
import type { Monitor } from './monitor.ts';
import { type Sources, taskOf } from './task.ts';

export interface PhaseRun {
  jobId: string;
  home: string;
  store: JobStore;
  engine: Engine;
  monitor: Monitor;
  control: Control;
  retriesMax: number;
  chunks: readonly PlannedChunk[];
  sources: Sources;
  /** Of the execution. */
  epoch: number;
  /** Aborted when what is in flight is to be interrupted. */
  interrupt: AbortSignal;
  /** Throws when a chunk's file is not what was planned. */
  checkInput: (fileId: number) => Promise<void>;
}

export interface PhaseWork {
  /** Name of the phase in the store. */
  name: string;
  /** What people are told. */
  phase: Phase;
  /** What is done with a chunk. */
  work: (chunk: PlannedChunk) => Work;
  /** The file that is made of a chunk, by its name in the job's directory. */
  target?: (chunk: PlannedChunk) => string;
  counts: ChunkCounts;
  /** Told of each chunk whose receipt is committed; what it throws ends the phase. */
  done?: (chunkId: number, receipt: ChunkReceipt) => void;
}

export async function runPhase(run: PhaseRun, work: PhaseWork): Promise<void> {
  const { engine, monitor, control } = run;
  const stored = await chunksBefore(run, work);
  const waiting = inOrder(run.chunks, stored);
  const done = stored.filter((chunk) => chunk.state === 'done');
  work.counts.planned += run.chunks.length;
  work.counts.resumed += done.length;
  const sum = (chunks: readonly (PlannedChunk | StoredChunk)[]) => chunks.reduce((rows, chunk) => rows + chunk.rows, 0);
  monitor.enter(
    work.phase,
    { chunksTotal: run.chunks.length, chunksDone: done.length, rowsTotal: sum(run.chunks), rowsDone: sum(done) },
    work.counts,
  );

  let failure: BatchCoreError | undefined;
  const inFlight = new Set<Promise<void>>();
  while (true) {
    const next = failure || control.stopped ? undefined : waiting.shift();
    if (next === undefined) {
      if (inFlight.size === 0) break;
      await Promise.race(inFlight);
      continue;
    }
    const settled = runChunk(run, work, next.chunk)
      .catch((thrown: unknown) => {
        failure ??= BatchCoreError.from(thrown);
      })
      .finally(() => inFlight.delete(settled));
    inFlight.add(settled);
    // One more chunk than workers is claimed, so that no worker waits for a commit.
    if (inFlight.size >= (next.alone ? 1 : engine.capacity + 1)) await Promise.race(inFlight);
    if (!failure) await control.gate();
  }
  if (failure && failure.code !== 'CANCELLED') throw failure;
  if (control.stopped) throw stoppedError(control.stopped, run.jobId, run.home);
  if (failure) throw failure;
}

/** The phase's chunks as an earlier execution left them; none where they are planned only now. */
async function chunksBefore(run: PhaseRun, work: PhaseWork): Promise<StoredChunk[]> {
  if (await run.store.plan(work.name, run.chunks)) return [];
  await refusePoisoned(run, work);
  return run.store.chunks(work.name);
}

/**
 * What is left to do. Chunks that run when their process dies are all suspected: before one more death gives them up, each
 * runs first and alone, so that none is charged with what its neighbour does.
 */
function inOrder(chunks: readonly PlannedChunk[], stored: readonly StoredChunk[]) {
  const left = chunks
    .map((chunk, i) => ({ chunk, alone: (stored[i]?.deaths ?? 0) >= DEATHS_MAX - 1, state: stored[i]?.state }))
    .filter(({ state }) => state !== 'done');
  return [...left.filter(({ alone }) => alone), ...left.filter(({ alone }) => !alone)];
}

/** A chunk that took its process with it each time it ran would do so again: a person may let it try once more. */
async function refusePoisoned({ store, jobId, home }: PhaseRun, work: PhaseWork): Promise<void> {
  const [chunk, ...more] = await store.poisoned(work.name);
  if (!chunk) return;
  const { rowGroupFirst: first, rowGroupLast: last } = chunk;
  throw new BatchCoreError(
    'CHUNK_CRASHED',
    `the process ended without a word ${DEATHS_MAX} times while chunk ${chunk.chunkId}${more.length > 0 ? ` (and ${more.length} more)` : ''} of phase ${work.name} ran (row groups ${first} to ${last})`,
    {
      where: { job: jobId, rowGroup: first },
      hint: goOnHint('CHUNK_CRASHED', jobId, home),
    },
  );
}

async function runChunk(run: PhaseRun, work: PhaseWork, chunk: PlannedChunk): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    const attempt = await run.store.claim(work.name, chunk.chunkId);
    await run.checkInput(chunk.fileId);
    const thrown = await tryChunk(run, work, chunk, attempt);
    if (thrown === undefined) return;
    const error = placed(thrown, chunk);
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
    run.monitor.event('retry', {
      phase: work.phase,
      chunk: chunk.chunkId,
      attempt,
      error: error.toJSON(),
      delayMs: decision.delayMs,
    });
    await sleep(decision.delayMs, undefined, { signal: run.control.signal }).catch(() => {});
    if (run.control.stopped) throw error;
  }
}

/** One attempt; resolves to what went wrong with it. */
async function tryChunk(
  run: PhaseRun,
  work: PhaseWork,
  chunk: PlannedChunk,
  attempt: number,
): Promise<BatchCoreError | undefined> {
  const { engine, monitor, store } = run;
  let receipt: Receipt | undefined;
  let rowsTold = 0;
  const ending = await engine.run(taskOf(run, work, chunk, attempt), {
    signal: run.interrupt,
    onReceipt: (given) => {
      receipt = given;
    },
    onProgress: (rows) => {
      monitor.addRows(rows - rowsTold);
      rowsTold = rows;
    },
  });
  if (!ending.ok) {
    monitor.addRows(-rowsTold);
    return BatchCoreError.fromRecord(ending.error);
  }
  if (receipt === undefined) return new BatchCoreError('BUG', `chunk ${chunk.chunkId} ended without a receipt`);
  // A file that was replaced while it was read fails the chunk before its receipt counts.
  await run.checkInput(chunk.fileId);
  const done = receiptOf(chunk, receipt.result);
  await store.complete(work.name, chunk.chunkId, done);
  work.counts.executed += 1;
  monitor.chunkDone();
  work.done?.(chunk.chunkId, done);
  return undefined;
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
    part: { name: partName(chunk), size: file.bytes, sha256: file.sha256 },
    summary: Buffer.from(JSON.stringify(findings)),
  };
}
