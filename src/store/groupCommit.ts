/**
 * Writes that arrive while a transaction is under way share the next one: one fsync for all of them.
 *
 * A write that fails does not drag the others down: the transaction is rolled back, its promise alone is rejected, and
 * the rest is written again. When the commit itself fails nobody knows whose fault it is, and all are rejected.
 */
import { setImmediate } from 'node:timers/promises';
import type { Database, Parameter, Row, Statements } from '../duckdb/client.ts';
import { BatchCoreError } from '../errors.ts';

/** Statements that belong together. It may be called again after a rollback, so it keeps nothing between calls. */
type Write<T> = (statements: Statements) => Promise<T>;

interface Waiting {
  write: Write<unknown>;
  resolve: (result: never) => void;
  reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;
  #commits = 0;

  constructor(database: Database) {
    this.#database = database;
  }

  /** How many transactions were committed so far. */
  get commits(): number {
    return this.#commits;
  }

  /** Resolves to the write's result once it is on disk; rejects when nothing of it is. */
  commit<T>(write: Write<T>): Promise<T> {
    const settled = new Promise<T>((resolve, reject) => this.#waiting.push({ write, resolve, reject }));
    this.#flushing ??= this.#flush();
    return settled;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Writes of the same turn of the event loop belong together.
    await setImmediate();
    while (this.#waiting.length > 0) {
      let group = this.#waiting.splice(0);
      while (group.length > 0) group = await this.#commitGroup(group);
    }
    this.#flushing = undefined;
  }

  /** Commits the group, and settles who is done with. Returns those that are to be written again. */
  async #commitGroup(group: Waiting[]): Promise<Waiting[]> {
    const results: unknown[] = [];
    let culprit: Waiting | undefined;
    try {
      await this.#database.transaction(async (statements) => {
        for (const waiting of group) {
          culprit = waiting;
          results.push(await waiting.write(statements));
        }
        culprit = undefined;
      });
    } catch (error) {
      const rejected = culprit ? [culprit] : group;
      for (const { reject } of rejected) reject(error);
      return group.filter((waiting) => !rejected.includes(waiting));
    }
    this.#commits += 1;
    group.forEach(({ resolve }, i) => {
      resolve(results[i] as never);
    });
    return [];
  }
}

/** Runs one statement that must change exactly `changes` rows: an update that is lost anywhere is noticed here. */
export async function change(
  statements: Statements,
  sql: string,
  parameters: readonly Parameter[],
  changes = 1,
): Promise<void> {
  expectCount(await statements.run(sql, parameters), changes, sql);
}

/** Runs one statement that must return exactly one row. */
export async function one(statements: Statements, sql: string, parameters: readonly Parameter[] = []): Promise<Row> {
  const rows = await statements.all(sql, parameters);
  expectCount(rows.length, 1, sql);
  return rows[0]!;
}

const ROWS_PER_INSERT = 50;

/** Inserts rows, many in one statement. */
export async function insert(statements: Statements, table: string, rows: readonly Parameter[][]): Promise<void> {
  for (let at = 0; at < rows.length; at += ROWS_PER_INSERT) {
    const some = rows.slice(at, at + ROWS_PER_INSERT);
    let number = 0;
    const places = some.map((row) => `(${row.map(() => `$${++number}`).join(',')})`);
    await change(statements, `INSERT INTO ${table} VALUES ${places.join(',')}`, some.flat(), some.length);
  }
}

function expectCount(actual: number, wanted: number, sql: string): void {
  if (actual === wanted) return;
  throw new BatchCoreError('BUG', `the job database met ${actual} rows instead of ${wanted}: ${sql}`);
}
