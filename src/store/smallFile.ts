/**
 * Small files that several processes share: each is replaced whole, so that whoever reads one never sees half of it, and
 * read only where it is a regular file: a pipe in its place would keep the reader waiting, a link lead it elsewhere.
 */
import { closeSync, constants, fstatSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';

/** More is no file of ours. */
const BYTES_MAX = 256 * 1024 * 1024;

/** The JSON in the file at `path`; nothing where there is none, or something else lies there. */
export function readJson(path: string): unknown {
  try {
    return JSON.parse(readPlain(path).toString('utf8')) ?? undefined;
  } catch {
    return undefined;
  }
}

/** The text in the file at `path`; nothing where there is none, or something else lies there. */
export function readText(path: string): string | undefined {
  try {
    return readPlain(path).toString('utf8');
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
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true, recursive: true });
    throw error;
  }
}

function readPlain(path: string): Buffer {
  // Neither flag is known on Windows, where opening waits for nobody.
  const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants;
  const descriptor = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(descriptor);
    if (!stats.isFile() || stats.size > BYTES_MAX) throw new Error('no small file');
    return readFileSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
