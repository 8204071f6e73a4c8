/** How a file begins, and what a thing is that is none. Looks only. */
import { type BigIntStats, closeSync, openSync, readSync } from 'node:fs';

/** So many bytes tell a file that was cut short from one that somebody else wrote. */
export const HEAD_BYTES = 64;

/** The first bytes of a file in hexadecimal; nothing where it cannot be read. */
export function headOf(path: string): string {
  const head = Buffer.alloc(HEAD_BYTES);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    return head.subarray(0, readSync(descriptor, head, 0, HEAD_BYTES, 0)).toString('hex');
  } catch {
    return '';
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
}

/** What a thing that is neither file nor directory is called. */
export function specialWords(stats: Pick<BigIntStats, 'isFIFO' | 'isSocket' | 'isDirectory'>): string {
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isDirectory() ? 'a directory' : 'a device';
}
