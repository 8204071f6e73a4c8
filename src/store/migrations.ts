/**
 * The job database's tables, one numbered step after the other. A step that was released never changes.
 *
 * No table has a primary key: DuckDB keeps one by an index that also objects to rows deleted in the same transaction. The
 * one writer checks how many rows every statement changed instead. Nor has chunk another index: DuckDB looks into one only
 * for a condition on its single column, and a claim among 100,000 chunks takes 1.5 ms where one among 1,000 takes 1.0 (a
 * test compares them).
 */
import { type Database, quoteText } from '../duckdb/client.ts';
import { BatchCoreError } from '../errors.ts';

/** One step, and the first version of this package that knows it. */
export interface Migration {
  since: string;
  statements: readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    since: '0.1.0',
    statements: [
      `CREATE TABLE job(
        job_id VARCHAR NOT NULL, spec_json VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL,
        state VARCHAR NOT NULL)`,
      `CREATE TABLE execution(
        exec_id BIGINT NOT NULL, job_id VARCHAR NOT NULL, epoch BIGINT NOT NULL, pid BIGINT NOT NULL,
        boot_id VARCHAR NOT NULL, host VARCHAR NOT NULL, out VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL,
        ended_at TIMESTAMP, status VARCHAR NOT NULL, exit_code INTEGER, reason VARCHAR)`,
      `CREATE TABLE input_file(
        file_id BIGINT NOT NULL, path VARCHAR NOT NULL, size BIGINT NOT NULL, mtime_ns VARCHAR NOT NULL,
        ctime_ns VARCHAR NOT NULL, device VARCHAR NOT NULL, inode VARCHAR NOT NULL, footer_bytes BIGINT NOT NULL,
        footer_sha256 VARCHAR NOT NULL, rows BIGINT NOT NULL, row_groups BIGINT NOT NULL)`,
      `CREATE TABLE chunk(
        job_id VARCHAR NOT NULL, phase VARCHAR NOT NULL, chunk_id BIGINT NOT NULL, file_id BIGINT NOT NULL,
        rg_first BIGINT NOT NULL, rg_last BIGINT NOT NULL, row_first BIGINT NOT NULL, rows BIGINT NOT NULL,
        bytes BIGINT NOT NULL, state VARCHAR NOT NULL, attempt BIGINT NOT NULL, epoch BIGINT, summary BLOB,
        part_name VARCHAR, part_size BIGINT, part_sha256 VARCHAR, rows_out BIGINT, error_code VARCHAR,
        error_json VARCHAR, updated_at TIMESTAMP)`,
      `CREATE TABLE publication(
        state VARCHAR NOT NULL, temporary VARCHAR NOT NULL, output_json VARCHAR NOT NULL, report_json VARCHAR)`,
      'CREATE TABLE event(happened_at TIMESTAMP NOT NULL, epoch BIGINT, kind VARCHAR NOT NULL, detail_json VARCHAR NOT NULL)',
    ],
  },
  // Executions that died while a chunk ran, since it last got done.
  { since: '0.1.0', statements: ['ALTER TABLE chunk ADD COLUMN deaths BIGINT DEFAULT 0'] },
  // The model in the job's directory, which is a file that anything may happen to.
  { since: '0.1.0', statements: ['CREATE TABLE model(sha256 VARCHAR NOT NULL)'] },
  // An input may be an object of a store, and what is kept of a part is its sink's. The tables are made anew: DuckDB 1.5
  // commits no update of a table that the same transaction alters, and cannot replay the log of an ALTER ... USING.
  {
    since: '0.1.0',
    statements: [
      'ALTER TABLE input_file RENAME TO former_input_file',
      `CREATE TABLE input_file(
        file_id BIGINT NOT NULL, path VARCHAR NOT NULL, kind VARCHAR NOT NULL, size BIGINT NOT NULL, mtime_ns VARCHAR,
        ctime_ns VARCHAR, device VARCHAR, inode VARCHAR, etag VARCHAR, version VARCHAR, footer_bytes BIGINT NOT NULL,
        footer_sha256 VARCHAR NOT NULL, rows BIGINT NOT NULL, row_groups BIGINT NOT NULL,
        CHECK (CASE kind
          WHEN 'file' THEN
            mtime_ns IS NOT NULL AND ctime_ns IS NOT NULL AND device IS NOT NULL AND inode IS NOT NULL
          WHEN 'object' THEN etag IS NOT NULL
          ELSE false END))`,
      `INSERT INTO input_file
       SELECT file_id, path, 'file', size, mtime_ns, ctime_ns, device, inode, NULL, NULL, footer_bytes, footer_sha256,
         rows, row_groups
       FROM former_input_file`,
      'DROP TABLE former_input_file',
      'ALTER TABLE chunk RENAME TO former_chunk',
      `CREATE TABLE chunk(
        job_id VARCHAR NOT NULL, phase VARCHAR NOT NULL, chunk_id BIGINT NOT NULL, file_id BIGINT NOT NULL,
        rg_first BIGINT NOT NULL, rg_last BIGINT NOT NULL, row_first BIGINT NOT NULL, rows BIGINT NOT NULL,
        bytes BIGINT NOT NULL, state VARCHAR NOT NULL, attempt BIGINT NOT NULL, epoch BIGINT, deaths BIGINT DEFAULT 0,
        summary BLOB, staged_json VARCHAR, rows_out BIGINT, error_code VARCHAR, error_json VARCHAR,
        updated_at TIMESTAMP)`,
      `INSERT INTO chunk BY NAME
       SELECT * EXCLUDE (part_name, part_size, part_sha256), CASE WHEN part_name IS NOT NULL
         THEN json_object('name', part_name, 'size', part_size, 'sha256', part_sha256) END AS staged_json
       FROM former_chunk`,
      'DROP TABLE former_chunk',
    ],
  },
  // The summaries of a phase's first chunks, merged into one: theirs are of no more use.
  {
    since: '0.1.0',
    statements: ['CREATE TABLE merged(phase VARCHAR NOT NULL, chunks BIGINT NOT NULL, summary BLOB NOT NULL)'],
  },
];

