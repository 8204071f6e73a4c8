/** A database for one question, with a limit to its memory and a place on disk for what is more: gone when it is answered. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Database, openMemory } from '../../duckdb/client.ts';
import { BatchCoreError, restate, systemError } from '../../errors.ts';
import { ProcessSignal } from '../../events/processSignal.ts';
import { measureCapacity } from '../../system.ts';

/** What it holds in memory, at most. */
const MEMORY_BYTES_MAX = 2 ** 30;
/** With more threads each would have too little of that. */
const THREADS_MAX = 8;
/** A statement that is about to begin is not interrupted: it is told again. */
const INTERRUPT_MS = 100;

/** What `work` makes of a database that may read `files`; aborting `signal` ends it with CANCELLED. */
export async function inScratch<Answer>(
  files: readonly string[],
  signal: AbortSignal | undefined,
  work: (database: Database) => Promise<Answer>,
): Promise<Answer> {
  if (signal?.aborted) throw cancelled(signal, undefined);
  const { memoryBytes, cores } = measureCapacity();
  const spill = {
    directory: makeDirectory(),
    memoryBytes: Math.min(MEMORY_BYTES_MAX, Math.floor(memoryBytes / 2)),
    threads: Math.min(THREADS_MAX, Math.max(1, Math.floor(cores))),
  };
  try {
    const database = await openMemory({ files, spill });
    const quiet = interruptedBy(signal, database);
    try {
      return await work(database);
    } catch (thrown) {
      throw signal?.aborted ? cancelled(signal, thrown) : ofRoom(BatchCoreError.from(thrown), spill.directory);
    } finally {
      quiet();
      await database.close();
    }
  } finally {
    rmSync(spill.directory, { recursive: true, force: true });
  }
}

/** Stops what the database does once the signal comes; the answer lets go of it. */
function interruptedBy(signal: AbortSignal | undefined, database: Database): () => void {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    database.interrupt();
    timer = setInterval(() => database.interrupt(), INTERRUPT_MS);
  };
  if (signal?.aborted) stop();
  else signal?.addEventListener('abort', stop, { once: true });
  return () => {
    clearInterval(timer);
    signal?.removeEventListener('abort', stop);
  };
}

/** A database in memory has no place that could be named. */
function ofRoom(error: BatchCoreError, directory: string): BatchCoreError {
  if (error.code !== 'DISK_FULL' && error.code !== 'QUOTA_EXCEEDED') return error;
  return restate(error, {
    message: `no room in ${dirname(directory)} for what does not fit in memory`,
    where: { file: directory },
    hint: 'make room there, or name a directory of another disk in the environment variable TMPDIR',
  });
}

function cancelled({ reason }: AbortSignal, cause: unknown): BatchCoreError {
  return new BatchCoreError('CANCELLED', 'the evaluation was stopped', {
    hint: 'run the same command again: it writes nothing, and begins anew',
    ...(reason instanceof ProcessSignal && { exitCode: reason.exitCode }),
    cause,
  });
}

function makeDirectory(): string {
  const beside = tmpdir();
  try {
    return mkdtempSync(join(beside, 'batch-core-evaluate-'));
  } catch (cause) {
    throw systemError(cause, `make a temporary directory in ${beside}`, {
      path: beside,
      hint: 'name a directory with room that can be written in the environment variable TMPDIR',
    });
  }
}
