/** Counts what a run does, and tells its progress twice a second. */
import { Watch } from '../../bindings/native.ts';
import { type ChunkCounts, DecayedRate, type Phase, type Progress, remainingSeconds } from '../../events/progress.ts';
import { rssBytes } from '../../system.ts';
import { Ticker } from './ticker.ts';

/** Twice a second: a reader never sees a status older than one second. */
const INTERVAL_MS = 500;

export class Monitor {
  /** The publication goes under it. */
  readonly watch = new Watch();
  readonly #jobId: string;
  readonly #ticker: Ticker;
  #phase: Phase = 'plan';
  #chunks = { done: 0, total: 0 };
  #rows = { done: 0, total: 0 };
  #counts: ChunkCounts | undefined;
  #rate = new DecayedRate(0, 0);
  #ended = false;
  workers = 0;

  constructor(jobId: string, tell: (progress: Progress) => void) {
    this.#jobId = jobId;
    this.#ticker = new Ticker(INTERVAL_MS, () => tell(this.progress()));
  }

  start(): void {
    this.#ticker.now();
  }

  /** A phase begins with some of it done already. */
  enter(
    phase: Phase,
    plan: { chunksTotal: number; chunksDone: number; rowsTotal: number; rowsDone: number },
    counts?: ChunkCounts,
  ): void {
    const changed = phase !== this.#phase;
    this.#phase = phase;
    this.#chunks = { done: plan.chunksDone, total: plan.chunksTotal };
    this.#rows = { done: plan.rowsDone, total: plan.rowsTotal };
    this.#counts = counts;
    this.#rate = new DecayedRate(this.#rowsDone(), seconds());
    // The next pass of a phase is told when who is told has had a pause.
    if (changed) this.#ticker.now();
  }

  /** Rows that were dealt with; fewer than none where they are to be dealt with again. */
  addRows(rows: number): void {
    this.#rows.done += rows;
  }

  chunkDone(): void {
    this.#chunks.done += 1;
  }

  /** While paused there is no rate. */
  setPaused(paused: boolean): void {
    if (paused) this.#rate.pause();
    else this.#rate.resume(this.#rowsDone(), seconds());
    this.#ticker.now();
  }

  /** The last progress; nothing more is counted. */
  finish(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#ticker.stop();
    this.#ticker.now();
    this.watch.close();
  }

  progress(): Progress {
    const rowsDone = this.#rowsDone();
    this.#rate.observe(rowsDone, seconds());
    const rate = this.#rate.perSecond;
    return {
      type: 'progress',
      jobId: this.#jobId,
      phase: this.#phase,
      chunksDone: this.#chunks.done,
      chunksTotal: this.#chunks.total,
      rowsDone,
      rowsTotal: this.#rows.total,
      rowsPerSecond: rate === null ? null : Math.round(rate),
      etaSeconds: remainingSeconds(this.#rows.total - rowsDone, rate),
      rssBytes: rssBytes(),
      workers: this.workers,
      retried: this.#counts?.retried ?? 0,
      quarantined: this.#counts?.quarantined ?? 0,
    };
  }

  #rowsDone(): number {
    // Most rows of an output are in it before its phase begins.
    const published = this.#phase === 'publish' ? this.watch.rows : 0;
    return Math.min(this.#rows.total, this.#rows.done + published);
  }
}

function seconds(): number {
  return performance.now() / 1000;
}
