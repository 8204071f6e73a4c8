/**
 * An output that is written under its temporary name while its parts are finished, so that little is left to do when the last
 * one is.
 *
 *   add, in any order -> taken in plan order, one after the other, on the runtime's pool
 *   finish            -> whole and durable under its temporary name
 *   discard           -> gone, whatever became of it before
 */
import { OutputStager, type PublishedPart, type StagedOutput, type Watch } from '../bindings/native.ts';
import { InOrder } from '../inOrder.ts';
import { removeFile } from './temporaries.ts';

export class Staging {
  /** Where the output lies until it gets its name. */
  readonly temporary: string;
  readonly #stager: OutputStager;
  readonly #parts = new InOrder<PublishedPart>((part) => this.#stager.append(part));

  /** `watch` tells the rows that are in, and stops it. */
  constructor(temporary: string, metadata: [string, string][], watch: Watch) {
    this.temporary = temporary;
    this.#stager = new OutputStager(temporary, metadata, watch);
  }

  /** Adds the part of a chunk that is done for good. Throws what went wrong with an earlier one: DATA names the part. */
  add(chunkId: number, part: PublishedPart): void {
    this.#parts.add(chunkId, part);
  }

  /** Its digests, once all that was added is on the disk. Throws as {@link add} does. */
  async finish(): Promise<StagedOutput> {
    await this.#parts.finish();
    return this.#stager.finish();
  }

  /** Called when the run has failed already: that is told, and what is left here the next run clears. */
  async discard(): Promise<void> {
    try {
      await this.#parts.giveUp('an output that was given up is still written');
      await this.#stager.discard();
      removeFile(this.temporary);
    } catch {}
  }
}
