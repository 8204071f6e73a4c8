/**
 * A job's tables. One owner: every statement goes through one connection, one at a time, and every promise here settles
 * only when what it stands for is on disk.
 *
 * Chunk:  pending -> claim -> running -> complete -> done -> reset -> pending
 *                                     \-> fail -> retry_wait | pending | quarantined
 */
import type { Database, Parameter, Statements } from '../duckdb/client.ts';
import { BatchCoreError, type ErrorRecord } from '../errors.ts';
import { DatabaseFiles } from './files.ts';
import { change, GroupCommit, insert, one } from './groupCommit.ts';
import { type OpenOptions, openJobDatabase, type Recovery } from './recovery.ts';
import {
  type ChunkReceipt,
  type ChunkRow,
  chunkOf,
  eventOf,
  executionOf,
  jobOf,
  type NewJob,
  publicationOf,
  type StoredChunk,
  type StoredEvent,
  type StoredExecution,
  type StoredJob,
  type StoredOutput,
  type StoredPublication,
} from './rows.ts';
import { type JobEvent, type JobState, nextJobState } from './states.ts';

export type { OpenOptions, Recovery } from './recovery.ts';
export type {
  ChunkReceipt,
  ChunkRow,
  NewJob,
  StoredChunk,
  StoredEvent,
  StoredExecution,
  StoredFile,
  StoredJob,
  StoredOutput,
  StoredPublication,
} from './rows.ts';

/** Executions that may die while a chunk runs; then it is taken for what kills them. */
export const DEATHS_MAX = 3;

/** A page of summaries is of about this many bytes. */
const PAGE_BYTES = 4 * 1024 * 1024;

export interface Execution {
  executionId: number;
  epoch: number;
}

// Times are given, not asked of DuckDB, whose `now()` as a TIMESTAMP depends on the machine's time zone.
const TIME = (parameter: string) => `epoch_ms(${parameter}::BIGINT)`;

export class JobStore {
  readonly #database: Database;
  readonly #group: GroupCommit;
  #epoch: number | null = null;

  /** What had to be done so that the database opens, if anything; what was lost of it is done again. */
  readonly recovery: Recovery | undefined;

  private constructor(database: Database, recovery: Recovery | undefined) {
    this.#database = database;
    this.#group = new GroupCommit(database);
    this.recovery = recovery;
  }

  /**
   * Opens the database at `path`, made, migrated and repaired as needed. The caller holds the job's lock.
   *
   * @throws JOB_MISMATCH for a newer version's; what the system refuses (DISK_FULL, DISK_ERROR, ...) for anything that may
   * be sound. Damage is no reason to throw: see {@link JobStore.recovery}.
   */
  static async open(path: string, options: OpenOptions = {}): Promise<JobStore> {
    try {
      const { database, recovery } = await openJobDatabase(path, options);
      return new JobStore(database, recovery);
    } catch (error) {
      throw BatchCoreError.from(error);
    }
  }

  /** Removes what a recovery set aside: to be called once the job is completed, when nobody can need it any more. */
  static discardSetAside(path: string): void {
    new DatabaseFiles(path).discardAside();
  }

  /** Closes after all that was asked for has settled. */
  async close(): Promise<void> {
    await this.#group.idle();
    await this.#database.close();
  }

  /** How many transactions this store has committed. */
  get commits(): number {
    return this.#group.commits;
  }

