/** What an engine is: something that carries out chunk tasks. It knows neither jobs nor stores. */
import type { WorkerOptions } from '../bindings/native.ts';
import type { Reply, Task, TaskKind } from '../worker/protocol.ts';

export type EngineName = 'threads' | 'sequential';

export const ENGINES: readonly EngineName[] = ['threads', 'sequential'];

export interface Engine {
  readonly name: EngineName;
  /** Chunks that run at the same time. */
  readonly workers: number;
  /** Carries out one task. Rejects only when the worker itself is lost. */
  run<K extends TaskKind>(task: Task<K>): Promise<Reply<K>>;
  /** Waits for what runs, then lets every worker go. */
  close(): Promise<void>;
}

export interface EngineOptions {
  workers: number;
  worker: WorkerOptions;
}

/** Opens the engine of that name. */
export async function openEngine(name: EngineName, options: EngineOptions): Promise<Engine> {
  switch (name) {
    case 'threads':
      return (await import('./threads.ts')).openThreads(options);
    case 'sequential':
      return (await import('./sequential.ts')).openSequential(options);
  }
}
