/** What comes in any order and goes in that of its numbers, which begin at 0. */
export class InOrder<T> {
  readonly #waiting = new Map<number, T>();
  #next = 0;

  /** What may go now that number `index` is here. */
  *add(index: number, item: T): Generator<T> {
    this.#waiting.set(index, item);
    for (let next = this.#waiting.get(this.#next); next !== undefined; next = this.#waiting.get(this.#next)) {
      this.#waiting.delete(this.#next);
      this.#next += 1;
      yield next;
    }
  }
}
