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
  /** Recent rate, older work counting less; null before any, and while paused. */
  rowsPerSecond: number | null;
  /** Remaining rows of this phase at the recent rate; null while unknown or beyond any sensible estimate. */
  etaSeconds: number | null;
  rssBytes: number;
  workers: number;
  retried: number;
  quarantined: number;
}

/** What is said before anything is known. */
export const noProgress = (jobId: string): Progress => ({
  type: 'progress',
  jobId,
  phase: 'plan',
  chunksDone: 0,
  chunksTotal: 0,
  rowsDone: 0,
  rowsTotal: 0,
  rowsPerSecond: null,
  etaSeconds: null,
  rssBytes: 0,
  workers: 0,
  retried: 0,
  quarantined: 0,
});

/** Half-life of what a rate remembers. */
const HALF_LIFE_SECONDS = 5;

/** A remaining time beyond this is no estimate but a rate that has all but died away. */
const ETA_SECONDS_MAX = 100 * 86_400;

/** A rate in which older work counts less. While paused there is none; the average starts anew afterwards. */
export class DecayedRate {
  #work = 0;
  #seconds = 0;
  #done: number;
  #at: number;
  #paused = false;

  constructor(done: number, nowSeconds: number) {
    this.#done = done;
    this.#at = nowSeconds;
  }

  /** Takes note of the total done by now. */
  observe(done: number, nowSeconds: number): void {
    const seconds = nowSeconds - this.#at;
    if (this.#paused || seconds <= 0) return;
    const kept = 0.5 ** (seconds / HALF_LIFE_SECONDS);
    this.#work = this.#work * kept + Math.max(0, done - this.#done);
    this.#seconds = this.#seconds * kept + seconds;
    this.#done = done;
    this.#at = nowSeconds;
  }

  /** No work is expected until {@link resume}. */
  pause(): void {
    this.#paused = true;
  }

  /** Starts anew from the total done by now: neither the pause nor the pace before it says anything of what follows. */
  resume(done: number, nowSeconds: number): void {
    this.#paused = false;
    this.#work = 0;
    this.#seconds = 0;
    this.#done = done;
    this.#at = nowSeconds;
  }

  /** Work per second; null before any, and while paused. */
  get perSecond(): number | null {
    if (this.#paused) return null;
    return this.#work > 0 && this.#seconds > 0 ? this.#work / this.#seconds : null;
  }
}

/** Seconds until `left` more is done at that rate; null where nothing sensible can be said. */
export function remainingSeconds(left: number, perSecond: number | null): number | null {
  if (perSecond === null) return null;
  const seconds = left / perSecond;
  return seconds <= ETA_SECONDS_MAX ? Math.round(seconds * 10) / 10 : null;
}

/** Time that went by while work was done: pauses are not counted. */
export class ActiveTime {
  #startedAt: number;
  #pausedAt: number | undefined;

  constructor(nowSeconds: number) {
    this.#startedAt = nowSeconds;
  }

  pause(nowSeconds: number): void {
    this.#pausedAt ??= nowSeconds;
  }

  resume(nowSeconds: number): void {
    if (this.#pausedAt === undefined) return;
    this.#startedAt += nowSeconds - this.#pausedAt;
    this.#pausedAt = undefined;
  }

  seconds(nowSeconds: number): number {
    return (this.#pausedAt ?? nowSeconds) - this.#startedAt;
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
