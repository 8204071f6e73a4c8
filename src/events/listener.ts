/** Callbacks are sinks: what they throw never reaches the run. */
import type { RunEvent } from './event.ts';
import type { Progress } from './progress.ts';

/** Who is told of a run. */
export interface Listener {
  onProgress?: ((progress: Progress) => void) | undefined;
  onEvent?: ((event: RunEvent) => void) | undefined;
}

/** A listener that cannot fail, and what is to be said of it. */
export interface GuardedListener extends Listener {
  onProgress: NonNullable<Listener['onProgress']>;
  onEvent: NonNullable<Listener['onEvent']>;
  /** Records that were not told because a callback had failed before. */
  readonly dropped: number;
  /** One sentence for each callback that failed. */
  readonly warnings: string[];
}

/** `listener` with each callback called until it first throws or its promise is rejected, and never waited for. */
export function guard(listener: Listener): GuardedListener {
  const sinks = [new Sink('onProgress', listener.onProgress), new Sink('onEvent', listener.onEvent)] as const;
  return {
    onProgress: (progress) => sinks[0].tell(progress),
    onEvent: (event) => sinks[1].tell(event),
    get dropped() {
      return sinks[0].dropped + sinks[1].dropped;
    },
    get warnings() {
      return sinks.flatMap((sink) => sink.warning ?? []);
    },
  };
}

class Sink<Record> {
  readonly #name: string;
  readonly #callback: ((record: Record) => unknown) | undefined;
  #failure: string | undefined;
  dropped = 0;

  constructor(name: string, callback: ((record: Record) => unknown) | undefined) {
    this.#name = name;
    this.#callback = callback;
  }

  tell(record: Record): void {
    if (this.#failure !== undefined) {
      this.dropped += 1;
      return;
    }
    try {
      const answer = this.#callback?.(record);
      // Not waited for: a promise that never settles must not hold the run either.
      if (isThenable(answer)) answer.then(undefined, (thrown) => this.#fail(thrown));
    } catch (thrown) {
      this.#fail(thrown);
    }
  }

  get warning(): string | undefined {
    if (this.#failure === undefined) return undefined;
    const records = this.dropped === 1 ? '1 later record was' : `${this.dropped} later records were`;
    return `${this.#name} failed and was not called again (${records} dropped): ${this.#failure}`;
  }

  #fail(thrown: unknown): void {
    try {
      // Whatever a message is: as text here, where it may fail.
      this.#failure ??= String(thrown instanceof Error ? thrown.message || thrown.name : thrown);
    } catch {
      this.#failure ??= 'what it threw has no text';
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
