/**
 * A job's tables. One owner: every statement goes through one connection, one at a time, and every promise here settles
 * only when what it stands for is on disk.
 */
import type { Database, Statements } from '../duckdb/client.ts';
import { BatchCoreError } from '../errors.ts';
import { ChunkStore, TIME } from './chunks.ts';
import { DatabaseFiles } from './files.ts';
import { change, insert, one } from './groupCommit.ts';
import { type OpenOptions, openJobDatabase, type Recovery } from './recovery.ts';
import {
  eventOf,
  executionOf,
  fileRow,
  jobOf,
  type NewJob,
  publicationOf,
  type StoredEvent,
  type StoredExecution,
  type StoredJob,
  type StoredOutput,
  type StoredPublication,
} from './rows.ts';
import { type JobEvent, type JobState, nextJobState } from './states.ts';

export { DEATHS_MAX } from './chunks.ts';
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

export interface Execution {
  executionId: number;
  epoch: number;
}

/** What an execution begins with; nothing of it where it goes on with what there is. */
export interface Beginning {
  /** A job that is new. */
  created?: NewJob | undefined;
  /** The job begins anew, with this: no chunk is known any more. Events and executions stay. */
  restarted?: Pick<NewJob, 'specJson' | 'files'> | undefined;
  /** What was asked, where only that changed which decides no byte. */
  specJson?: string | undefined;
}

export class JobStore extends ChunkStore {
  /** What had to be done so that the database opens, if anything; what was lost of it is done again. */
  readonly recovery: Recovery | undefined;

  private constructor(database: Database, recovery: Recovery | undefined) {
    super(database);
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
    await this.group.idle();
    await this.database.close();
  }

  /** How many transactions this store has committed. */
  get commits(): number {
    return this.group.commits;
  }

  /** The job, once it was created. */
  async read(): Promise<StoredJob | undefined> {
    const [job] = await this.database.all('SELECT *, epoch_ms(created_at) AS created_ms FROM job');
    return job && jobOf(job, await this.database.all('SELECT * FROM input_file ORDER BY file_id'));
  }

  /** Stores a job; a database holds one. */
  create(job: NewJob): Promise<void> {
    return this.group.commit((statements) => createJob(statements, job));
  }

  /**
   * Begins an execution, and what it begins with: one commit. We hold the job's lock: an execution that is still open is
   * dead, and its chunks run no more. Each of them may be what killed it, and is charged with the death
   * ({@link JobStore.poisoned}); not so when the machine has been started anew since, which no chunk brings about.
   */
  async beginExecution(
    process: { pid: number; bootId: string; host: string; out: string },
    { created, restarted, specJson }: Beginning = {},
  ): Promise<Execution> {
    const execution = await this.group.commit(async (statements) => {
      if (created) await createJob(statements, created);
      if (restarted) await restartJob(statements, restarted);
      if (specJson !== undefined) await change(statements, 'UPDATE job SET spec_json = $1', [specJson]);
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
      await moveJob(statements, 'start');
      return { executionId, epoch };
    });
    this.epoch = execution.epoch;
    return execution;
  }

  /** Ends an execution, once, and leaves its job resumable: one commit. */
  endExecution(executionId: number, event: 'halt' | 'fail', end: ExecutionEnd): Promise<void> {
    return this.group.commit(async (statements) => {
      await moveJob(statements, event);
      await endExecution(statements, executionId, end);
    });
  }

  /** Every execution, the first one first. */
  async executions(): Promise<StoredExecution[]> {
    const rows = await this.database.all(
      'SELECT *, epoch_ms(started_at) AS started_ms, epoch_ms(ended_at) AS ended_ms FROM execution ORDER BY exec_id',
    );
    return rows.map(executionOf);
  }

  /** Lets `event` happen to the job; one that cannot happen is a bug. */
  setState(event: JobEvent): Promise<JobState> {
    return this.group.commit((statements) => moveJob(statements, event));
  }

  /** The SHA-256 of the model's file, once the job has one. */
  async model(): Promise<string | undefined> {
    const [row] = await this.database.all('SELECT sha256 FROM model');
    return row && String(row['sha256']);
  }

  /** Remembers what the model's file holds; there is one. */
  setModel(sha256: string): Promise<void> {
    return this.group.commit(async (statements) => {
      await statements.run('DELETE FROM model');
      await insert(statements, 'model', [[sha256]]);
    });
  }

  /** What the job publishes or has published, once it was staged. */
  async publication(): Promise<StoredPublication | undefined> {
    const [row] = await this.database.all('SELECT * FROM publication');
    return row && publicationOf(row);
  }

  /** Remembers what is published, before and after it gets its name; there is one. */
  setPublication({ state, temporary, output }: Omit<StoredPublication, 'report'>): Promise<void> {
    return this.group.commit(async (statements) => {
      await statements.run('DELETE FROM publication');
      await insert(statements, 'publication', [[state, temporary, JSON.stringify(output), null]]);
    });
  }

  /** It is to be made again: what was published is not whole, or not there any more. */
  retirePublication(): Promise<void> {
    return this.write("UPDATE publication SET state = 'former'", []);
  }

  /** Where the published output lies now: its digests are what they were, its place in the file system is another. */
  updateOutput(output: StoredOutput): Promise<void> {
    return this.write('UPDATE publication SET output_json = $1', [JSON.stringify(output)]);
  }

  /** The job is finished: its state, its execution's end and its report are one commit. */
  finishJob(executionId: number, output: StoredOutput, report: object, exitCode: number): Promise<void> {
    return this.group.commit(async (statements) => {
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
    return this.write(`INSERT INTO event VALUES (${TIME('$1')}, $2, $3, $4)`, [
      ...[Date.now(), this.epoch, kind, JSON.stringify(detail)],
    ]);
  }

  /** The log, the oldest event first. */
  async events(): Promise<StoredEvent[]> {
    const rows = await this.database.all('SELECT *, epoch_ms(happened_at) AS happened_ms FROM event ORDER BY rowid');
    return rows.map(eventOf);
  }
}

async function createJob(statements: Statements, job: NewJob): Promise<void> {
  await change(statements, `INSERT INTO job SELECT $1, $2, $3, ${TIME('$4')}, 'created' WHERE NOT EXISTS (FROM job)`, [
    job.jobId,
    job.specJson,
    job.fingerprint,
    Date.now(),
  ]);
  await insert(statements, 'input_file', job.files.map(fileRow));
}

async function restartJob(
  statements: Statements,
  { specJson, files }: Pick<NewJob, 'specJson' | 'files'>,
): Promise<void> {
  await moveJob(statements, 'restart');
  await statements.run('DELETE FROM chunk');
  await statements.run('DELETE FROM merged');
  await statements.run('DELETE FROM input_file');
  await statements.run("UPDATE publication SET state = 'former'");
  await statements.run('DELETE FROM model');
  await change(statements, 'UPDATE job SET spec_json = $1', [specJson]);
  await insert(statements, 'input_file', files.map(fileRow));
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

async function moveJob(statements: Statements, event: JobEvent): Promise<JobState> {
  const from = (await one(statements, 'SELECT state FROM job'))['state'] as JobState;
  const to = nextJobState(from, event);
  if (to === undefined) throw new BatchCoreError('BUG', `a ${from} job cannot ${event}`);
  await change(statements, 'UPDATE job SET state = $1', [to]);
  return to;
}