const MIGRATION_TABLE =
  'CREATE TABLE migration(number BIGINT NOT NULL, since VARCHAR NOT NULL, applied_at TIMESTAMP NOT NULL)';

/**
 * Brings `database` to the newest tables. One that is newer than the program is refused, untouched, and says by which
 * version it can be read; so is a database of something else.
 */
export async function migrate(database: Database, migrations: readonly Migration[] = MIGRATIONS): Promise<void> {
  const tables = await database.all('SELECT table_name FROM duckdb_tables()');
  const isNew = tables.length === 0;
  if (!isNew && !tables.some((table) => table['table_name'] === 'migration')) {
    throw new BatchCoreError('JOB_MISMATCH', 'the database is not that of a job: it has other tables', {
      hint: 'choose another --home',
    });
  }
  const applied = isNew ? [] : await database.all('SELECT number, since FROM migration ORDER BY number');
  const newest = applied.at(-1);
  if (newest && applied.length > migrations.length) {
    const known = migrations.at(-1)?.since ?? 'none';
    throw new BatchCoreError(
      'JOB_MISMATCH',
      `the job was written by batch-core ${newest['since']} or newer (tables ${newest['number']}, this version knows ${known}'s)`,
      { hint: `go on with batch-core ${newest['since']} or newer, or start over with --fresh` },
    );
  }
  const missing = [...migrations.entries()].slice(applied.length);
  if (missing.length === 0) return;
  const steps = missing.flatMap(([i, { since, statements }]) => [
    ...statements,
    `INSERT INTO migration VALUES (${i + 1}, ${quoteText(since)}, epoch_ms(${Date.now()}))`,
  ]);
  // All of them in one commit and one script: a new job waits for one fsync, and once for DuckDB.
  await database.transaction((transaction) =>
    transaction.run([...(isNew ? [MIGRATION_TABLE] : []), ...steps].join(';\n')),
  );
}
