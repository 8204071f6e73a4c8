/** A job's tables. One owner: every statement goes through one connection, one at a time. */
import { type Database, openFile, type Row } from '../duckdb/client.ts';
import { BatchCoreError, type ErrorRecord } from '../errors.ts';
import { type ChunkState, type JobEvent, type JobState, nextJobState } from '../orchestrator/states.ts';
import type { FileIdentity } from '../source/identity.ts';
import { GroupCommit } from './groupCommit.ts';
import { migrate } from './migrations.ts';

/** An input file as it was when the job began. */
export interface StoredFile extends FileIdentity {
  rows: number;
}

export interface StoredJob {
  jobId: string;
  specJson: string;
  fingerprint: string;
  state: JobState;
  files: StoredFile[];
}

/** A chunk as it was planned: what the store needs to know of it. */
export interface ChunkRow {
  chunkId: number;
  fileId: number;
  rowGroupFirst: number;
  rowGroupLast: number;
  rowFirst: number;
  rows: number;
  bytes: number;
}

export interface StoredChunk extends ChunkRow {
  state: ChunkState;
  attempt: number;
  partName: string | null;
  partSize: number | null;
  partSha256: string | null;
  rowsOut: number | null;
}

/** What a finished chunk leaves. */
export interface ChunkReceipt {
  rowsOut: number;
  part?: { name: string; size: number; sha256: string };
  summary?: Uint8Array;
}

export interface Execution {
  executionId: number;
  epoch: number;
}

interface NewJob {
  jobId: string;
  specJson: string;
  fingerprint: string;
  files: (FileIdentity & { rows: number; rowGroups: { length: number } })[];
}

const NOW = 'now()::TIMESTAMP';
const WHERE_CHUNK = 'job_id = $1 AND phase = $2 AND chunk_id = $3';

export class JobStore {
  readonly #database: Database;
  readonly #group: GroupCommit;
  #jobId = '';
  #epoch: number | null = null;

  private constructor(database: Database) {
    this.#database = database;
    this.#group = new GroupCommit(database);
  }

