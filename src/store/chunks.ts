/**
 * A job's chunks in its tables.
 *
 * Chunk:  pending -> claim -> running -> complete -> done -> reset -> pending
 *                                     \-> fail -> retry_wait | pending | quarantined
 *                                     \-> release -> pending
 */
import type { Database, Parameter } from '../duckdb/client.ts';
import { BatchCoreError, type ErrorRecord } from '../errors.ts';
import { change, GroupCommit, insert, one } from './groupCommit.ts';
import { type ChunkReceipt, type ChunkRow, chunkOf, type StoredChunk } from './rows.ts';

/** Executions that may die while a chunk runs; then it is taken for what kills them. */
export const DEATHS_MAX = 3;

/** The fields of a planned chunk, in the order of its columns. */
const PLANNED = ['chunkId', 'fileId', 'rowGroupFirst', 'rowGroupLast', 'rowFirst', 'rows', 'bytes'] as const;

/** A page of summaries is of about this many bytes. */
const PAGE_BYTES = 256 * 1024;

// Times are given, not asked of DuckDB, whose `now()` as a TIMESTAMP depends on the machine's time zone.
export const TIME = (parameter: string) => `epoch_ms(${parameter}::BIGINT)`;

/** Whether a chunk is one of a list; between its ends, DuckDB passes over the others block by block. */
const AMONG =
  '(chunk_id BETWEEN list_min($2::BIGINT[]) AND list_max($2::BIGINT[]) AND list_contains($2::BIGINT[], chunk_id))';

/** The summaries of a phase's first chunks in one, as it is kept. */
interface Merged {
  /** How many are in. */
  chunks: number;
  summary: Uint8Array;
}

/** The half of a job's store that deals with its chunks. */
export abstract class ChunkStore {
  protected readonly database: Database;
  protected readonly group: GroupCommit;
  /** That of the execution that was begun here. */
  protected epoch: number | null = null;

  protected constructor(database: Database) {
    this.database = database;
    this.group = new GroupCommit(database);
  }

  /** Stores a phase's chunks; resolves to whether it did. What is stored already stays: a plan is made once. */
  plan(phase: string, chunks: readonly ChunkRow[]): Promise<boolean> {
    return this.group.commit(async (statements) => {
      const { stored } = await one(statements, 'SELECT count(*) AS stored FROM chunk WHERE phase = $1', [phase]);
      if (Number(stored) > 0 && stored !== chunks.length) {
        throw new BatchCoreError('BUG', `phase ${phase} has ${stored} stored chunks and ${chunks.length} planned ones`);
      }
      if (Number(stored) > 0) return false;
      // A list for each column: a statement of as many parameters as there are numbers takes five times as long.
      const lists = PLANNED.map((field) => JSON.stringify(chunks.map((chunk) => chunk[field])));
      await change(
        statements,
        `INSERT INTO chunk(phase, chunk_id, file_id, rg_first, rg_last, row_first, rows, bytes, job_id, state, attempt)
         SELECT $1, ${lists.map((_, i) => `unnest($${i + 2}::BIGINT[])`).join(', ')}, job_id, 'pending', 0 FROM job`,
        [phase, ...lists],
        chunks.length,
      );
      return true;
    });
  }

  /** A phase's chunks in order, without their summaries. */
  async chunks(phase: string): Promise<StoredChunk[]> {
    const rows = await this.database.all('SELECT * EXCLUDE (summary) FROM chunk WHERE phase = $1 ORDER BY chunk_id', [
      phase,
    ]);
    return rows.map(chunkOf);
  }

  /** How many chunks of a phase are not done, and the rows of those that are. */
  async progress(phase: string): Promise<{ left: number; rows: number }> {
    const row = await one(
      this.database,
      "SELECT count(*) FILTER (state <> 'done') AS left, coalesce(sum(rows_out), 0)::BIGINT AS rows FROM chunk WHERE phase = $1",
      [phase],
    );
    return { left: Number(row['left']), rows: Number(row['rows']) };
  }

  /** The unfinished chunks of a phase during which {@link DEATHS_MAX} executions died: one more would die as well. */
  async poisoned(phase: string): Promise<StoredChunk[]> {
    const rows = await this.database.all(
      `SELECT * EXCLUDE (summary) FROM chunk WHERE phase = $1 AND deaths >= $2 AND state <> 'done' ORDER BY chunk_id`,
      [phase, DEATHS_MAX],
    );
    return rows.map(chunkOf);
  }

  /** Allows each poisoned chunk, of whatever phase, one more attempt: a person asked for it. Resolves to their number. */
  allowOneMore(): Promise<number> {
    return this.group.commit((statements) =>
      statements.run(`UPDATE chunk SET deaths = $1 WHERE deaths > $1 AND state <> 'done'`, [DEATHS_MAX - 1]),
    );
  }

  /** Chunks are about to run. Resolves to the attempt of each, counted over all executions. */
  claim(phase: string, chunkIds: readonly number[]): Promise<number[]> {
    return this.group.commit(async (statements) => {
      const rows = await statements.all(
        `UPDATE chunk SET state = 'running', attempt = attempt + 1, epoch = $3, updated_at = ${TIME('$4')}
         WHERE phase = $1 AND ${AMONG} AND state IN ('pending', 'retry_wait')
         RETURNING chunk_id, attempt`,
        [phase, JSON.stringify(chunkIds), this.epoch, Date.now()],
      );
      const attempts = new Map(rows.map((row) => [row['chunk_id'], Number(row['attempt'])]));
      return chunkIds.map((chunkId) => {
        const attempt = attempts.get(chunkId);
        if (attempt === undefined)
          throw new BatchCoreError('BUG', `chunk ${chunkId} of ${phase} is not there to be claimed`);
        return attempt;
      });
    });
  }

