/**
 * One phase of a run: every chunk that is not done is leased to a worker, some neighbours at a time (lease.ts). Nothing is in
 * flight when the phase ends, however it ends.
 */
import type { Engine } from '../../engines/engine.ts';
import { BatchCoreError } from '../../errors.ts';
import { DEATHS_MAX, type StoredChunk } from '../../store/job.ts';
import { goOnHint } from '../prepare/commands.ts';
import { leaseSize } from '../spec/leaseSize.ts';
import type { PlannedChunk } from '../spec/plan.ts';
import { stoppedError } from './control.ts';
import { runLease } from './lease.ts';
import type { PhaseRun, PhaseWork } from './phaseRun.ts';

export async function runPhase(run: PhaseRun, work: PhaseWork): Promise<void> {
  const { engine, monitor, control } = run;
  const { stored, planned } = await begin(run, work);
  const waiting = new Waiting(run.chunks, stored);
  const done = stored.filter((chunk) => chunk.state === 'done');
  work.counts.planned += run.chunks.length;
  work.counts.resumed += done.length;
  const sum = (chunks: readonly (PlannedChunk | StoredChunk)[]) => chunks.reduce((rows, chunk) => rows + chunk.rows, 0);
  monitor.workers = engine.capacity;
  monitor.enter(
    work.phase,
    { chunksTotal: run.chunks.length, chunksDone: done.length, rowsTotal: sum(run.chunks), rowsDone: sum(done) },
    work.counts,
  );

  let failure: BatchCoreError | undefined;
  const inFlight = new Map<Promise<void>, AbortController>();
  /** What is at work goes on; chunks that are leased and not begun are given back. */
  const drain = () => {
    for (const lease of inFlight.values()) lease.abort();
  };
  const forget = control.onHold(drain);
  while (true) {
    if (!failure) await control.gate();
    monitor.workers = engine.capacity;
    const next = failure || control.stopped ? [] : waiting.next(engine);
    if (next.length === 0) {
      if (inFlight.size === 0) break;
      await Promise.race([...inFlight.keys(), waiting.more]);
      continue;
    }
    const lease = new AbortController();
    const settled = runLease(run, work, next, { drain: lease.signal, giveBack: (chunks) => waiting.giveBack(chunks) })
      .catch((thrown: unknown) => {
        failure ??= BatchCoreError.from(thrown);
        drain();
      })
      .finally(() => inFlight.delete(settled));
    inFlight.set(settled, lease);
    // One more lease than workers is claimed, so that no worker waits for a commit.
    while (inFlight.size >= (waiting.isAlone ? 1 : engine.capacity + 1)) await Promise.race(inFlight.keys());
  }
  forget();
  // Where this failed, what claims say is no news.
  await planned;
  if (failure && failure.code !== 'CANCELLED') throw failure;
  if (control.stopped) throw stoppedError(control.stopped, run.jobId, run.home);
  if (failure) throw failure;
}

interface Before {
  /** The phase's chunks as an earlier execution left them; none where they are planned only now, */
  stored: StoredChunk[];
  /** which is one commit with the first claims. */
  planned: Promise<unknown>;
}

async function begin(run: PhaseRun, work: PhaseWork): Promise<Before> {
  const { store } = run;
  const stored = await store.chunks(work.name);
  const isNew = stored.length === 0;
  if (isNew) await work.resume?.([]);
  const planned = store.plan(work.name, run.chunks);
  // Looked at when the phase ends.
  planned.catch(() => {});
  if (isNew) return { stored, planned };
  await planned;
  return { stored: await resume(run, work, stored), planned };
}

/** The phase's chunks once it is known which of them count. */
async function resume(run: PhaseRun, work: PhaseWork, stored: StoredChunk[]): Promise<StoredChunk[]> {
  const { store } = run;
  const lost = (await work.resume?.(stored)) ?? [];
  if (lost.length > 0) await store.reset(work.name, lost);
  await refusePoisoned(run, work);
  return lost.length > 0 ? store.chunks(work.name) : stored;
}

/**
 * What is left to do. Chunks that run when their process dies are all suspected: before one more death gives them up, each
 * runs first and alone, so that none is charged with what its neighbour does.
 */
class Waiting {
  readonly #suspects: PlannedChunk[];
  #others: PlannedChunk[];
  /** Whether what was given last is to run alone. */
  isAlone = false;
  /** Resolves when chunks were given back. */
  more: Promise<void> = Promise.resolve();
  #tell = () => {};

  constructor(chunks: readonly PlannedChunk[], stored: readonly StoredChunk[]) {
    const left = chunks.filter((_, i) => stored[i]?.state !== 'done');
    const suspects = new Set(stored.filter(({ deaths }) => deaths >= DEATHS_MAX - 1).map(({ chunkId }) => chunkId));
    this.#suspects = left.filter(({ chunkId }) => suspects.has(chunkId));
    this.#others = left.filter(({ chunkId }) => !suspects.has(chunkId));
    this.#awaitMore();
  }

  /** The next lease; nothing when all are given. */
  next({ capacity, chunksMax }: Pick<Engine, 'capacity' | 'chunksMax'>): PlannedChunk[] {
    this.isAlone = this.#suspects.length > 0;
    if (this.isAlone) return this.#suspects.splice(0, 1);
    return this.#others.splice(0, leaseSize(this.#others, capacity, chunksMax));
  }

  /** Chunks that were not begun; they are the next again, in the order of the plan. */
  giveBack(chunks: readonly PlannedChunk[]): void {
    this.#others = [...chunks, ...this.#others].sort((a, b) => a.chunkId - b.chunkId);
    this.#tell();
    this.#awaitMore();
  }

  #awaitMore(): void {
    this.more = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }
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
