/** Pause, continue and stop, from wherever they come: a signal of this process or a request of another. */
import { BatchCoreError } from '../../errors.ts';
import { takeControl } from '../../store/status.ts';
import { goOnHint } from '../prepare/commands.ts';
import { Ticker } from './ticker.ts';

const POLL_MS = 100;

/** A signal of this process, a request of another, or an error with which the run cannot go on. */
export type StopReason = 'signal' | 'cancel' | BatchCoreError;

/** Decides whether the next chunk may be claimed. */
export class Control {
  readonly #directory: string;
  readonly #holder: string;
  readonly #ticker: Ticker;
  readonly #signal: AbortSignal | undefined;
  readonly #onAbort = () => this.#stop('signal');
  #paused = false;
  #stopped: StopReason | undefined;
  #waiting: (() => void)[] = [];
  readonly #stopping = new AbortController();
  readonly #onHold = new Set<() => void>();
  #onChange: (change: 'paused' | 'continued' | 'stopping') => void = () => {};

  /** Obeys what is asked of `holder`, the holder of the job's lock: also what was asked before this is made. */
  constructor(directory: string, holder: string, signal: AbortSignal | undefined) {
    this.#directory = directory;
    this.#holder = holder;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#onAbort);
    if (signal?.aborted) this.#stop('signal');
    // A paused run has nothing else that keeps its process alive.
    this.#ticker = new Ticker(POLL_MS, () => this.#poll()).start();
  }

  /** Tells `listener` what changes, and what has changed already. */
  onChange(listener: (change: 'paused' | 'continued' | 'stopping') => void): void {
    this.#onChange = listener;
    if (this.#stopped) listener('stopping');
  }

  /** Nothing more is claimed: what is in flight ends, and the run with `error`. */
  fail(error: BatchCoreError): void {
    this.#stopped = error;
    this.#stopping.abort();
    this.#wake();
  }

  /** `listener` is called when no chunk may be begun, for a while or for good; what is returned forgets it. */
  onHold(listener: () => void): () => void {
    this.#onHold.add(listener);
    return () => this.#onHold.delete(listener);
  }

  /** Aborted when the run is to stop, whoever asked. */
  get signal(): AbortSignal {
    return this.#stopping.signal;
  }

  get stopped(): StopReason | undefined {
    return this.#stopped;
  }

  /** Resolves when a chunk may be claimed, or at once when the run is to stop. */
  async gate(): Promise<void> {
    while (this.#paused && !this.#stopped) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  close(): void {
    this.#ticker.stop();
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }

  #poll(): void {
    const request = takeControl(this.#directory, this.#holder);
    // A run that is stopping neither pauses nor goes on.
    if (this.#stopped) return;
    if (request === 'pause' && !this.#paused) {
      this.#paused = true;
      this.#hold();
      this.#onChange('paused');
    } else if (request === 'resume' && this.#paused) {
      this.#paused = false;
      this.#onChange('continued');
      this.#wake();
    } else if (request === 'cancel') this.#stop('cancel');
  }

  #stop(reason: StopReason): void {
    if (this.#stopped) return;
    this.#stopped = reason;
    this.#stopping.abort();
    this.#hold();
    this.#onChange('stopping');
    this.#wake();
  }

  #hold(): void {
    for (const listener of this.#onHold) listener();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}

/** What a stopped run ends with. */
export function stoppedError(reason: StopReason, jobId: string, home: string): BatchCoreError {
  if (reason instanceof BatchCoreError) return reason;
  return new BatchCoreError(
    'CANCELLED',
    reason === 'signal' ? 'stopped by a signal' : 'cancelled from another process',
    {
      where: { job: jobId },
      hint: goOnHint('CANCELLED', jobId, home),
    },
  );
}
