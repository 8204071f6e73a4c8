/** Tasks on worker threads. The only importer of piscina. */
import { Piscina } from 'piscina';
import { keepAddonLoaded } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Answer, Assignment, Ending, Notice, Receipt, Task } from '../worker/protocol.ts';
import type { Engine, EngineOptions, Hearing } from './engine.ts';
import { follow } from './follow.ts';
import { lostEnding, lostWorker } from './lost.ts';

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
  readonly capacity: number;
  readonly chunksMax = 8;
  readonly #pool: Piscina<Assignment, Answer>;
  readonly #inFlight = new Set<Promise<unknown>>();
  /** By the number of a task's watch. */
  readonly #hearing = new Map<number, Receipts>();
  /** Resolved with the reason when no worker can be had. */
  readonly #broken: Promise<BatchCoreError>;
  #closing: Promise<void> | undefined;

  constructor({ workers, worker }: EngineOptions, entry: URL) {
    keepAddonLoaded();
    this.capacity = workers;
    this.#pool = startPool(workers, worker, entry);
    const pool = this.#pool;
    pool.on('message', ({ watch, receipt }: Notice) => this.#hearing.get(watch)?.hear(receipt));
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

  run(task: Task, hearing: Hearing): Promise<Ending> {
    const ending = this.#carryOut(task, hearing);
    this.#inFlight.add(ending);
    return ending.finally(() => this.#inFlight.delete(ending));
  }

  async #carryOut(task: Task, hearing: Hearing): Promise<Ending> {
    if (this.#closing) return failed(new BatchCoreError('BUG', 'a task was given to an engine that is closed'));
    const { watch, end } = follow(hearing);
    const receipts = new Receipts(hearing);
    this.#hearing.set(watch, receipts);
    try {
      const answer = this.#pool.run({ task, watch }).then((said) => receipts.all(said));
      return await Promise.race([answer, this.#broken.then(failed)]);
    } catch (thrown) {
      return lostEnding(thrown);
    } finally {
      this.#hearing.delete(watch);
      end();
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

/** The receipts of a task: its answer counts when all have been heard. */
class Receipts {
  readonly #hearing: Hearing;
  #heard = 0;
  #onHeard = () => {};

  constructor(hearing: Hearing) {
    this.#hearing = hearing;
  }

  hear(receipt: Receipt): void {
    this.#hearing.onReceipt(receipt);
    this.#heard += 1;
    this.#onHeard();
  }

  /** Resolves to how the task ended, once each receipt that was sent has been heard. */
  async all({ receipts, ...ending }: Answer): Promise<Ending> {
    while (this.#heard < receipts)
      await new Promise<void>((resolve) => {
        this.#onHeard = resolve;
      });
    return ending;
  }
}

function startPool(workers: number, workerData: unknown, entry: URL): Piscina<Assignment, Answer> {
  try {
    return new Piscina<Assignment, Answer>({
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
