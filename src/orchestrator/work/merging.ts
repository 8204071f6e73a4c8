/**
 * A pass whose chunks leave summaries, which are merged in chunk order while it goes on, on the runtime's pool: when the last
 * chunk is done, its summary is what is left to merge.
 *
 *   resume  what an earlier execution left: merged up to the first chunk that is not done, and looked at beyond it
 *   add     a chunk is done, in any order; its turn comes when all before it are in
 *   finish  all that was added is in
 *
 * What waits for its turn is a number: its record lies in the store, and a large summary in a file that only the merger reads.
 */
import { checkSummary } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { InOrder } from '../../inOrder.ts';
import type { JobStore, StoredChunk } from '../../store/job.ts';
import { runPhase } from './phase.ts';
import type { PhaseRun, PhaseWork } from './phaseRun.ts';

/** How often summaries may turn out damaged before the disk is given up. */
const MERGE_TRIES = 3;

/** What adds summaries, as the store keeps them: one call after the other. */
export interface Merger {
  add(kept: Uint8Array): Promise<void>;
}

/** Runs the pass; resolves to a merger of `begin` that all summaries are in. What is damaged is made again, and merged anew. */
export async function mergePass<M extends Merger>(
  run: PhaseRun,
  work: Omit<PhaseWork, 'resume' | 'done'>,
  begin: () => M,
): Promise<M> {
  const { store, emit } = run;
  for (let tries = 1; ; tries += 1) {
    const merger = begin();
    const merging = new Merging(store, work.name, merger);
    try {
      await runPhase(run, {
        ...work,
        resume: (stored) => merging.resume(stored),
        done: (chunkId, { summary }) => merging.add(chunkId, summary),
      });
      await merging.finish();
      return merger;
    } catch (thrown) {
      await merging.settled();
      const damaged = merging.damagedBy(BatchCoreError.from(thrown));
      if (damaged === undefined || tries >= MERGE_TRIES) throw thrown;
      emit('retry', { phase: work.phase, chunk: damaged, error: BatchCoreError.from(thrown).toJSON() });
      await store.reset(work.name, [damaged]);
    }
  }
}

class Merging {
  readonly #store: JobStore;
  readonly #phase: string;
  readonly #summaries: InOrder<Uint8Array | undefined>;

  constructor(store: JobStore, phase: string, merger: Merger) {
    this.#store = store;
    this.#phase = phase;
    this.#summaries = new InOrder(async (given, chunkId) => merger.add(given ?? (await store.summary(phase, chunkId))));
  }

  /** Beyond the first gap whoever is damaged is done again at once, and not one after the other as their turns come. */
  async resume(stored: readonly StoredChunk[]): Promise<number[]> {
    const lost: number[] = [];
    let gap = false;
    for (const { chunkId, state } of stored) {
      if (state !== 'done') gap = true;
      else if (gap && (await this.#isDamaged(chunkId))) lost.push(chunkId);
      else await this.#resumeWith(chunkId);
    }
    return lost;
  }

  /** Throws what went wrong with an earlier one. */
  add(chunkId: number, summary?: Uint8Array): void {
    // What has to wait is read when its turn comes.
    this.#summaries.add(chunkId, chunkId === this.#summaries.next ? summary : undefined);
  }

  /** Throws as {@link add} does. */
  finish(): Promise<void> {
    return this.#summaries.finish();
  }

  /** Nothing is merged any more. */
  settled(): Promise<void> {
    return this.#summaries.giveUp('a merge that was given up goes on');
  }

  /** The chunk of which `thrown` says that its summary is not what was written. */
  damagedBy(thrown: BatchCoreError): number | undefined {
    return thrown.code === 'JOB_DAMAGED' ? this.#summaries.failedAt(thrown) : undefined;
  }

  async #resumeWith(chunkId: number): Promise<void> {
    this.add(chunkId);
    await this.finish();
  }

  async #isDamaged(chunkId: number): Promise<boolean> {
    try {
      await checkSummary(await this.#store.summary(this.#phase, chunkId));
      return false;
    } catch (thrown) {
      if (BatchCoreError.from(thrown).code === 'JOB_DAMAGED') return true;
      throw thrown;
    }
  }
}
