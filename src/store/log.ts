/**
 * The write-ahead log of DuckDB, as far as damage must be told apart from a torn end: entries of [size][checksum][bytes]
 * after a header. DuckDB checks the checksums itself; it takes a size that points beyond the end for a torn end, though,
 * and then drops in silence whatever follows.
 */

/** How far the entries of a log can be followed. */
export interface LogExtent {
  /** Offsets at which an entry ends, the header's end first; a log may be cut at each. */
  ends: number[];
  /** Whether anything was committed behind the place where the entries could not be followed any more. */
  lost: boolean;
}

// Log version 2 without the identity of a database: what DuckDB writes for the storage version it defaults to.
const HEADER = Buffer.from('640062650002ffff', 'hex');
const ENTRY_HEAD_BYTES = 16;
// The entry that ends a transaction never varies: size 5, its checksum, and the property 100 = 100.
const COMMIT = Buffer.from('0500000000000000e7fe7d722fed3d5e640064ffff', 'hex');

/** Follows the sizes of `log`'s entries. Of a log in another form only its beginning is known. */
export function logExtent(log: Buffer): LogExtent {
  if (!log.subarray(0, HEADER.length).equals(HEADER)) return { ends: [0], lost: log.length > HEADER.length };
  const ends = [HEADER.length];
  let at = HEADER.length;
  while (at + ENTRY_HEAD_BYTES <= log.length) {
    const end = at + ENTRY_HEAD_BYTES + Number(log.readBigUInt64LE(at));
    if (end > log.length) break;
    at = end;
    ends.push(at);
  }
  return { ends, lost: log.indexOf(COMMIT, at) >= 0 };
}

/** Whether `log` holds a transaction that was committed. */
export function holdsCommit(log: Buffer): boolean {
  return log.includes(COMMIT);
}

/** Whether the entries of `log` end where it does. */
export function isWhole(log: Buffer): boolean {
  return logExtent(log).ends.at(-1) === log.length;
}
