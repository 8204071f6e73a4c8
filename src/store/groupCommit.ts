/** Writes that arrive while a transaction is under way share the next one: one fsync for all of them. */
import type { Database, Parameter, Statements } from '../duckdb/client.ts';
import { BatchCoreError } from '../errors.ts';

/** One write, and how many rows it must change. */
interface Write {
  sql: string;
  parameters: readonly Parameter[];
  changes: number;
}

interface Waiting {
  writes: Write[];
  resolve: () => void;
  reject: (error: unknown) => void;
}

export class GroupCommit {
  readonly #database: Database;
  #waiting: Waiting[] = [];
  #flushing: Promise<void> | undefined;

  constructor(database: Database) {
    this.#database = database;
  }

  /** Resolves when the writes are on disk, all of them; rejects when none of them is. */
  commit(...writes: Write[]): Promise<void> {
    const settled = new Promise<void>((resolve, reject) => this.#waiting.push({ writes, resolve, reject }));
    this.#flushing ??= this.#flush();
    return settled;
  }

  /** Resolves when nothing waits any more. */
  async idle(): Promise<void> {
    while (this.#flushing) await this.#flushing;
  }

  async #flush(): Promise<void> {
    // Writes of the same turn of the event loop belong together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0);
      try {
        await this.#database.transaction(async (statements) => {
          for (const { writes } of group) for (const write of writes) await run(statements, write);
        });
        for (const { resolve } of group) resolve();
      } catch (error) {
        for (const { reject } of group) reject(error);
      }
    }
    this.#flushing = undefined;
  }
}

async function run(statements: Statements, { sql, parameters, changes }: Write): Promise<void> {
  const changed = await statements.run(sql, parameters);
  if (changed !== changes)
    throw new BatchCoreError(
      'BUG',
      `a write to the job database changed ${changed} rows instead of ${changes}: ${sql}`,
    );
}
