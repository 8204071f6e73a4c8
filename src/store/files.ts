/**
 * The files of a job's database: `job.duckdb`, its log and the two that DuckDB makes beside them while it checkpoints; copies
 * on which a repair is tried; and the last set that was damaged. Never to be used while the database is open: closing any
 * descriptor of its file drops DuckDB's lock.
 */
import {
  closeSync,
  constants,
  copyFileSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';

/** What lies where the database should be. */
export type Found =
  /** Nothing, or a file that may be a database. */
  | { kind: 'absent' | 'file' }
  /** Too short to hold anything: DuckDB's headers are not all there. */
  | { kind: 'short' }
  /** A log whose database is gone. */
  | { kind: 'log only' }
  /** Directories, links or pipes, which we never make. */
  | { kind: 'strange'; names: string[] };

/** DuckDB writes a file header and two database headers of 4,096 bytes each before anything else. */
const HEADERS_BYTES = 3 * 4096;
/** The database, and what DuckDB keeps beside it: the log, and one each for a checkpoint under way and its recovery. */
const SUFFIXES = ['', '.wal', '.checkpoint.wal', '.recovery.wal'] as const;

export class DatabaseFiles {
  readonly path: string;
  /** Where a repair is tried. */
  readonly trial: string;
  readonly #directory: string;
  readonly #name: string;

  constructor(path: string) {
    this.path = path;
    this.trial = `${path}.trial`;
    this.#directory = dirname(path);
    this.#name = basename(path);
  }

  look(): Found {
    const stats = SUFFIXES.map((suffix) => [this.#name + suffix, stat(this.path + suffix)] as const);
    const strange = stats.filter(([, found]) => found && !found.isFile()).map(([name]) => name);
    if (strange.length > 0) return { kind: 'strange', names: strange };
    const database = stats[0]?.[1];
    if (database) return { kind: database.size < HEADERS_BYTES ? 'short' : 'file' };
    return { kind: stats.some(([, found]) => found) ? 'log only' : 'absent' };
  }

  /** The log's bytes; DuckDB checkpoints at 16 MiB, so they are few. */
  log(): Buffer {
    const path = `${this.path}.wal`;
    return stat(path)?.isFile() ? readFileSync(path) : Buffer.alloc(0);
  }

  /**
   * Gives the database files of its own, where one has another name too: DuckDB writes in place, and under that name the
   * file may belong to a backup made of hard links.
   */
  unshare(): void {
    for (const suffix of SUFFIXES) {
      const [from, copy] = [this.path + suffix, this.trial + suffix];
      const found = stat(from);
      if (!found?.isFile() || found.nlink < 2) continue;
      copyFileSync(from, copy, constants.COPYFILE_EXCL);
      withFile(copy, 'r+', fsyncSync);
      renameSync(copy, from);
      syncDirectory(this.#directory);
    }
  }

  remove(): void {
    for (const suffix of SUFFIXES) rmSync(this.path + suffix, { force: true });
    syncDirectory(this.#directory);
  }

  /** Makes a copy of the database on which logs can be tried. */
  beginTrial(): void {
    this.endTrial();
    copyFileSync(this.path, this.trial, constants.COPYFILE_FICLONE);
  }

  /** Gives the copy this log. */
  tryLog(log: Buffer): void {
    rmSync(`${this.trial}.wal`, { force: true });
    if (log.length > 0) writeFileSync(`${this.trial}.wal`, log);
  }

  /** Removes the copy, also what a repair that was killed left of one. */
  endTrial(): void {
    for (const suffix of SUFFIXES) rmSync(this.trial + suffix, { force: true, recursive: true });
  }

  /** Keeps the first `bytes` of the log. */
  cutLog(bytes: number): void {
    rmSync(`${this.path}.checkpoint.wal`, { force: true });
    rmSync(`${this.path}.recovery.wal`, { force: true });
    withFile(`${this.path}.wal`, 'r+', (descriptor) => {
      ftruncateSync(descriptor, bytes);
      fsyncSync(descriptor);
    });
    syncDirectory(this.#directory);
  }

  /** Leaves the files where they are and durable copies beside them; returns the copies' names. */
  copyAside(): string[] {
    return this.#aside((from, to) => {
      copyFileSync(from, to, constants.COPYFILE_FICLONE);
      withFile(to, 'r+', fsyncSync);
    });
  }

  /** Moves the files out of the way; returns their new names. */
  moveAside(): string[] {
    return this.#aside(renameSync);
  }

  /** Removes what was set aside: the job is done, and nobody needs it any more. */
  discardAside(): void {
    for (const { name } of this.#setAside()) this.#discard(name);
  }

  #aside(put: (from: string, to: string) => void): string[] {
    const earlier = this.#setAside();
    const number = numberOfSet(earlier, this.#name);
    const names: string[] = [];
    // The database goes last, and completes the set: without its log it would open, at an older state.
    for (const suffix of SUFFIXES.toReversed()) {
      if (!stat(this.path + suffix)) continue;
      const name = `${this.#name}${suffix}.damaged-${number}`;
      put(this.path + suffix, join(this.#directory, name));
      names.unshift(name);
    }
    syncDirectory(this.#directory);
    // One set is kept: what an older one held has been done again since, or its parts were adopted.
    for (const old of earlier) if (old.number < number) this.#discard(old.name);
    return names;
  }

  #setAside(): Aside[] {
    const known = new Set<string>(SUFFIXES.map((suffix) => this.#name + suffix));
    return readdirSync(this.#directory).flatMap((name) => {
      const [, file, number] = /^(.*)\.damaged-(\d{1,9})$/.exec(name) ?? [];
      return file !== undefined && known.has(file) ? [{ name, file, number: Number(number) }] : [];
    });
  }

  #discard(name: string): void {
    rmSync(join(this.#directory, name), { force: true, recursive: true });
  }
}

/** A file that was set aside. */
interface Aside {
  name: string;
  file: string;
  number: number;
}

/** The number of the next set; a set that was interrupted before its database was moved goes on under its own. */
function numberOfSet(earlier: readonly Aside[], database: string): number {
  const last = Math.max(0, ...earlier.map(({ number }) => number));
  const complete = earlier.some(({ file, number }) => number === last && file === database);
  return complete || last === 0 ? last + 1 : last;
}

function stat(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function withFile(path: string, flags: string, work: (descriptor: number) => void): void {
  const descriptor = openSync(path, flags);
  try {
    work(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return; // a directory cannot be synced there
  withFile(path, 'r', fsyncSync);
}
