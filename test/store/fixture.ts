/** A job whose database was checkpointed half-way: 40 finished chunks lie in its file, 40 more in its log alone. */
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ChunkRow, JobStore } from '../../src/store/job.ts';

export const JOB_ID = 'j1';

/** The bytes of a job's database and of its log, as they lie on disk while it runs. */
export interface Image {
  database: Buffer;
  log: Buffer;
}

export function chunkRows(count: number): ChunkRow[] {
  return Array.from({ length: count }, (_, i) => ({
    ...{ chunkId: i, fileId: 0, rowGroupFirst: i, rowGroupLast: i, rowFirst: 10 * i, rows: 10, bytes: 1 },
  }));
}

/** Bytes that no compression makes small. */
export function noise(bytes: number, salt: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (Math.imul(i * salt + i * i, 2_654_435_761) >>> 13) & 255);
}

export async function finish(store: JobStore, from: number, to: number, summaryBytes: number): Promise<void> {
  for (let i = from; i < to; i++) {
    await store.claim('score', [i]);
    const staged = { name: `part-${i}`, size: i, sha256: 'ab'.repeat(32) };
    await store.complete('score', i, { rowsOut: 10, staged, summary: noise(summaryBytes, i) });
  }
}

export async function jobImage(directory: string): Promise<Image> {
  mkdirSync(directory);
  const path = join(directory, 'job.duckdb');
  const identity = { pid: 1, bootId: 'b', host: 'h', out: '/o' };
  const first = await JobStore.open(path);
  await first.create({ jobId: JOB_ID, specJson: '{"a":1}', fingerprint: 'f', files: [] });
  await first.beginExecution(identity);
  await first.setState('start');
  await first.plan('score', chunkRows(100));
  // More than a log may hold when its database is closed.
  await finish(first, 0, 40, 30_000);
  await first.close();
  const second = await JobStore.open(path);
  await second.beginExecution(identity);
  await finish(second, 40, 80, 900);
  // Copies of what a kill would leave now; read from the copies, for DuckDB's lock would not outlive a reader's close.
  for (const name of ['job.duckdb', 'job.duckdb.wal'])
    copyFileSync(join(directory, name), join(directory, `${name}.copy`));
  await second.close();
  return {
    database: readFileSync(join(directory, 'job.duckdb.copy')),
    log: readFileSync(join(directory, 'job.duckdb.wal.copy')),
  };
}
