/** Who a file is, by what the system says of it. */
import type { BigIntStats } from 'node:fs';
import type { FileId } from '../bindings/native.ts';

/** What a look at the directory tells. */
export interface QuickIdentity {
  device: string;
  inode: string;
  size: number;
  mtimeNs: string;
  /** Of the last change of bytes, names or rights: nobody can set it back. */
  ctimeNs: string;
}

/** The identity in what the system says of a file. */
export function quickIdentity(stats: BigIntStats): QuickIdentity {
  return {
    device: String(stats.dev),
    inode: String(stats.ino),
    size: Number(stats.size),
    mtimeNs: String(stats.mtimeNs),
    ctimeNs: String(stats.ctimeNs),
  };
}

/** By what a file is known again as long as nobody writes into it. */
export function fileId({ dev, ino, size, mtimeNs }: BigIntStats): FileId {
  return { device: String(dev), inode: String(ino), size: Number(size), mtimeNs: String(mtimeNs) };
}
