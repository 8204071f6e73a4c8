import { describe, expect, it } from 'vitest';
import { codeOfDuckDB, databaseError } from '../../src/duckdb/failure.ts';
import type { ErrorCode } from '../../src/errors.ts';

const path = '/home/jobs/1/job.duckdb';

/** What DuckDB 1.5.6 was heard to say, with what its operating system had been made to answer. */
const TEXTS: readonly (readonly [said: string, code: ErrorCode])[] = [
  [`TransactionContext Error: Failed to commit: Could not write file "${path}.wal": Input/output error`, 'DISK_ERROR'],
  [
    `TransactionContext Error: Failed to commit: Could not write file "${path}.wal": No space left on device`,
    'DISK_FULL',
  ],
  [
    `TransactionContext Error: Failed to commit: Could not write file "${path}.wal": Disk quota exceeded`,
    'QUOTA_EXCEEDED',
  ],
  [`TransactionContext Error: Failed to commit: Could not write file "${path}.wal": File too large`, 'QUOTA_EXCEEDED'],
  ['FATAL Error: fsync failed!', 'DISK_ERROR'],
  [
    'FATAL Error: Failed: database has been invalidated because of a previous fatal error. The database must be restarted ' +
      'prior to being used again.\nOriginal error: "fsync failed!"',
    'DISK_ERROR',
  ],
  [`IO Error: Cannot open file "${path}.wal": Too many open files`, 'TOO_MANY_FILES'],
  [`IO Error: Cannot open file "${path}": Read-only file system`, 'READ_ONLY'],
  [`IO Error: Cannot open file "${path}": Permission denied`, 'OUTPUT_UNWRITABLE'],
  [`IO Error: Cannot open file "${path}": No such file or directory`, 'PATH_LOST'],
  [`IO Error: Cannot open file "${path}": File name too long`, 'NAME_TOO_LONG'],
  [`IO Error: Could not set lock on file "${path}": Conflicting lock is held in node (PID 7)`, 'JOB_BUSY'],
  ['Out of Memory Error: Allocation failure', 'OUT_OF_MEMORY'],
  ['Out of Memory Error: failed to allocate data of size 16.0 MiB (12.0 MiB/12.0 MiB used)', 'OUT_OF_MEMORY'],
  ['Invalid Error: std::bad_alloc', 'OUT_OF_MEMORY'],
  [
    `IO Error: Could not read enough bytes from file "${path}": attempted to read 4096 bytes from location 4096`,
    'JOB_DAMAGED',
  ],
  [`IO Error: The file "${path}" exists, but it is not a valid DuckDB database file!`, 'JOB_DAMAGED'],
  [
    `IO Error: Failure while replaying WAL file "${path}.wal": Corrupt WAL file: entry at byte position 7 computed checksum 1`,
    'JOB_DAMAGED',
  ],
  ['IO Error: Corrupt database file: computed checksum 1 does not match stored checksum 2 in block at', 'JOB_DAMAGED'],
  // The device failed while the log was read: the log may be sound.
  [
    `IO Error: Failure while replaying WAL file "${path}.wal": Could not read from file: Input/output error`,
    'DISK_ERROR',
  ],
  [
    `IO Error: Trying to read a database file with version number 99, but we can only read versions between 64 and 67`,
    'JOB_MISMATCH',
  ],
  [`IO Error: Could not truncate file "${path}.wal": Something of another system`, 'TRANSIENT_IO'],
  ['Binder Error: Referenced column "x" not found in FROM clause!', 'BUG'],
  ['Constraint Error: Duplicate key "phase: score, chunk_id: 1" violates primary key constraint.', 'BUG'],
];

describe('what DuckDB says', () => {
  it.each(TEXTS)('%s -> %s', (said, code) => {
    for (const stage of ['open', 'use'] as const) expect(codeOfDuckDB(said, path, stage)).toBe(code);
  });

  it('of bytes it cannot make sense of is the fault of the file that is being opened, else of ours', () => {
    const said = 'INTERNAL Error: Attempted to access index 7 within vector of size 3';
    expect(codeOfDuckDB(said, path, 'open')).toBe('JOB_DAMAGED');
    expect(codeOfDuckDB(said, path, 'use')).toBe('BUG');
    expect(codeOfDuckDB(said, ':memory:', 'open')).toBe('BUG');
  });

  it('is not read off a path that holds such words', () => {
    const odd = '/Disk quota exceeded/Corrupt WAL/job.duckdb';
    expect(codeOfDuckDB(`IO Error: Could not write file "${odd}": what`, odd, 'use')).toBe('TRANSIENT_IO');
    expect(codeOfDuckDB('Binder Error: no column', odd, 'use')).toBe('BUG');
  });

  it('becomes an error that names the file, says what to do and drops stack traces', () => {
    const error = databaseError(new Error('FATAL Error: fsync failed!\n\nStack Trace:\n0x00 duckdb::f'), path, 'use');
    expect(error).toMatchObject({
      code: 'DISK_ERROR',
      exitCode: 74,
      where: { file: path },
      message: `FATAL Error: fsync failed! ("${path}")`,
      hint: expect.stringContaining('check the disk'),
    });
  });
});
