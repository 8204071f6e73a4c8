/**
 * The control plane's DuckDB: the only importer of `@duckdb/node-api`, as the one file that `scripts/bundle.js` makes of it.
 *
 * The client is loaded when a database is first opened, not when this module is, so that `--help` never pays for it.
 * A `Database` runs one statement at a time: overlapping asynchronous calls on one prepared statement of this client
 * lose updates without an error.
 */
import { createRequire } from 'node:module';
import type { DuckDBConnection, DuckDBInstance, DuckDBPreparedStatement, DuckDBValue } from '@duckdb/node-api';
import { loadError } from '../bindings/loadError.ts';
import { BatchCoreError } from '../errors.ts';
import { databaseError } from './failure.ts';
import { claimFile, type FileClaim } from './registry.ts';

/** What goes into a statement. A whole number is bound as BIGINT, any other as DOUBLE. */
export type Parameter = null | boolean | number | bigint | string | Uint8Array;

/** What comes out: BIGINT as a number when that is exact, BLOB as bytes, a type without a plain form as its text. */
export type Value = null | boolean | number | bigint | string | Uint8Array;

/** A row by column name. Its prototype is null: a column may bear any name. */
export type Row = Record<string, Value>;

/** What can be asked of a database, inside a transaction or outside. */
export interface Statements {
  /** The rows of one statement. */
  all(sql: string, parameters?: readonly Parameter[]): Promise<Row[]>;
  /** Runs one statement and returns how many rows it changed. */
  run(sql: string, parameters?: readonly Parameter[]): Promise<number>;
}

/** One open database: its statements run one after the other, in the order of the calls. */
export interface Database extends Statements {
  /** Everything `work` does, or nothing of it: committed when it resolves, rolled back when it throws. */
  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T>;
  /** Ends the statement that runs, if one does, with an error. */
  interrupt(): void;
  /** Closes after what was asked before; a second call does nothing. */
  close(): Promise<void>;
}

// No statement of ours loads code or reaches the network, whatever a file or a user's SQL says.
const LOCKED = {
  autoinstall_known_extensions: 'false',
  autoload_known_extensions: 'false',
  allow_community_extensions: 'false',
  allow_persistent_secrets: 'false',
  // It answers from what it read before: a file rewritten in place within seconds was read with its old footer.
  enable_external_file_cache: 'false',
} as const;

/** How much a database in memory may hold there, and where what is more goes. */
export interface Spill {
  /** It must be there, and be empty; nothing that is put there is removed. */
  directory: string;
  memoryBytes: number;
  threads: number;
}

