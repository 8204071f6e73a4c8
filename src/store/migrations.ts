/** The job database's tables, one numbered step after the other. A step that was released never changes. */
import type { Database } from '../duckdb/client.ts';
import { BatchCoreError } from '../errors.ts';

const MIGRATIONS: readonly (readonly string[])[] = [
  [
    `CREATE TABLE job(
      job_id VARCHAR PRIMARY KEY, spec_json VARCHAR NOT NULL, fingerprint VARCHAR NOT NULL, created_at TIMESTAMP NOT NULL,
      state VARCHAR NOT NULL)`,
    `CREATE TABLE execution(
      exec_id BIGINT PRIMARY KEY, job_id VARCHAR NOT NULL, epoch BIGINT NOT NULL, pid BIGINT NOT NULL, boot_id VARCHAR NOT NULL,
      host VARCHAR NOT NULL, out VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, ended_at TIMESTAMP, status VARCHAR NOT NULL,
      exit_code INTEGER, reason VARCHAR)`,
    `CREATE TABLE input_file(
      file_id BIGINT PRIMARY KEY, path VARCHAR NOT NULL, size BIGINT NOT NULL, mtime_ns VARCHAR NOT NULL, inode VARCHAR NOT NULL,
      footer_bytes BIGINT NOT NULL, footer_sha256 VARCHAR NOT NULL, rows BIGINT NOT NULL, row_groups BIGINT NOT NULL)`,
    `CREATE TABLE chunk(
      job_id VARCHAR NOT NULL, phase VARCHAR NOT NULL, chunk_id BIGINT NOT NULL, file_id BIGINT NOT NULL, rg_first BIGINT NOT NULL,
      rg_last BIGINT NOT NULL, row_first BIGINT NOT NULL, rows BIGINT NOT NULL, bytes BIGINT NOT NULL, state VARCHAR NOT NULL,
      attempt BIGINT NOT NULL, epoch BIGINT, summary BLOB, part_name VARCHAR, part_size BIGINT, part_sha256 VARCHAR, rows_out BIGINT,
      error_code VARCHAR, error_json VARCHAR, updated_at TIMESTAMP)`,
    `CREATE TABLE event(happened_at TIMESTAMP NOT NULL, epoch BIGINT, kind VARCHAR NOT NULL, detail_json VARCHAR NOT NULL)`,
  ],
];

/** Brings `database` to the newest tables; a database newer than the program is refused, untouched. */
export async function migrate(database: Database): Promise<void> {
  await database.run('CREATE TABLE IF NOT EXISTS migration(number BIGINT PRIMARY KEY, applied_at TIMESTAMP NOT NULL)');
  const [row] = await database.all('SELECT coalesce(max(number), 0) AS last FROM migration');
  const last = Number(row?.['last'] ?? 0);
  if (last > MIGRATIONS.length)
    throw new BatchCoreError(
      'JOB_MISMATCH',
      `the job was written by a newer version (tables ${last}, this one knows ${MIGRATIONS.length})`,
      {
        hint: 'go on with that version of batch-core, or start over with --fresh in another --home',
      },
    );
  for (const [i, steps] of MIGRATIONS.entries()) {
    const number = i + 1;
    if (number <= last) continue;
    await database.transaction(async (statements) => {
      for (const step of steps) await statements.run(step);
      await statements.run('INSERT INTO migration VALUES ($1, now()::TIMESTAMP)', [number]);
    });
  }
}
