/** What an engine is: something that carries out tasks. It knows neither jobs nor stores; open.ts makes one. */
import type { WorkerOptions } from '../bindings/native.ts';
import type { Ending, Receipt, Task } from '../worker/protocol.ts';

export type EngineName = 'threads' | 'sequential';

export const ENGINES: readonly EngineName[] = ['threads', 'sequential'];
/** Engines of the contract that are not here yet. */
export const LATER_ENGINES: readonly string[] = ['processes', 'ray', 'dask'];

export interface Engine {
  readonly name: EngineName;
  /** Tasks that run at the same time. It may change while the engine is open: who gives tasks asks each time. */
  readonly capacity: number;
  /** Chunks that a task may have: how many can be lost, or must be waited for, at a time. */
  readonly chunksMax: number;
  /**
   * Carries out one task. Never rejects: that a worker was lost is an ending too, which says what took it. Ranges
   * whose receipt was heard are done; the next is the one that failed, if it did, and those after it were not begun.
   */
  run(task: Task, hearing: Hearing): Promise<Ending>;
  /** Waits for what runs, then lets every worker go. A second call waits for the same. */
  close(): Promise<void>;
}

/** What is said of a task while it runs. */
export interface Hearing {
  /** Aborting it interrupts the task at its next batch. */
  signal: AbortSignal;
  /** Aborting it ends the task after the chunk that is at work. */
  drain: AbortSignal;
  /** A chunk is done; all have been told when the task has ended. */
  onReceipt: (receipt: Receipt) => void;
  /** Rows that the task has dealt with so far. */
  onProgress: (rows: number) => void;
}

export interface EngineOptions {
  workers: number;
  worker: WorkerOptions;
}
