/** Keeps count of a run and tells it: to the caller, and to other processes through status.json. */
import { Watch } from '../../bindings/native.ts';
import type { EventDetail, EventName, RunEvent } from '../../events/event.ts';
import type { Listener } from '../../events/listener.ts';
import { type ChunkCounts, DecayedRate, type Phase, type Progress, remainingSeconds } from '../../events/progress.ts';
import type { JobState } from '../../store/states.ts';
import { type JobStatus, writeStatus } from '../../store/status.ts';
import { rssBytes } from '../../system.ts';
import { Ticker } from './ticker.ts';

/** Twice a second: a reader never sees a status older than one second. */
const INTERVAL_MS = 500;

/** What status.json says beside progress. */
export type StatusBase = Omit<JobStatus, 'state' | 'phase' | 'progress' | 'updatedAt' | 'exitCode' | 'error'>;

export class Monitor {
  /** The publication goes under it. */
  readonly watch = new Watch();
  readonly #base: StatusBase;
  readonly #directory: string;
  readonly #listener: Listener;
  readonly #epoch: number;
  readonly #ticker = new Ticker(INTERVAL_MS, () => this.#tell());
  #state: JobState = 'running';
  #phase: Phase = 'plan';
  #chunks = { done: 0, total: 0 };
  #rows = { done: 0, total: 0 };
  #counts: ChunkCounts | undefined;
  #rate = new DecayedRate(0, 0);
  #events = 0;
  workers = 0;

  constructor(directory: string, base: StatusBase, listener: Listener, epoch: number) {
    this.#directory = directory;
    this.#base = base;
    this.#listener = listener;
    this.#epoch = epoch;
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
    // The next pass of a phase is told when the listener has had its pause.
    if (changed) this.#ticker.now();
    else this.#write();
  }

  /** Rows that were dealt with; fewer than none where they are to be dealt with again. */
  addRows(rows: number): void {
    this.#rows.done += rows;
  }

  chunkDone(): void {
    this.#chunks.done += 1;
  }

  setState(state: JobState): void {
    if (state === 'paused') this.#rate.pause();
    else if (this.#state === 'paused') this.#rate.resume(this.#rowsDone(), seconds());
    this.#state = state;
    // Progress does not say it: the listener is told by an event.
    this.#write();
  }

  /** Tells that something happened. */
  event<Name extends EventName>(event: Name, detail: EventDetail<Name>): void {
    this.#events += 1;
    const whose = { type: 'event', jobId: this.#base.jobId, epoch: this.#epoch, seq: this.#events } as const;
    // The compiler does not see that name and detail belong together; the signature says it.
    this.#listener.onEvent?.({ ...whose, event, ...detail } as RunEvent);
  }

  /** The last word: the state stays. */
  finish(state: JobState, end: Pick<JobStatus, 'exitCode' | 'error'>): void {
    this.#ticker.stop();
    this.#state = state;
    this.#tell(end);
    this.watch.close();
  }

  progress(): Progress {
    const rowsDone = this.#rowsDone();
    this.#rate.observe(rowsDone, seconds());
    const rate = this.#rate.perSecond;
    return {
      type: 'progress',
      jobId: this.#base.jobId,
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

  #tell(end?: Pick<JobStatus, 'exitCode' | 'error'>): void {
    this.#listener.onProgress?.(this.#write(end));
  }

  #write(end: Pick<JobStatus, 'exitCode' | 'error'> = {}): Progress {
    const progress = this.progress();
    writeStatus(this.#directory, {
      ...this.#base,
      state: this.#state,
      phase: this.#phase,
      progress,
      updatedAt: new Date().toISOString(),
      ...end,
    });
    return progress;
  }
}

function seconds(): number {
  return performance.now() / 1000;
}