  /** The job, once it was created. */
  async read(): Promise<StoredJob | undefined> {
    const [job] = await this.#database.all('SELECT *, epoch_ms(created_at) AS created_ms FROM job');
    return job && jobOf(job, await this.#database.all('SELECT * FROM input_file ORDER BY file_id'));
  }

  /** Stores a job; a database holds one. */
  create(job: NewJob): Promise<void> {
    return this.#group.commit(async (statements) => {
      await change(
        statements,
        `INSERT INTO job SELECT $1, $2, $3, ${TIME('$4')}, 'created' WHERE NOT EXISTS (FROM job)`,
        [job.jobId, job.specJson, job.fingerprint, Date.now()],
      );
      await insert(statements, 'input_file', job.files.map(fileRow));
    });
  }

  /** Replaces what was asked, where only that changed which decides no byte. */
  setRequest(specJson: string): Promise<void> {
    return this.#write('UPDATE job SET spec_json = $1', [specJson]);
  }

  /** Back to the beginning: no chunk is known any more. Events and executions stay. */
  resetAll(job: Pick<NewJob, 'specJson' | 'files'>): Promise<void> {
    return this.#group.commit(async (statements) => {
      await moveJob(statements, 'restart');
      await statements.run('DELETE FROM chunk');
      await statements.run('DELETE FROM input_file');
      await statements.run('DELETE FROM publication');
      await change(statements, 'UPDATE job SET spec_json = $1', [job.specJson]);
      await insert(statements, 'input_file', job.files.map(fileRow));
    });
  }

  /**
   * Begins an execution. We hold the job's lock: an execution that is still open is dead, and its chunks run no more.
   * Each of them may be what killed it, and is charged with the death ({@link JobStore.poisoned}); not so when the machine
   * has been started anew since, which no chunk brings about.
   */
  async beginExecution(process: { pid: number; bootId: string; host: string; out: string }): Promise<Execution> {
    const execution = await this.#group.commit(async (statements) => {
      const now = Date.now();
      const dead = await statements.all(
        `UPDATE execution SET status = 'died', reason = 'its process ended without a word', ended_at = ${TIME('$1')}
         WHERE ended_at IS NULL RETURNING boot_id`,
        [now],
      );
      const deaths = dead.filter((execution) => execution['boot_id'] === process.bootId).length;
      await statements.run(
        `UPDATE chunk SET state = 'pending', deaths = deaths + CASE WHEN state = 'running' THEN $2 ELSE 0 END,
           updated_at = ${TIME('$1')} WHERE state IN ('running', 'retry_wait')`,
        [now, deaths],
      );
      const last = await one(
        statements,
        'SELECT coalesce(max(exec_id), 0) AS execution, coalesce(max(epoch), 0) AS epoch FROM execution',
      );
      const [executionId, epoch] = [Number(last['execution']) + 1, Number(last['epoch']) + 1];
      await change(
        statements,
        `INSERT INTO execution SELECT $1, job_id, $2, $3, $4, $5, $6, ${TIME('$7')}, NULL, 'running', NULL, NULL FROM job`,
        [executionId, epoch, process.pid, process.bootId, process.host, process.out, now],
      );
      return { executionId, epoch };
    });
    this.#epoch = execution.epoch;
    return execution;
  }

  /** Ends an execution, once. */
  endExecution(executionId: number, end: ExecutionEnd): Promise<void> {
    return this.#group.commit((statements) => endExecution(statements, executionId, end));
  }

  /** Every execution, the first one first. */
  async executions(): Promise<StoredExecution[]> {
    const rows = await this.#database.all(
      'SELECT *, epoch_ms(started_at) AS started_ms, epoch_ms(ended_at) AS ended_ms FROM execution ORDER BY exec_id',
    );
    return rows.map(executionOf);
  }

  /** Lets `event` happen to the job; one that cannot happen is a bug. */
  setState(event: JobEvent): Promise<JobState> {
    return this.#group.commit((statements) => moveJob(statements, event));
  }

  /** Stores a phase's chunks. What is stored already stays: a plan is made once. */
  plan(phase: string, chunks: readonly ChunkRow[]): Promise<void> {
    return this.#group.commit(async (statements) => {
      const { stored } = await one(statements, 'SELECT count(*) AS stored FROM chunk WHERE phase = $1', [phase]);
      if (Number(stored) > 0 && stored !== chunks.length) {
        throw new BatchCoreError('BUG', `phase ${phase} has ${stored} stored chunks and ${chunks.length} planned ones`);
      }
      if (Number(stored) > 0) return;
      const jobId = String((await one(statements, 'SELECT job_id FROM job'))['job_id']);
      await insert(
        statements,
        `chunk(job_id, phase, chunk_id, file_id, rg_first, rg_last, row_first, rows, bytes, state, attempt)`,
        chunks.map((c) => [
          ...[jobId, phase, c.chunkId, c.fileId, c.rowGroupFirst, c.rowGroupLast, c.rowFirst, c.rows, c.bytes],
          ...['pending', 0],
        ]),
      );
    });
  }

  /** A phase's chunks in order, without their summaries. */
  async chunks(phase: string): Promise<StoredChunk[]> {
    const rows = await this.#database.all('SELECT * EXCLUDE (summary) FROM chunk WHERE phase = $1 ORDER BY chunk_id', [
      phase,
    ]);
    return rows.map(chunkOf);
  }

  /** The unfinished chunks of a phase during which {@link DEATHS_MAX} executions died: one more would die as well. */
  async poisoned(phase: string): Promise<StoredChunk[]> {
    const rows = await this.#database.all(
      `SELECT * EXCLUDE (summary) FROM chunk WHERE phase = $1 AND deaths >= $2 AND state <> 'done' ORDER BY chunk_id`,
      [phase, DEATHS_MAX],
    );
    return rows.map(chunkOf);
  }

  /** Allows each poisoned chunk, of whatever phase, one more attempt: a person asked for it. Resolves to their number. */
  allowOneMore(): Promise<number> {
    return this.#group.commit((statements) =>
      statements.run(`UPDATE chunk SET deaths = $1 WHERE deaths > $1 AND state <> 'done'`, [DEATHS_MAX - 1]),
    );
  }

  /** A chunk is about to run. Resolves to its attempt, counted over all executions. */
  claim(phase: string, chunkId: number): Promise<number> {
    return this.#group.commit(async (statements) => {
      const row = await one(
        statements,
        `UPDATE chunk SET state = 'running', attempt = attempt + 1, epoch = $3, updated_at = ${TIME('$4')}
         WHERE phase = $1 AND chunk_id = $2 AND state IN ('pending', 'retry_wait') RETURNING attempt`,
        [phase, chunkId, this.#epoch, Date.now()],
      );
      return Number(row['attempt']);
    });
  }

  /** A chunk is done: its part is on disk, or its summary is in this very commit. */
  complete(phase: string, chunkId: number, { rowsOut, part, summary }: ChunkReceipt): Promise<void> {
    return this.#write(
      `UPDATE chunk SET state = 'done', rows_out = $3, part_name = $4, part_size = $5, part_sha256 = $6, summary = $7,
         error_code = NULL, error_json = NULL, deaths = 0, updated_at = ${TIME('$8')}
       WHERE phase = $1 AND chunk_id = $2 AND state = 'running'`,
      [
        phase,
        chunkId,
        rowsOut,
        part?.name ?? null,
        part?.size ?? null,
        part?.sha256 ?? null,
        summary ?? null,
        Date.now(),
      ],
    );
  }

  /** A chunk that ran did not get done. */
  fail(
    phase: string,
    chunkId: number,
    { state, error }: { state: 'retry_wait' | 'pending' | 'quarantined'; error: ErrorRecord },
  ): Promise<void> {
    return this.#write(
      `UPDATE chunk SET state = $3, error_code = $4, error_json = $5, updated_at = ${TIME('$6')}
       WHERE phase = $1 AND chunk_id = $2 AND state = 'running'`,
      [phase, chunkId, state, error.code, JSON.stringify(error), Date.now()],
    );
  }

  /** Sends chunks back to the beginning: what they left is not there any more, or is not wanted. */
  reset(phase: string, chunkIds: readonly number[]): Promise<void> {
    return this.#group.commit(async (statements) => {
      for (const chunkId of chunkIds) {
        await change(
          statements,
          `UPDATE chunk SET state = 'pending', part_name = NULL, part_size = NULL, part_sha256 = NULL, summary = NULL,
             rows_out = NULL, error_code = NULL, error_json = NULL, updated_at = ${TIME('$3')}
           WHERE phase = $1 AND chunk_id = $2`,
          [phase, chunkId, Date.now()],
        );
      }
    });
  }

  /**
   * The summaries of a phase's chunks, in plan order; every chunk must be done. They come in pages, so that other statements
   * may run in between and memory holds a page, not the phase.
   */
  async *summaries(phase: string): AsyncGenerator<Uint8Array> {
    const sizes = await this.#database.all(
      `SELECT chunk_id, state, octet_length(summary) AS bytes FROM chunk WHERE phase = $1 ORDER BY chunk_id`,
      [phase],
    );
    const odd = sizes.find(({ state, bytes }) => state !== 'done' || bytes === null);
    if (odd) throw new BatchCoreError('BUG', `chunk ${odd['chunk_id']} of ${phase} has no summary`);
    for (const [first, last] of pagesOf(sizes.map(({ bytes }) => Number(bytes)))) {
      const page = await this.#database.all(
        'SELECT summary FROM chunk WHERE phase = $1 AND chunk_id BETWEEN $2 AND $3 ORDER BY chunk_id',
        [phase, first, last],
      );
      for (const { summary } of page) yield summary as Uint8Array;
    }
  }

  /** What the job publishes or has published, once it was staged. */
  async publication(): Promise<StoredPublication | undefined> {
    const [row] = await this.#database.all('SELECT * FROM publication');
    return row && publicationOf(row);
  }

  /** Remembers what is published, before and after it gets its name; there is one. */
  setPublication({ state, temporary, output }: Omit<StoredPublication, 'report'>): Promise<void> {
    return this.#group.commit(async (statements) => {
      await statements.run('DELETE FROM publication');
      await insert(statements, 'publication', [[state, temporary, JSON.stringify(output), null]]);
    });
  }

  /** Forgets it: what was published is not there any more. */
  clearPublication(): Promise<void> {
    return this.#group.commit(async (statements) => {
      await statements.run('DELETE FROM publication');
    });
  }

  /** Where the published output lies now: its digests are what they were, its place in the file system is another. */
  updateOutput(output: StoredOutput): Promise<void> {
    return this.#write('UPDATE publication SET output_json = $1', [JSON.stringify(output)]);
  }

  /** The job is finished: its state, its execution's end and its report are one commit. */
  finishJob(executionId: number, output: StoredOutput, report: object, exitCode: number): Promise<void> {
    return this.#group.commit(async (statements) => {
      await moveJob(statements, 'complete');
      await endExecution(statements, executionId, { status: 'completed', exitCode, reason: null });
      await change(statements, 'UPDATE publication SET output_json = $1, report_json = $2', [
        JSON.stringify(output),
        JSON.stringify(report),
      ]);
    });
  }

  /** Adds to the log, which nothing ever changes. */
  event(kind: string, detail: object): Promise<void> {
    return this.#write(`INSERT INTO event VALUES (${TIME('$1')}, $2, $3, $4)`, [
      ...[Date.now(), this.#epoch, kind, JSON.stringify(detail)],
    ]);
  }

  /** The log, the oldest event first. */
  async events(): Promise<StoredEvent[]> {
    const rows = await this.#database.all('SELECT *, epoch_ms(happened_at) AS happened_ms FROM event ORDER BY rowid');
    return rows.map(eventOf);
  }

  #write(sql: string, parameters: readonly Parameter[]): Promise<void> {
    return this.#group.commit((statements) => change(statements, sql, parameters));
  }
}

