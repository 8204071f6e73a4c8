/** Chunks on worker threads. The only importer of piscina. */
import { Piscina } from 'piscina';
import { keepAddonLoaded } from '../bindings/native.ts';
import type { Reply, Task, TaskKind } from '../worker/protocol.ts';
import type { Engine, EngineOptions } from './engine.ts';

export function openThreads(options: EngineOptions): Engine {
  keepAddonLoaded();
  const pool = new Piscina<unknown, Reply>({
    filename: new URL('../worker/entry.js', import.meta.url).href,
    minThreads: options.workers,
    maxThreads: options.workers,
    concurrentTasksPerWorker: 1,
    workerData: options.worker,
    recordTiming: false,
    resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 },
  });
  return {
    name: 'threads',
    workers: options.workers,
    // A task is answered by a result of its own kind.
    run: <K extends TaskKind>(task: Task<K>) => pool.run(task) as Promise<Reply<K>>,
    close: () => pool.close(),
  };
}
