/** What an engine is: something that carries out tasks. It knows neither jobs nor stores; open.ts makes one. */
import type { WorkerOptions } from '../bindings/native.ts';
import type { Reply, Task, TaskKind } from '../worker/protocol.ts';

export type EngineName = 'threads' | 'sequential';

export const ENGINES: readonly EngineName[] = ['threads', 'sequential'];
/** Engines of the contract that are not here yet. */
export const LATER_ENGINES: readonly string[] = ['processes', 'ray', 'dask'];

export interface Engine {
  readonly name: EngineName;
  /** Tasks that run at the same time. */
  readonly workers: number;
  /** Carries out one task. Never rejects: that a worker was lost is a reply too, under the code of what took it. */
  run<K extends TaskKind>(task: Task<K>): Promise<Reply<K>>;
  /** Waits for what runs, then lets every worker go. A second call waits for the same. */
  close(): Promise<void>;
}

export interface EngineOptions {
  workers: number;
  worker: WorkerOptions;
}
