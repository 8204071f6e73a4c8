/**
 * A pass whose chunks leave summaries, which are merged in chunk order while it goes on, on the runtime's pool: when the last
 * chunk is done, its summary is what is left to merge.
 *
 *   resume  what an earlier execution left: what it had merged, then up to the first chunk that is not done; looked at beyond it
 *   add     a chunk is done, in any order; its turn comes when all before it are in
 *   save    what is merged takes the place of the summaries that are in, once those take more of the disk than it does
 *   finish  all that was added is in
 *
 * What waits for its turn is a number: its record lies in the store, and a large summary in a file that only the merger reads.
 */
import { checkSummary } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { InOrder } from '../../inOrder.ts';
import type { JobStore, StoredChunk } from '../../store/job.ts';
import { mergedPath, removeMerged } from '../../store/workFiles.ts';
import type { JobPaths } from '../prepare/home.ts';
import { SAVED_BYTES_MIN } from '../spec/resources.ts';
import { runPhase } from './phase.ts';
import type { PhaseRun, PhaseWork } from './phaseRun.ts';
import { untilWhole } from './untilWhole.ts';

/** What merges summaries, as the store keeps them: one call after the other. */
export interface Merger {
  /** Resolves to the bytes of the summary. */
  add(kept: Uint8Array): Promise<number>;
  /** Keeps what is merged so far; a large one in the file `path`. None where that is no less than the summaries. */
  save?(path: string): Promise<{ kept: Uint8Array; bytes: number }>;
  /** Goes on where the merger was that kept this; resolves to its bytes. One that is damaged changes nothing. */
  restore?(kept: Uint8Array): Promise<number>;
}

/** A pass over `chunks`, and where its summaries lie. */
export interface MergedPass extends Omit<PhaseWork, 'resume' | 'done'> {
  paths: Pick<JobPaths, 'summaries'>;
  /** Only tests have it otherwise. */
  savedBytesMin?: number;
}

/** Runs the pass; resolves to a merger of `begin` that all summaries are in. What is damaged is made again, and merged anew. */
export function mergePass<M extends Merger>(run: PhaseRun, pass: MergedPass, begin: () => M): Promise<M> {
  return untilWhole(run, pass, () => {
    const merger = begin();
    const merging = new Merging(run.store, pass, merger);
    return {
      async make() {
        await runPhase(run, {
          ...pass,
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
  readonly #pass: MergedPass;
  readonly #merger: Merger;
  readonly #summaries: InOrder<Uint8Array | undefined>;
  /** Of the summaries that are in and not in what was saved last, and of that. */
  #bytes = { added: 0, saved: 0 };

  constructor(store: JobStore, pass: MergedPass, merger: Merger) {
    this.#store = store;
    this.#pass = pass;
    this.#merger = merger;
    this.#summaries = new InOrder((given, chunkId) => this.#merge(given, chunkId));
  }

  /** Beyond the first gap whoever is damaged is done again at once, and not one after the other as their turns come. */
  async resume(stored: readonly StoredChunk[]): Promise<number[]> {
    const lost = await this.#restore();
    let gap = lost.length > 0;
    for (const { chunkId, state } of stored.slice(Math.max(lost.length, this.#summaries.next))) {
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
  async finish(): Promise<void> {
    await this.#summaries.finish();
    // Until the model is there, what is left of a pass lies beside what the next one makes.
    if (this.#bytes.saved > 0 && this.#bytes.added > 0) await this.#save(this.#summaries.next);
  }

  /** Nothing is merged any more; resolves to the chunk of which `error` says that its summary is not what was written. */
  async giveUp(error: BatchCoreError): Promise<number | undefined> {
    await this.#summaries.giveUp('a merge that was given up goes on');
    return error.code === 'JOB_DAMAGED' ? this.#summaries.failedAt(error) : undefined;
  }

  async #merge(given: Uint8Array | undefined, chunkId: number): Promise<void> {
    const { name, savedBytesMin = SAVED_BYTES_MIN } = this.#pass;
    this.#bytes.added += await this.#merger.add(given ?? (await this.#store.summary(name, chunkId)));
    if (this.#bytes.added >= Math.max(savedBytesMin, this.#bytes.saved)) await this.#save(chunkId + 1);
  }

  async #save(chunks: number): Promise<void> {
    const { name, paths } = this.#pass;
    const saved = await this.#merger.save?.(mergedPath(paths, name, chunks));
    if (!saved) return;
    const { kept, bytes } = saved;
    await this.#store.setMerged(name, { chunks, summary: kept });
    await removeMerged(paths, name, chunks);
    this.#bytes = { added: 0, saved: bytes };
  }

  /** Goes on with what an earlier execution saved; the chunks that are lost with it where it is damaged. */
  async #restore(): Promise<number[]> {
    const merged = this.#merger.restore && (await this.#store.merged(this.#pass.name));
    if (!merged) return [];
    const { chunks, summary } = merged;
    const saved = await unlessDamaged(this.#merger.restore?.(summary));
    if (saved === undefined) return Array.from({ length: chunks }, (_, chunkId) => chunkId);
    this.#bytes.saved = saved;
    // What a dead execution had no time to remove.
    await removeMerged(this.#pass.paths, this.#pass.name, chunks);
    this.#summaries.beginAt(chunks);
    return [];
  }

  async #resumeWith(chunkId: number): Promise<void> {
    this.add(chunkId);
    await this.#summaries.finish();
  }

  async #isDamaged(chunkId: number): Promise<boolean> {
    const checked = checkSummary(await this.#store.summary(this.#pass.name, chunkId));
    return (await unlessDamaged(checked.then(() => true))) === undefined;
  }
}

/** What is made of a summary, as it was kept; nothing when its file is not there any more, or not what was written. */
async function unlessDamaged<T>(made: Promise<T> | undefined): Promise<T | undefined> {
  try {
    return await made;
  } catch (thrown) {
    if (BatchCoreError.from(thrown).code === 'JOB_DAMAGED') return undefined;
    throw thrown;
  }
}
