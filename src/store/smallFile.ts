/**
 * Small files that several processes share: each is replaced whole, so that whoever reads one never sees half of it, and
 * read only where it is a regular file: a pipe in its place would keep the reader waiting, a link lead it elsewhere.
 */
import {
  chownSync,
  closeSync,
  constants,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { type BatchCoreError, readError } from '../errors.ts';

/** More is no file of ours. */
const BYTES_MAX = 256 * 1024 * 1024;

/**
 * The JSON in the file at `path`; nothing where there is none, or something else lies there. Throws what the system refuses:
 * a file that may not be read is not a file that is not there.
 */
export function readJson(path: string): unknown {
  const text = readRegular(path, BYTES_MAX)?.toString('utf8');
  try {
    return JSON.parse(text ?? '') ?? undefined;
  } catch {
    return undefined;
  }
}

/** The text in the file at `path`; nothing where it cannot be had, for whatever reason. */
export function readText(path: string): string | undefined {
  try {
    return readRegular(path, BYTES_MAX)?.toString('utf8');
  } catch {
    return undefined;
  }
}

/** Replaces the file at `path`, atomically and not durably: it tells others how things stand now. */
export function replaceJson(path: string, value: unknown): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    rmSync(temporary, { force: true, recursive: true });
    // Made anew or not at all: what somebody else has put there is not written into.
    writeFileSync(temporary, `${JSON.stringify(value)}\n`, { flag: 'wx', mode: 0o600 });
    handOver(temporary, path);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true, recursive: true });
    throw error;
  }
}

/** What root leaves in another user's directory must be that user's to read. */
function handOver(temporary: string, path: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  chownSync(temporary, uid, gid);
}

/** What opening says where there is nothing, or something that is no regular file: a directory, a link, a socket. */
const NO_FILE: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'EISDIR', 'ELOOP', 'ENXIO'];

/** The bytes of the regular file at `path`; nothing where there is none. Throws what the system refuses. */
export function readRegular(path: string, bytesMax = Number.POSITIVE_INFINITY): Buffer | undefined {
  // Neither flag is known on Windows, where opening waits for nobody.
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  let descriptor: number;
  try {
    descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    if (isNoFile(cause)) return undefined;
    throw unreadable(cause, path);
  }
  try {
    const stats = fstatSync(descriptor);
    return stats.isFile() && stats.size <= bytesMax ? readFileSync(descriptor) : undefined;
  } catch (cause) {
    throw unreadable(cause, path);
  } finally {
    closeSync(descriptor);
  }
}

/** Whether anything lies at `path`. Throws where that may not be known. */
export function isThere(path: string): boolean {
  return statsAt(path) !== undefined;
}

/** What lies at `path`; nothing where nothing does, also where something above it is no directory. */
export function statsAt(path: string): Stats | undefined {
  return unlessAbsent(path, () => statSync(path));
}

/** The names in the directory `path`; none where there is no directory. */
export function namesIn(path: string): string[] {
  return unlessAbsent(path, () => readdirSync(path)) ?? [];
}

function unlessAbsent<Answer>(path: string, ask: () => Answer): Answer | undefined {
  try {
    return ask();
  } catch (cause) {
    if (isNoFile(cause)) return undefined;
    throw unreadable(cause, path);
  }
}

/** Whether what the system said means that there is no file of ours. */
export function isNoFile(cause: unknown): boolean {
  return NO_FILE.includes((cause as NodeJS.ErrnoException).code);
}

/** What the system refused to let us read, which is not what it refuses to let us write. */
export function unreadable(cause: unknown, path: string): BatchCoreError {
  return readError(cause, path, { path, absent: 'PATH_LOST' });
}
