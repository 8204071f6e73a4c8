/** Files of this machine, and of what is mounted there. */
import type { BigIntStats, Dirent } from 'node:fs';
import {
  type FileHandle,
  lstat,
  open as openFile,
  readdir,
  readlink,
  realpath,
  stat as statFile,
} from 'node:fs/promises';
import { BatchCoreError, readError } from '../errors.ts';
import { quickIdentity } from '../files/identity.ts';
import type { Entry, Identity, Kind, OpenFile, Stat, Storage } from './storage.ts';

export const local: Storage = { stat, list, open, realPath };

/** What the link at `path` leads to; nothing where there is none. */
export async function linkTarget(path: string): Promise<string | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  return stats?.isSymbolicLink() ? readlink(path) : undefined;
}

async function stat(path: string): Promise<Stat> {
  const stats = await asked(path, statFile(path, { bigint: true }));
  return { kind: kindOf(stats), identity: identityOf(stats) };
}

async function list(directory: string): Promise<Entry[]> {
  const entries = await asked(directory, readdir(directory, { withFileTypes: true }));
  return entries.map((entry) => ({ name: entry.name, kind: entry.isSymbolicLink() ? 'link' : kindOf(entry) }));
}

async function open(path: string): Promise<OpenFile> {
  // Asked before it is opened: opening a pipe waits for whoever writes into it.
  if ((await stat(path)).kind !== 'file') {
    throw new BatchCoreError('SOURCE_INVALID', `"${path}" is not a regular file`, {
      where: { file: path },
      hint: 'what cannot be read twice is not read; write it to a file first',
    });
  }
  const handle = await asked(path, openFile(path, 'r'));
  try {
    return opened(path, handle, identityOf(await asked(path, handle.stat({ bigint: true }))));
  } catch (error) {
    await handle.close();
    throw error;
  }
}

function opened(path: string, handle: FileHandle, identity: Identity): OpenFile {
  return {
    identity,
    size: identity.size,
    async read(offset, length) {
      const { bytesRead, buffer } = await asked(path, handle.read(Buffer.allocUnsafe(length), 0, length, offset));
      return buffer.subarray(0, bytesRead);
    },
    close: () => handle.close(),
  };
}

function realPath(path: string): Promise<string> {
  return asked(path, realpath(path));
}

function identityOf(stats: BigIntStats): Identity {
  return { kind: 'file', ...quickIdentity(stats) };
}

function kindOf(found: BigIntStats | Dirent): Kind {
  if (found.isFile()) return 'file';
  if (found.isDirectory()) return 'directory';
  if (found.isFIFO()) return 'pipe';
  if (found.isSocket()) return 'socket';
  return found.isCharacterDevice() || found.isBlockDevice() ? 'device' : 'other';
}

/** What the system answers, or what it said when it was asked about `path`. */
async function asked<T>(path: string, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw readError(cause, `"${path}"`, { path, absent: 'SOURCE_NOT_FOUND', refused: 'SOURCE_UNREADABLE' });
  }
}