/** A database in memory that may read `files` and nothing else; nobody can unlock it again. */
export async function openMemory({
  files = [],
  spill,
}: {
  files?: readonly string[];
  spill?: Spill;
} = {}): Promise<Database> {
  const limits = spill && {
    threads: String(spill.threads),
    memory_limit: `${spill.memoryBytes}B`,
    temp_directory: spill.directory,
  };
  const database = await open(':memory:', { ...LOCKED, ...limits });
  try {
    const allowed = files.flatMap((file) => [...new Set([file, literalPath(file)])]);
    await database.run(
      `SET allowed_paths=[${allowed.map(quoteText).join(',')}]; SET enable_external_access=false; SET lock_configuration=true`,
    );
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

/**
 * The database file at `path`, made if it is not there. A second open of one file in a process is refused before DuckDB
 * is touched: DuckDB would allow it, lose acknowledged commits and, at the first close, its lock against other processes.
 *
 * @param options - `readOnly`: the file must be there, and neither it nor its log is changed.
 */
export async function openFile(path: string, { readOnly = false } = {}): Promise<Database> {
  const claim = claimFile(path);
  try {
    if (claim.path.includes('?')) throw questionMark(claim.path);
    // Access to files stays on: without it DuckDB denies itself its own log where the path leads through a link, and the
    // job cannot be opened after a crash. No user's path or SQL ever reaches this database.
    const mode = readOnly ? { access_mode: 'READ_ONLY' } : {};
    const database = await open(claim.path, { ...LOCKED, ...mode, lock_configuration: 'true' }, claim);
    claim.opened();
    return database;
  } catch (error) {
    claim.release();
    throw error;
  }
}

/** DuckDB takes what follows the first `?` of a path for the query of a URL, and puts its log before it: somewhere else. */
function questionMark(path: string): BatchCoreError {
  return new BatchCoreError('CONFIG', `a job cannot be kept in "${path}": DuckDB takes no path with a "?"`, {
    where: { file: path, option: '--home' },
    hint: 'choose another directory with --home',
  });
}

/** `path` as a DuckDB pattern that matches this one file: DuckDB takes every path it reads for a pattern. */
export function literalPath(path: string): string {
  // Without one of these three a path is no pattern, and a backslash stands for itself.
  if (!/[*?[]/.test(path)) return path;
  if (process.platform !== 'win32' && path.includes('\\')) {
    throw new BatchCoreError('SOURCE_INVALID', `"${path}" holds a backslash and one of * ? [`, {
      where: { file: path },
      hint: 'DuckDB has no way to write such a name down; rename the file or read it through a link',
    });
  }
  return path.replace(/[*?[]/g, '[$&]');
}

/** `name` as an SQL identifier. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** `text` as an SQL string. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}

async function open(path: string, options: Record<string, string>, claim?: FileClaim): Promise<Database> {
  let client: typeof import('@duckdb/node-api');
  try {
    client = createRequire(import.meta.url)('#duckdb');
  } catch (cause) {
    throw loadError(
      'the DuckDB client of this platform',
      cause,
      'install again without --omit=optional: npm install batch-core',
    );
  }
  standSomewhere();
  let instance: DuckDBInstance | undefined;
  try {
    instance = await client.DuckDBInstance.create(path, { threads: '1', ...options });
    return new OneAtATime(instance, await instance.connect(), path, claim);
  } catch (cause) {
    instance?.closeSync();
    throw databaseError(cause, path, 'open');
  }
}

/** DuckDB asks for the working directory though its paths are absolute. Where that is gone, no relative path means anything. */
function standSomewhere(): void {
  try {
    process.cwd();
  } catch {
    process.chdir('/');
  }
}

const STATEMENTS_KEPT = 64;

/** What a closed database's log may hold. To replay that much takes the next open less than moving it into the file now. */
const LOG_BYTES_MAX = 1 << 20;

class OneAtATime implements Database {
  readonly #instance: DuckDBInstance;
  readonly #connection: DuckDBConnection;
  readonly #path: string;
  readonly #claim: FileClaim | undefined;
  readonly #prepared = new Map<string, DuckDBPreparedStatement>();
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor(instance: DuckDBInstance, connection: DuckDBConnection, path: string, claim: FileClaim | undefined) {
    this.#instance = instance;
    this.#connection = connection;
    this.#path = path;
    this.#claim = claim;
  }

  all(sql: string, parameters: readonly Parameter[] = []): Promise<Row[]> {
    return this.#next(() => this.#all(sql, parameters));
  }

  run(sql: string, parameters: readonly Parameter[] = []): Promise<number> {
    return this.#next(() => this.#run(sql, parameters));
  }

  transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    return this.#next(() => this.#transaction(work));
  }

  interrupt(): void {
    if (!this.#closed) this.#connection.interrupt();
  }

  close(): Promise<void> {
    if (this.#closed) return this.#last.then(() => undefined);
    const closing = this.#next(async () => {
      if (this.#claim) await this.#settleLog(this.#claim).catch(() => undefined);
      for (const statement of this.#prepared.values()) statement.destroySync();
      this.#connection.closeSync();
      this.#instance.closeSync();
      this.#claim?.release();
    });
    this.#closed = true;
    return closing;
  }

  /**
   * Commits are durable in the log. DuckDB moves it into the file as that is closed, with three syncs on this thread: a short
   * one is left where it is, a long one moved on a thread of the pool. Where either fails DuckDB does as it does by itself.
   */
  async #settleLog(claim: FileClaim): Promise<void> {
    const isLong = claim.logBytes() > LOG_BYTES_MAX;
    await this.#run(isLong ? 'CHECKPOINT' : 'PRAGMA disable_checkpoint_on_shutdown', []);
  }

  /** Runs `work` after all that was asked before; a failure is its caller's alone. */
  #next<T>(work: () => Promise<T>): Promise<T> {
    if (this.#closed) return Promise.reject(new BatchCoreError('BUG', `"${this.#path}" was used after close`));
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #transaction<T>(work: (statements: Statements) => Promise<T>): Promise<T> {
    await this.#run('BEGIN', []);
    let result: T;
    try {
      result = await work({ all: (s, p = []) => this.#all(s, p), run: (s, p = []) => this.#run(s, p) });
      await this.#run('COMMIT', []);
    } catch (error) {
      // The first failure is what matters; after a failed COMMIT there is nothing left to roll back.
      await this.#run('ROLLBACK', []).catch(() => undefined);
      throw error;
    }
    this.#claim?.settle();
    return result;
  }

  async #all(sql: string, parameters: readonly Parameter[]): Promise<Row[]> {
    const result = await this.#execute(sql, parameters);
    const names = result.deduplicatedColumnNames();
    const rows = await result.getRows();
    return rows.map((values) => {
      const row: Row = Object.create(null);
      names.forEach((name, i) => {
        row[name] = fromDuckDB(values[i] ?? null);
      });
      return row;
    });
  }

  async #run(sql: string, parameters: readonly Parameter[]): Promise<number> {
    return (await this.#execute(sql, parameters)).rowsChanged;
  }

  async #execute(sql: string, parameters: readonly Parameter[]) {
    try {
      if (parameters.length === 0) return await this.#connection.run(sql);
      const statement = await this.#prepare(sql);
      if (statement.parameterCount !== parameters.length) {
        throw new BatchCoreError('BUG', `${parameters.length} parameters for "${sql}"`);
      }
      parameters.forEach((value, i) => {
        bind(statement, i + 1, value);
      });
      return await statement.run();
    } catch (cause) {
      throw databaseError(cause, this.#path, 'use');
    }
  }

  async #prepare(sql: string): Promise<DuckDBPreparedStatement> {
    const kept = this.#prepared.get(sql);
    if (kept) return kept;
    const statement = await this.#connection.prepare(sql);
    this.#prepared.set(sql, statement);
    for (const [oldest, old] of this.#prepared) {
      if (this.#prepared.size <= STATEMENTS_KEPT) break;
      this.#prepared.delete(oldest);
      old.destroySync();
    }
    return statement;
  }
}

function bind(statement: DuckDBPreparedStatement, index: number, value: Parameter): void {
  if (value === null) statement.bindNull(index);
  else if (typeof value === 'boolean') statement.bindBoolean(index, value);
  else if (typeof value === 'string') statement.bindVarchar(index, value);
  else if (typeof value === 'bigint') statement.bindBigInt(index, value);
  else if (typeof value !== 'number') statement.bindBlob(index, value);
  else if (Number.isSafeInteger(value) && !Object.is(value, -0)) statement.bindBigInt(index, BigInt(value));
  else statement.bindDouble(index, value);
}

function fromDuckDB(value: DuckDBValue): Value {
  if (typeof value === 'bigint') {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (typeof value !== 'object' || value === null) return value;
  return 'bytes' in value && value.bytes instanceof Uint8Array ? value.bytes : value.toString();
}
