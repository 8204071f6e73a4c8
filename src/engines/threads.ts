/** Tasks on worker threads. The only importer of piscina. */
import { Piscina } from 'piscina';
import { keepAddonLoaded } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Reply, Task, TaskKind } from '../worker/protocol.ts';
import type { Engine, EngineOptions } from './engine.ts';
import { lostWorker } from './lost.ts';

/** Where a thread begins: CommonJS, see there. */
export const ENTRY = new URL('../worker/entry.cjs', import.meta.url);

/** Opens a pool of threads, each of which calls `run` of `entry`. */
export function openThreads(options: EngineOptions, entry: URL = ENTRY): Engine {
  return new Threads(options, entry);
}

/**
 * open -> closing (what runs is waited for) -> closed
 *   \-> broken: the last worker died before it could take a task; every task is answered with why, none waits for ever
 */
class Threads implements Engine {
  readonly name = 'threads';
  readonly workers: number;
  readonly #pool: Piscina<unknown, Reply>;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** Resolved with the reason when no worker can be had. */
  readonly #broken: Promise<BatchCoreError>;
  #closing: Promise<void> | undefined;

  constructor({ workers, worker }: EngineOptions, entry: URL) {
    keepAddonLoaded();
    this.workers = workers;
    this.#pool = startPool(workers, worker, entry);
    const pool = this.#pool;
    this.#broken = new Promise((resolve) => {
      let last: unknown = new Error('it ended before it was ready');
      // Without a listener an 'error' of the pool would end the process. It replaces no worker that fails at its start.
      pool.on('error', (error: unknown) => {
        last = error;
        if (pool.threads.length === 0) resolve(lostWorker(last));
      });
      // Of a worker that exits at its start nothing is said; the pool puts a new one in the place of any other at once.
      pool.on('workerDestroy', () =>
        setImmediate(() => {
          if (pool.threads.length === 0) resolve(lostWorker(last));
        }),
      );
    });
  }

  run<K extends TaskKind>(task: Task<K>): Promise<Reply<K>> {
    const reply = this.#carryOut(task);
    this.#inFlight.add(reply);
    return reply.finally(() => this.#inFlight.delete(reply));
  }

  async #carryOut<K extends TaskKind>(task: Task<K>): Promise<Reply<K>> {
    if (this.#closing) return failed(new BatchCoreError('BUG', 'a task was given to an engine that is closed'));
    try {
      // A task is answered by a result of its own kind.
      const reply = this.#pool.run(task) as Promise<Reply<K>>;
      return await Promise.race([reply, this.#broken.then(failed)]);
    } catch (thrown) {
      return failed(lostWorker(thrown));
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    // Not the pool's own close(): it waits for 30 seconds and then takes the workers away from their chunks.
    await Promise.all(this.#inFlight);
    await this.#pool.destroy();
  }
}

function startPool(workers: number, workerData: unknown, entry: URL): Piscina<unknown, Reply> {
  try {
    return new Piscina<unknown, Reply>({
      filename: entry.href,
      name: 'run',
      minThreads: workers,
      maxThreads: workers,
      concurrentTasksPerWorker: 1,
      workerData,
      recordTiming: false,
      resourceLimits: { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 128 },
    });
  } catch (thrown) {
    throw lostWorker(thrown);
  }
}

function failed(error: BatchCoreError): { ok: false; error: ReturnType<BatchCoreError['toJSON']> } {
  return { ok: false, error: error.toJSON() };
}
