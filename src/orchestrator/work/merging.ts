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
import { untilWhole } from './untilWhole.ts';

/** What adds summaries, as the store keeps them: one call after the other. */
export interface Merger {
  add(kept: Uint8Array): Promise<void>;
}

/** Runs the pass; resolves to a merger of `begin` that all summaries are in. What is damaged is made again, and merged anew. */
export function mergePass<M extends Merger>(
  run: PhaseRun,
  work: Omit<PhaseWork, 'resume' | 'done'>,
  begin: () => M,
): Promise<M> {
  return untilWhole(run, work, () => {
    const merger = begin();
    const merging = new Merging(run.store, work.name, merger);
    return {
      async make() {
        await runPhase(run, {
          ...work,
          resume: (stored) => merging.resume(stored),
          done: (chunkId, { summary }) => merging.add(chunkId, summary),
        });
        await merging.finish();
        return merger;
      },
      giveUp: (error) => merging.giveUp(error),
    };
  });
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

  /** Nothing is merged any more; resolves to the chunk of which `error` says that its summary is not what was written. */
  async giveUp(error: BatchCoreError): Promise<number | undefined> {
    await this.#summaries.giveUp('a merge that was given up goes on');
    return error.code === 'JOB_DAMAGED' ? this.#summaries.failedAt(error) : undefined;
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