  /** A chunk is done: its part is on disk, or its summary is in this very commit. */
  complete(phase: string, chunkId: number, { rowsOut, staged, summary }: ChunkReceipt): Promise<void> {
    return this.write(
      `UPDATE chunk SET state = 'done', rows_out = $3, staged_json = $4, summary = $5,
         error_code = NULL, error_json = NULL, deaths = 0, updated_at = ${TIME('$6')}
       WHERE phase = $1 AND chunk_id = $2 AND state = 'running'`,
      [phase, chunkId, rowsOut, staged ? JSON.stringify(staged) : null, summary ?? null, Date.now()],
    );
  }

  /** A chunk that ran did not get done. */
  fail(
    phase: string,
    chunkId: number,
    { state, error }: { state: 'retry_wait' | 'pending' | 'quarantined'; error: ErrorRecord },
  ): Promise<void> {
    return this.write(
      `UPDATE chunk SET state = $3, error_code = $4, error_json = $5, updated_at = ${TIME('$6')}
       WHERE phase = $1 AND chunk_id = $2 AND state = 'running'`,
      [phase, chunkId, state, error.code, JSON.stringify(error), Date.now()],
    );
  }

  /** Gives back chunks that were claimed and not begun. */
  release(phase: string, chunkIds: readonly number[]): Promise<void> {
    return this.group.commit((statements) =>
      change(
        statements,
        `UPDATE chunk SET state = 'pending', updated_at = ${TIME('$3')}
         WHERE phase = $1 AND ${AMONG} AND state = 'running'`,
        [phase, JSON.stringify(chunkIds), Date.now()],
        chunkIds.length,
      ),
    );
  }

  /**
   * Sends chunks back to the beginning: what they left is not there any more, or is not wanted. Where their summaries were
   * merged into one, it goes, and all chunks that are in it must be among them.
   */
  reset(phase: string, chunkIds: readonly number[]): Promise<void> {
    const list = JSON.stringify(chunkIds);
    return this.group.commit(async (statements) => {
      await statements.run('DELETE FROM merged WHERE phase = $1 AND chunks > list_min($2::BIGINT[])', [phase, list]);
      await change(
        statements,
        `UPDATE chunk SET state = 'pending', staged_json = NULL, summary = NULL, rows_out = NULL,
           error_code = NULL, error_json = NULL, updated_at = ${TIME('$3')}
         WHERE phase = $1 AND ${AMONG}`,
        [phase, list, Date.now()],
        chunkIds.length,
      );
    });
  }

  /** Keeps the summaries of a phase's first chunks in one, which takes the place of each. */
  setMerged(phase: string, { chunks, summary }: Merged): Promise<void> {
    return this.group.commit(async (statements) => {
      await statements.run('DELETE FROM merged WHERE phase = $1', [phase]);
      await insert(statements, 'merged', [[phase, chunks, summary]]);
      await statements.run(
        'UPDATE chunk SET summary = NULL WHERE phase = $1 AND chunk_id < $2 AND summary IS NOT NULL',
        [phase, chunks],
      );
    });
  }

  /** What was kept so last, if anything. */
  async merged(phase: string): Promise<Merged | undefined> {
    const [row] = await this.database.all('SELECT chunks, summary FROM merged WHERE phase = $1', [phase]);
    return row && { chunks: Number(row['chunks']), summary: row['summary'] as Uint8Array };
  }

  /** The summary of one finished chunk. */
  async summary(phase: string, chunkId: number): Promise<Uint8Array> {
    const [row] = await this.database.all('SELECT summary FROM chunk WHERE phase = $1 AND chunk_id = $2', [
      phase,
      chunkId,
    ]);
    if (!(row?.['summary'] instanceof Uint8Array))
      throw new BatchCoreError('BUG', `chunk ${chunkId} of ${phase} has no summary`);
    return row['summary'];
  }

  /**
   * The summaries of a phase's chunks, in plan order; every chunk must be done. They come in pages, so that other statements
   * may run in between and memory holds a page, not the phase.
   */
  async *summaries(phase: string): AsyncGenerator<Uint8Array> {
    const sizes = await this.database.all(
      `SELECT chunk_id, state, octet_length(summary) AS bytes FROM chunk WHERE phase = $1 ORDER BY chunk_id`,
      [phase],
    );
    const odd = sizes.find(({ state, bytes }) => state !== 'done' || bytes === null);
    if (odd) throw new BatchCoreError('BUG', `chunk ${odd['chunk_id']} of ${phase} has no summary`);
    for (const [first, last] of pagesOf(sizes.map(({ bytes }) => Number(bytes)))) {
      const page = await this.database.all(
        'SELECT summary FROM chunk WHERE phase = $1 AND chunk_id BETWEEN $2 AND $3 ORDER BY chunk_id',
        [phase, first, last],
      );
      for (const { summary } of page) yield summary as Uint8Array;
    }
  }

  protected write(sql: string, parameters: readonly Parameter[]): Promise<void> {
    return this.group.commit((statements) => change(statements, sql, parameters));
  }
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