interface ExecutionEnd {
  status: string;
  exitCode: number;
  reason: string | null;
}

function endExecution(statements: Statements, executionId: number, end: ExecutionEnd): Promise<void> {
  return change(
    statements,
    `UPDATE execution SET status = $2, exit_code = $3, reason = $4, ended_at = ${TIME('$5')}
     WHERE exec_id = $1 AND ended_at IS NULL`,
    [executionId, end.status, end.exitCode, end.reason, Date.now()],
  );
}

/** First and last number of each page, a page being as many summaries as fill it. */
function* pagesOf(bytes: readonly number[]): Generator<[first: number, last: number]> {
  let [first, filled] = [0, 0];
  for (const [i, more] of bytes.entries()) {
    filled += more;
    if (filled < PAGE_BYTES && i < bytes.length - 1) continue;
    yield [first, i];
    [first, filled] = [i + 1, 0];
  }
}

async function moveJob(statements: Statements, event: JobEvent): Promise<JobState> {
  const from = (await one(statements, 'SELECT state FROM job'))['state'] as JobState;
  const to = nextJobState(from, event);
  if (to === undefined) throw new BatchCoreError('BUG', `a ${from} job cannot ${event}`);
  await change(statements, 'UPDATE job SET state = $1', [to]);
  return to;
}

function fileRow(file: NewJob['files'][number], fileId: number): Parameter[] {
  const { path, size, mtimeNs, ctimeNs, device, inode, footerBytes, footerSha256, rows, rowGroups } = file;
  return [fileId, path, size, mtimeNs, ctimeNs, device, inode, footerBytes, footerSha256, rows, rowGroups.length];
}
