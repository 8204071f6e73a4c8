/** What DuckDB throws, in our words. Its client has no codes: the class is read off the text, by one table. */
import { type ErrorCode, plainRemedy } from '../errorCodes.ts';
import { BatchCoreError } from '../errors.ts';

/** `open`: the file is being opened, so what DuckDB cannot make sense of is the file's fault; `use`: it was open. */
export type Stage = 'open' | 'use';

// The first row that matches decides. What the system said comes first: DuckDB wraps it in words of its own, and a log
// that cannot be replayed because the device failed is not damaged.
const SYSTEM: readonly (readonly [text: RegExp, code: ErrorCode])[] = [
  // DuckDB leaves a tenth of the disk free.
  [/No space left on device|max_temp_directory_size/i, 'DISK_FULL'],
  [/Disk quota exceeded|File too large/i, 'QUOTA_EXCEEDED'],
  [/Read-only file system/i, 'READ_ONLY'],
  [/Input\/output error/i, 'DISK_ERROR'],
  [/Too many open files/i, 'TOO_MANY_FILES'],
  [/File name too long/i, 'NAME_TOO_LONG'],
  [/Cannot allocate memory|Out of Memory Error|bad_alloc|bad_array_new_length/i, 'OUT_OF_MEMORY'],
  [/No such file or directory|Not a directory|Stale file handle/i, 'PATH_LOST'],
  [/Could not set lock on file|Conflicting lock/i, 'JOB_BUSY'],
  [/Permission denied|Operation not permitted/i, 'OUTPUT_UNWRITABLE'],
];

const DAMAGE: readonly RegExp[] = [
  /not a valid DuckDB database file/i,
  /Corrupt (database|WAL|encrypted)/i,
  /Could not read (enough|all) bytes/i,
  /while replaying (checkpoint )?WAL file/i,
  /WAL does not match|This WAL was created for/i,
  /Serialization Error|Failed to (deserialize|load metadata)/i,
];

const OTHER: readonly (readonly [text: RegExp, code: ErrorCode])[] = [
  [/with version number|newer version of DuckDB|older version of DuckDB/i, 'JOB_MISMATCH'],
  // DuckDB leaves the errno of a failed fsync out.
  [/fsync failed/i, 'DISK_ERROR'],
  [/IO Error|Could not (write|read|sync|truncate|seek|open|move|remove)|Cannot open file/i, 'TRANSIENT_IO'],
];

// What DuckDB says when it meets bytes it did not write. Not its complaints of our statements and settings.
const CONFUSED = /INTERNAL Error|FATAL Error|Invalid Error/;

/** The code of what DuckDB said of the database at `path`; the path itself may hold any words. */
export function codeOfDuckDB(message: string, path: string, stage: Stage): ErrorCode {
  const text = path === '' ? message : message.replaceAll(path, '');
  const find = (table: typeof SYSTEM) => table.find(([pattern]) => pattern.test(text))?.[1];
  const system = find(SYSTEM);
  if (system !== undefined) return system;
  const isFile = path !== ':memory:';
  if (isFile && DAMAGE.some((pattern) => pattern.test(text))) return 'JOB_DAMAGED';
  return find(OTHER) ?? (isFile && stage === 'open' && CONFUSED.test(text) ? 'JOB_DAMAGED' : 'BUG');
}

/** What the client threw, as our error. */
export function databaseError(cause: unknown, path: string, stage: Stage): BatchCoreError {
  if (cause instanceof BatchCoreError) return cause;
  const said = firstParagraph(cause instanceof Error ? cause.message : String(cause));
  const code = codeOfDuckDB(said, path, stage);
  const where = path === ':memory:' ? undefined : { file: path };
  return new BatchCoreError(code, messageOf(code, said, path), {
    where,
    ...(code !== 'BUG' && { hint: plainRemedy(code) }),
    cause,
  });
}

function messageOf(code: ErrorCode, said: string, path: string): string {
  if (code === 'DISK_FULL') return `no room to write "${path}"`;
  if (code === 'JOB_BUSY') return `another process holds "${path}": ${said}`;
  if (code === 'JOB_DAMAGED') return `the job database "${path}" is damaged: ${said}`;
  if (code === 'JOB_MISMATCH') return `"${path}" was written by another version: ${said}`;
  return path === ':memory:' || said.includes(path) ? said : `${said} ("${path}")`;
}

/** DuckDB appends stack traces and advice about its own issue tracker. */
function firstParagraph(message: string): string {
  return message.split(/\n\n|\nStack Trace/, 1)[0]!;
}
