/**
 * From where something happens in a run to whoever is told of it: `emit` -> bus -> sinks.
 *
 * Every sink is told in the order of emission, and none can fail the run. What a sink throws ends here. One that has a
 * queue is told one record after the other, each when it is done with the one before; meanwhile no more than its queue
 * holds wait: the oldest are lost, and of progress only the newest waits at all. What a sink lost is counted, and said once.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { EventDetail, EventName, RunEvent } from './event.ts';
import type { Progress } from './progress.ts';

/** Who is told of a run. */
export interface Sink {
  /** As people know it. */
  readonly name: string;
  readonly onEvent?: ((event: RunEvent) => unknown) | undefined;
  readonly onProgress?: ((progress: Progress) => unknown) | undefined;
  /** It goes on after a failure: what it is told next says all that is to be known. Others are not told again. */
  readonly lasting?: boolean;
  /** It is slow: so many records may wait for it. Without one, what it returns is not waited for. */
  readonly queue?: number;
}

/** Tells that something happened. */
export type Emit<Names extends EventName = EventName> = <Name extends Names>(
  event: Name,
  detail: EventDetail<Name>,
) => void;

/** How long the end of a run waits for what is still to be told. */
const PATIENCE_MS = 1000;

export class Bus {
  readonly #whose: { jobId: string; epoch: number };
  readonly #outlets: readonly Outlet[];
  #events = 0;

  constructor(whose: { jobId: string; epoch: number }, sinks: readonly Sink[]) {
    this.#whose = whose;
    this.#outlets = sinks.map((sink) => new Outlet(sink));
  }

  readonly emit: Emit = (event, detail) => {
    this.#events += 1;
    // The compiler does not see that name and detail belong together; the signature says it.
    this.#tell({ type: 'event', ...this.#whose, seq: this.#events, event, ...detail } as RunEvent);
  };

  readonly progress = (progress: Progress): void => this.#tell(progress);

  /** One sentence for each sink that lost something. */
  get warnings(): string[] {
    return this.#outlets.flatMap((outlet) => outlet.warning ?? []);
  }

  /** Resolves when all is told, or will not be. */
  async close(): Promise<void> {
    const patience = new AbortController();
    const told = Promise.all(this.#outlets.map((outlet) => outlet.idle));
    await Promise.race([told, sleep(PATIENCE_MS, undefined, patience).catch(() => {})]);
    patience.abort();
    for (const outlet of this.#outlets) outlet.giveUp();
  }

  #tell(record: RunEvent | Progress): void {
    for (const outlet of this.#outlets) outlet.tell(record);
  }
}

/** One sink, and what becomes of what it is told. */
class Outlet {
  readonly #sink: Sink;
  #waiting: (RunEvent | Progress)[] = [];
  #lost = 0;
  #failure: string | undefined;
  #draining: Promise<void> | undefined;

  constructor(sink: Sink) {
    this.#sink = sink;
  }

  tell(record: RunEvent | Progress): void {
    if (!this.#hears(record)) return;
    if (!this.#listens) this.#lost += 1;
    else if (this.#sink.queue === undefined) void this.#give(record);
    else {
      this.#enqueue(record, this.#sink.queue);
      this.#draining ??= this.#drain();
    }
  }

  /** Resolves when nothing waits. */
  get idle(): Promise<void> {
    return this.#draining ?? Promise.resolve();
  }

  /** What still waits is lost. */
  giveUp(): void {
    this.#lost += this.#waiting.splice(0).length;
  }

  get warning(): string | undefined {
    const { name, lasting } = this.#sink;
    const [records, were] = this.#lost === 1 ? ['record', 'was'] : ['records', 'were'];
    const lost = `(${this.#lost} ${records} ${were} lost)`;
    if (this.#failure === undefined) return this.#lost > 0 ? `${name} could not keep up ${lost}` : undefined;
    if (lasting) return `${name} failed ${lost}: ${this.#failure}`;
    const dropped = `(${this.#lost} later ${records} ${were} dropped)`;
    return `${name} failed and was not called again ${dropped}: ${this.#failure}`;
  }

  #hears({ type }: RunEvent | Progress): boolean {
    return (type === 'event' ? this.#sink.onEvent : this.#sink.onProgress) !== undefined;
  }

  get #listens(): boolean {
    return this.#failure === undefined || this.#sink.lasting === true;
  }

  #enqueue(record: RunEvent | Progress, limit: number): void {
    // Older progress is no loss: the newer one says it too.
    if (record.type === 'progress') this.#waiting = this.#waiting.filter(({ type }) => type !== 'progress');
    this.#waiting.push(record);
    this.#lost += this.#waiting.splice(0, this.#waiting.length - limit).length;
  }

  async #drain(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      if (this.#listens) await this.#give(next);
      else this.#lost += 1;
    }
    this.#draining = undefined;
  }

  /** Tells the sink; resolves when it is done. */
  #give(record: RunEvent | Progress): Promise<void> | undefined {
    try {
      const answer = record.type === 'event' ? this.#sink.onEvent?.(record) : this.#sink.onProgress?.(record);
      if (isThenable(answer))
        return Promise.resolve(answer).then(
          () => {},
          (thrown) => this.#fail(thrown),
        );
    } catch (thrown) {
      this.#fail(thrown);
    }
    return undefined;
  }

  #fail(thrown: unknown): void {
    if (this.#sink.lasting) this.#lost += 1;
    this.#failure ??= wordsOf(thrown);
  }
}

/** Whatever a message is: as text here, where it may fail. */
function wordsOf(thrown: unknown): string {
  try {
    return String(thrown instanceof Error ? thrown.message || thrown.name : thrown);
  } catch {
    return 'what it threw has no text';
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function';
}