  /** Opens the database at `path`, made and migrated as needed. */
  static async open(path: string): Promise<JobStore> {
    const database = await openFile(path);
    try {
      await migrate(database);
      return new JobStore(database);
    } catch (error) {
      await database.close();
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#group.idle();
    await this.#database.close();
  }

  async read(): Promise<StoredJob | undefined> {
    const [job] = await this.#database.all('SELECT job_id, spec_json, fingerprint, state FROM job');
    if (!job) return undefined;
    const files = await this.#database.all('SELECT * FROM input_file ORDER BY file_id');
    this.#jobId = String(job['job_id']);
    return {
      jobId: this.#jobId,
      specJson: String(job['spec_json']),
      fingerprint: String(job['fingerprint']),
      state: String(job['state']) as JobState,
      files: files.map((file) => ({
        path: String(file['path']),
        size: Number(file['size']),
        mtimeNs: String(file['mtime_ns']),
        inode: String(file['inode']),
        footerBytes: Number(file['footer_bytes']),
        footerSha256: String(file['footer_sha256']),
        rows: Number(file['rows']),
      })),
    };
  }

  async create(job: NewJob): Promise<void> {
    await this.#database.transaction(async (statements) => {
      await statements.run(`INSERT INTO job VALUES ($1, $2, $3, ${NOW}, 'created')`, [
        job.jobId,
        job.specJson,
        job.fingerprint,
      ]);
      await insertFiles(statements, job.files);
    });
    this.#jobId = job.jobId;
  }

  /** Back to the beginning: no chunk is known any more. Events and executions stay. */
  async resetAll(job: Pick<NewJob, 'specJson' | 'files'>): Promise<void> {
    const state = this.#after(await this.#state(), 'restart');
    await this.#database.transaction(async (statements) => {
      await statements.run('DELETE FROM chunk');
      await statements.run('DELETE FROM input_file');
      await statements.run('UPDATE job SET state = $1, spec_json = $2', [state, job.specJson]);
      await insertFiles(statements, job.files);
    });
  }

  /** Begins an execution. We hold the job's lock: an execution that is still open is dead, and so are its chunks. */
  async beginExecution(process: { pid: number; bootId: string; host: string; out: string }): Promise<Execution> {
    const [row] = await this.#database.all(
      'SELECT coalesce(max(exec_id), 0) AS last, coalesce(max(epoch), 0) AS epoch FROM execution',
    );
    const executionId = Number(row?.['last'] ?? 0) + 1;
    const epoch = Number(row?.['epoch'] ?? 0) + 1;
    await this.#database.transaction(async (statements) => {
      await statements.run(`UPDATE execution SET status = 'died', ended_at = ${NOW} WHERE ended_at IS NULL`);
      await statements.run(
        `UPDATE chunk SET state = 'pending', updated_at = ${NOW} WHERE state IN ('running', 'retry_wait')`,
      );
      await statements.run(
        `INSERT INTO execution VALUES ($1, $2, $3, $4, $5, $6, $7, ${NOW}, NULL, 'running', NULL, NULL)`,
        [executionId, this.#jobId, epoch, process.pid, process.bootId, process.host, process.out],
      );
    });
    this.#epoch = epoch;
    return { executionId, epoch };
  }

  async endExecution(
    executionId: number,
    end: { status: string; exitCode: number; reason: string | null },
  ): Promise<void> {
    await this.#group.commit({
      sql: `UPDATE execution SET status = $2, exit_code = $3, reason = $4, ended_at = ${NOW} WHERE exec_id = $1`,
      parameters: [executionId, end.status, end.exitCode, end.reason],
      changes: 1,
    });
  }

  /** Lets `event` happen to the job; one that cannot happen is a bug. */
  async setState(event: JobEvent): Promise<JobState> {
    const state = this.#after(await this.#state(), event);
    await this.#group.commit({ sql: 'UPDATE job SET state = $1', parameters: [state], changes: 1 });
    return state;
  }

  async #state(): Promise<JobState> {
    const [row] = await this.#database.all('SELECT state FROM job');
    return String(row?.['state']) as JobState;
  }

  #after(from: JobState, event: JobEvent): JobState {
    const to = nextJobState(from, event);
    if (to === undefined) throw new BatchCoreError('BUG', `a ${from} job cannot ${event}`);
    return to;
  }

  /** Stores a phase's chunks. What is stored already stays: a plan is made once. */
  async plan(phase: string, chunks: readonly ChunkRow[]): Promise<void> {
    const [row] = await this.#database.all('SELECT count(*) AS n FROM chunk WHERE job_id = $1 AND phase = $2', [
      this.#jobId,
      phase,
    ]);
    const stored = Number(row?.['n'] ?? 0);
    if (stored === chunks.length) return;
    if (stored > 0)
      throw new BatchCoreError('BUG', `phase ${phase} has ${stored} stored chunks and ${chunks.length} planned ones`);
    await this.#database.transaction(async (statements) => {
      for (const c of chunks)
        await statements.run(
          `INSERT INTO chunk(job_id, phase, chunk_id, file_id, rg_first, rg_last, row_first, rows, bytes, state, attempt, updated_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', 0, ${NOW})`,
          [this.#jobId, phase, c.chunkId, c.fileId, c.rowGroupFirst, c.rowGroupLast, c.rowFirst, c.rows, c.bytes],
        );
    });
  }

  /** A phase's chunks in order, without their summaries. */
  async chunks(phase: string): Promise<StoredChunk[]> {
    const rows = await this.#database.all(
      `SELECT chunk_id, file_id, rg_first, rg_last, row_first, rows, bytes, state, attempt, part_name, part_size, part_sha256, rows_out
       FROM chunk WHERE job_id = $1 AND phase = $2 ORDER BY chunk_id`,
      [this.#jobId, phase],
    );
    return rows.map(chunkOf);
  }

  /** A chunk is about to run. Returns its attempt, counted over all executions. */
  async claim(phase: string, chunkId: number): Promise<number> {
    await this.#group.commit({
      sql: `UPDATE chunk SET state = 'running', attempt = attempt + 1, epoch = $4, updated_at = ${NOW} WHERE ${WHERE_CHUNK} AND state <> 'done'`,
      parameters: [this.#jobId, phase, chunkId, this.#epoch],
      changes: 1,
    });
    const [row] = await this.#database.all(`SELECT attempt FROM chunk WHERE ${WHERE_CHUNK}`, [
      this.#jobId,
      phase,
      chunkId,
    ]);
    return Number(row?.['attempt'] ?? 0);
  }

  /** A chunk is done: its part is on disk, or its summary is in this very commit. */
  async complete(phase: string, chunkId: number, receipt: ChunkReceipt): Promise<void> {
    const { part, summary, rowsOut } = receipt;
    await this.#group.commit({
      sql: `UPDATE chunk SET state = 'done', rows_out = $4, part_name = $5, part_size = $6, part_sha256 = $7, summary = $8,
            error_code = NULL, error_json = NULL, updated_at = ${NOW} WHERE ${WHERE_CHUNK} AND state = 'running'`,
      parameters: [
        this.#jobId,
        phase,
        chunkId,
        rowsOut,
        part?.name ?? null,
        part?.size ?? null,
        part?.sha256 ?? null,
        summary ?? null,
      ],
      changes: 1,
    });
  }

  async fail(
    phase: string,
    chunkId: number,
    end: { state: 'retry_wait' | 'pending' | 'quarantined'; error: ErrorRecord },
  ): Promise<void> {
    await this.#group.commit({
      sql: `UPDATE chunk SET state = $4, error_code = $5, error_json = $6, updated_at = ${NOW} WHERE ${WHERE_CHUNK}`,
      parameters: [this.#jobId, phase, chunkId, end.state, end.error.code, JSON.stringify(end.error)],
      changes: 1,
    });
  }

  /** Sends chunks back to the beginning: what they left is not there any more. */
  async reset(phase: string, chunkIds: readonly number[]): Promise<void> {
    const writes = chunkIds.map((chunkId) => ({
      sql: `UPDATE chunk SET state = 'pending', part_name = NULL, part_size = NULL, part_sha256 = NULL, summary = NULL,
            rows_out = NULL, updated_at = ${NOW} WHERE ${WHERE_CHUNK}`,
      parameters: [this.#jobId, phase, chunkId],
      changes: 1,
    }));
    await this.#group.commit(...writes);
  }

  /** Summaries of a phase's chunks, in plan order; every chunk must be done. */
  async summaries(phase: string): Promise<Uint8Array[]> {
    const rows = await this.#database.all(
      'SELECT chunk_id, state, summary FROM chunk WHERE job_id = $1 AND phase = $2 ORDER BY chunk_id',
      [this.#jobId, phase],
    );
    return rows.map((row) => {
      if (row['state'] !== 'done' || !(row['summary'] instanceof Uint8Array))
        throw new BatchCoreError('BUG', `chunk ${String(row['chunk_id'])} of ${phase} has no summary`);
      return row['summary'];
    });
  }

  /** Adds to the log, which nothing ever changes. */
  async event(kind: string, detail: object): Promise<void> {
    await this.#group.commit({
      sql: `INSERT INTO event VALUES (${NOW}, $1, $2, $3)`,
      parameters: [this.#epoch, kind, JSON.stringify(detail)],
      changes: 1,
    });
  }

  async events(): Promise<{ kind: string; detail: unknown }[]> {
    const rows = await this.#database.all('SELECT kind, detail_json FROM event ORDER BY rowid');
    return rows.map((row) => ({
      kind: String(row['kind']),
      detail: JSON.parse(String(row['detail_json'])) as unknown,
    }));
  }
}

async function insertFiles(statements: Pick<Database, 'run'>, files: NewJob['files']): Promise<void> {
  for (const [i, file] of files.entries())
    await statements.run('INSERT INTO input_file VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)', [
      i,
      file.path,
      file.size,
      file.mtimeNs,
      file.inode,
      file.footerBytes,
      file.footerSha256,
      file.rows,
      file.rowGroups.length,
    ]);
}

function chunkOf(row: Row): StoredChunk {
  const number = (name: string) => (row[name] === null ? null : Number(row[name]));
  const text = (name: string) => (row[name] === null ? null : String(row[name]));
  return {
    chunkId: Number(row['chunk_id']),
    fileId: Number(row['file_id']),
    rowGroupFirst: Number(row['rg_first']),
    rowGroupLast: Number(row['rg_last']),
    rowFirst: Number(row['row_first']),
    rows: Number(row['rows']),
    bytes: Number(row['bytes']),
    state: String(row['state']) as ChunkState,
    attempt: Number(row['attempt']),
    partName: text('part_name'),
    partSize: number('part_size'),
    partSha256: text('part_sha256'),
    rowsOut: number('rows_out'),
  };
}
