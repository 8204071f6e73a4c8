/**
 * Work that is done again and again beside a run, which goes on whatever the work takes.
 *
 * Not `setInterval`: one whose callback takes longer than its interval is due again before it has ended, and Node does what
 * is due without looking at anything else, so that no reply of a worker is ever heard. Here the next time is set when the
 * work has ended, after a pause at least as long as it took: half of the thread's time stays the run's.
 */
export class Ticker {
  readonly #pauseMs: number;
  readonly #work: () => void;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(pauseMs: number, work: () => void) {
    this.#pauseMs = pauseMs;
    this.#work = work;
  }

  /** Begins with a pause. */
  start(): this {
    this.#after(this.#pauseMs);
    return this;
  }

  /** Does the work now, and next after a pause. */
  now(): void {
    const began = performance.now();
    try {
      this.#work();
    } finally {
      this.#after(Math.max(this.#pauseMs, performance.now() - began));
    }
  }

  /** Ends it, also from within the work. */
  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #after(pauseMs: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = setTimeout(() => this.now(), pauseMs);
  }
}
