/**
 * What comes in any order and is taken in that of its numbers, which begin at 0, by one call after the other.
 *
 *   add     its turn comes when all before it are in
 *   finish  all whose turn has come are in
 *   giveUp  no more is taken, whatever became of it before
 *
 * The first call that fails is the last, and what went wrong with it is what everybody is told.
 */
import { BatchCoreError } from './errors.ts';

export class InOrder<T> {
  readonly #take: (item: T, index: number) => Promise<void>;
  readonly #waiting = new Map<number, T>();
  #next = 0;
  #last: Promise<void> = Promise.resolve();
  #failure: { error: BatchCoreError; index?: number } | undefined;

  constructor(take: (item: T, index: number) => Promise<void>) {
    this.#take = take;
  }

  /** Those before `index` were taken before: it is the first, and none was added yet. */
  beginAt(index: number): void {
    this.#next = index;
  }

  /** The number that is waited for. */
  get next(): number {
    return this.#next;
  }

  /** Throws what went wrong with an earlier one. */
  add(index: number, item: T): void {
    if (this.#failure) throw this.#failure.error;
    this.#waiting.set(index, item);
    for (; this.#waiting.has(this.#next); this.#next += 1) this.#callNext(this.#next);
  }

  /** Throws as {@link add} does. */
  async finish(): Promise<void> {
    await this.#last;
    if (this.#failure) throw this.#failure.error;
  }

  /** Resolves when nothing is taken any more; `words` are for whoever goes on all the same. */
  async giveUp(words: string): Promise<void> {
    this.#failure ??= { error: new BatchCoreError('BUG', words) };
    await this.#last;
  }

  /** The number of what failed with `thrown`. */
  failedAt(thrown: unknown): number | undefined {
    return thrown === this.#failure?.error ? this.#failure?.index : undefined;
  }

  #callNext(index: number): void {
    const item = this.#waiting.get(index) as T;
    this.#waiting.delete(index);
    this.#last = this.#last.then(async () => {
      if (this.#failure) return;
      try {
        await this.#take(item, index);
      } catch (thrown) {
        this.#failure ??= { error: BatchCoreError.from(thrown), index };
      }
    });
  }
}
