/**
 * Who has which database file open in this process.
 *
 * Nothing here opens a database file: closing any descriptor of it would drop DuckDB's lock on it.
 */
import { closeSync, fsyncSync, openSync, readdirSync, readlinkSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { BatchCoreError, systemError } from '../errors.ts';

/** The right to open one database file, held until released. */
export interface FileClaim {
  /** The file's path with links resolved. */
  path: string;
  /** To be called once the file is open: only now a new file can be known by its other names. */
  opened(): void;
  /** Makes the names of the files in the directory durable when the write-ahead log is a new file. */
  settle(): void;
  /** How long the write-ahead log is. */
  logBytes(): number;
  release(): void;
}

// Shared by every copy of this module in the thread: a package may load both as ESM and through a bundler.
const shared = globalThis as { [key: symbol]: Map<string, string> | undefined };
const REGISTRY = Symbol.for('batch-core.duckdb.files');
const held = shared[REGISTRY] ?? new Map<string, string>();
shared[REGISTRY] = held;

/** Claims the file at `path`, or throws JOB_BUSY when this process has it open. */
export function claimFile(path: string): FileClaim {
  const real = realPath(path);
  // A hard link is another name of the same file, so the inode is a key too.
  const keys = [real, inodeOf(real)].filter((key) => key !== undefined);
  if (keys.some((key) => held.has(key)) || isOpen(real)) {
    throw new BatchCoreError('JOB_BUSY', `"${path}" is already open in this process`, {
      where: { file: path },
      hint: 'one owner per job: close the other one first',
    });
  }
  for (const key of keys) held.set(key, real);

  let log: string | undefined;
  return {
    path: real,
    opened() {
      const inode = inodeOf(real);
      if (inode === undefined || keys.includes(inode)) return;
      keys.push(inode);
      held.set(inode, real);
    },
    settle() {
      // The commit made the log's bytes durable. Its name in the directory is a different matter when it is a new file.
      const now = inodeOf(`${real}.wal`);
      if (now === undefined || now === log) return;
      log = now;
      syncDirectory(dirname(real));
    },
    logBytes() {
      return statSync(`${real}.wal`, { throwIfNoEntry: false })?.size ?? 0;
    },
    release() {
      for (const key of keys) held.delete(key);
    },
  };
}

/** The path with links resolved; the file itself need not be there yet. */
function realPath(path: string): string {
  const absolute = resolve(path);
  try {
    return realpathSync(absolute);
  } catch {
    try {
      return join(realpathSync(dirname(absolute)), basename(absolute));
    } catch (cause) {
      throw systemError(cause, `reach the directory of "${path}"`, { path });
    }
  }
}

function inodeOf(path: string): string | undefined {
  try {
    const stat = statSync(path, { bigint: true });
    return `${stat.dev}:${stat.ino}`;
  } catch (error) {
    // A link that leads to itself is no more a file that is open than one that leads nowhere.
    if (['ENOENT', 'ENOTDIR', 'ELOOP'].includes((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/**
 * Whether any thread of this process has `real` open: the map above is per thread, descriptors are per process.
 * Linux can tell; elsewhere the job lock alone keeps a second thread out.
 */
function isOpen(real: string): boolean {
  if (process.platform !== 'linux') return false;
  let descriptors: string[];
  try {
    descriptors = readdirSync('/proc/self/fd');
  } catch {
    return false;
  }
  return descriptors.some((descriptor) => {
    try {
      return readlinkSync(`/proc/self/fd/${descriptor}`) === real;
    } catch {
      return false; // closed since it was listed
    }
  });
}

function syncDirectory(path: string): void {
  if (process.platform === 'win32') return; // a directory cannot be synced there
  const descriptor = openSync(path, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
