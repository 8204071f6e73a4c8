/** What is said of a run while it runs. Pure but for the clock it is given. */

export type Phase = 'plan' | 'fit' | 'score' | 'publish';

/** One progress record, as `--progress json` prints it and `status.json` keeps it. */
export interface Progress {
  type: 'progress';
  jobId: string;
  phase: Phase;
  chunksDone: number;
  chunksTotal: number;
  rowsDone: number;
  rowsTotal: number;
  /** Recent rate, older work counting less; null before any. */
  rowsPerSecond: number | null;
  /** Remaining rows of this phase at the recent rate; null while unknown. */
  etaSeconds: number | null;
  rssBytes: number;
  workers: number;
  retried: number;
  quarantined: number;
}

/** Something that happened once. */
export interface RunEvent {
  type: 'event';
  event:
    | 'started'
    | 'resumed'
    | 'retry'
    | 'quarantine'
    | 'paused'
    | 'continued'
    | 'published'
    | 'finished'
    | 'stopped'
    | 'failed';
  jobId: string;
  [detail: string]: unknown;
}

/** Half-life of what a rate remembers. */
const HALF_LIFE_SECONDS = 5;

/** A rate in which older work counts less. */
export class DecayedRate {
  #work = 0;
  #seconds = 0;
  #done: number;
  #at: number;

  constructor(done: number, nowSeconds: number) {
    this.#done = done;
    this.#at = nowSeconds;
  }

  /** Takes note of the total done by now. */
  observe(done: number, nowSeconds: number): void {
    const seconds = nowSeconds - this.#at;
    if (seconds <= 0) return;
    const kept = 0.5 ** (seconds / HALF_LIFE_SECONDS);
    this.#work = this.#work * kept + Math.max(0, done - this.#done);
    this.#seconds = this.#seconds * kept + seconds;
    this.#done = done;
    this.#at = nowSeconds;
  }

  /** Work per second; null before any. */
  get perSecond(): number | null {
    return this.#work > 0 && this.#seconds > 0 ? this.#work / this.#seconds : null;
  }
}

/** Counts of one phase: what the report calls `chunks`. */
export interface ChunkCounts {
  planned: number;
  executed: number;
  resumed: number;
  retried: number;
  quarantined: number;
}

export const noChunks = (): ChunkCounts => ({ planned: 0, executed: 0, resumed: 0, retried: 0, quarantined: 0 });
