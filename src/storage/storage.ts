/**
 * Where sources lie, as far as planning asks of it. A storage is one file of this room. What it throws says which path could
 * not be looked at, and why: SOURCE_NOT_FOUND, SOURCE_UNREADABLE, NAME_TOO_LONG, or what is no source's fault.
 */
import type { QuickIdentity } from '../files/identity.ts';

/** By what is known, without reading it, that something is what it was. */
export type Identity =
  | ({ kind: 'file' } & QuickIdentity)
  /** Of an object store. */
  | {
      kind: 'object';
      size: number;
      etag: string;
      /** Null where the bucket keeps none. */
      version: string | null;
    };

/** Only a file can be read twice and in parts. */
export type Kind = 'file' | 'directory' | 'pipe' | 'socket' | 'device' | 'other';

/** What lies at a path, wherever links lead. */
export interface Stat {
  kind: Kind;
  identity: Identity;
}

/** What lies in a directory; of a link it is not known here what it leads to. */
export interface Entry {
  name: string;
  kind: Kind | 'link';
}

/** Bytes that are read in ranges. */
export interface Ranges {
  readonly size: number;
  /** `length` bytes from `offset` on; fewer where they end before. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** A file as it was when it was opened: what is read is what has this identity. */
export interface OpenFile extends Ranges {
  readonly identity: Identity;
  close(): Promise<void>;
}

export interface Storage {
  stat(path: string): Promise<Stat>;
  /** In no order. */
  list(directory: string): Promise<Entry[]>;
  /** Refuses what is no file. */
  open(path: string): Promise<OpenFile>;
  /** The one path of what has several: links are resolved. */
  realPath(path: string): Promise<string>;
}
