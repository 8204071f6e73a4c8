/** Chunks on worker threads. The only importer of piscina. */
import { Piscina } from 'piscina';
import { keepAddonLoaded } from '../bindings/native.ts';
import type { ChunkReply, ChunkTask } from '../worker/protocol.ts';
import type { Engine, EngineOptions } from './engine.ts';

export function openThreads(options: EngineOptions): Engine {
  keepAddonLoaded();
  const pool = new Piscina<ChunkTask, ChunkReply>({
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
    run: (task) => pool.run(task),
    close: () => pool.close(),
  };
}
