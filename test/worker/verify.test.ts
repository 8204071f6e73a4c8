/** The work kind `verify`, on files whose checksums pyarrow wrote and on files of DuckDB's, which have none. */
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, describe, expect, it } from 'vitest';
import { ChunkWorker, Watch } from '../../src/bindings/native.ts';
import type { Receipt, Yield } from '../../src/bindings/task.ts';
import { libraryPath } from '../../src/duckdb/library.ts';
import type { BatchCoreError } from '../../src/errors.ts';
import { planScan } from '../../src/orchestrator/spec/plan.ts';
import { taskOf } from '../../src/orchestrator/work/task.ts';
import { readFacts } from '../../src/source/facts.ts';
import { inputDigest } from '../../src/source/inputDigest.ts';
import { runTask } from '../../src/worker/run.ts';

const directory = mkdtempSync(join(tmpdir(), 'batch-core-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const fixture = (name: string) => resolve(import.meta.dirname, '../fixtures/pages', name);

/** Verifies every chunk of a file, as a run with chunks of that many rows would. */
async function verify(path: string, chunkRows: number, watch = new Watch()) {
  const [file] = (await readFacts([path])).files;
  if (!file) throw new Error('no facts');
  const worker = new ChunkWorker({ library: libraryPath(), files: [path], directory });
  const run = { epoch: 1, sources: { files: [file], columns: [] } };
  const work = () => ({ kind: 'verify' }) as const;
  const receipts = planScan([file], chunkRows).chunks.map((chunk) => {
    const given: Receipt[] = [];
    const ending = runTask(
      () => worker,
      taskOf(run, { work }, [chunk], [1]),
      watch.number,
      (receipt) => given.push(receipt),
    );
    return { ...ending, result: given[0]?.result };
  });
  return { receipts, file };
}

function verifiedOf(result: Yield | undefined) {
  if (result?.kind !== 'verified') throw new Error(`no row groups were verified, but ${result?.kind}`);
  return result;
}

async function digestOf(path: string, chunkRows: number) {
  const { receipts } = await verify(path, chunkRows);
  const groups = receipts.flatMap((reply) => {
    if (!reply.ok) throw new Error(reply.error.message);
    return verifiedOf(reply.result).rowGroups;
  });
  return { chunks: receipts.length, groups, digest: inputDigest(groups) };
}

async function sql<T>(query: string): Promise<T[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(query)).getRowObjectsJson() as T[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** The same digests, from where DuckDB says that the columns lie. */
async function expectedGroups(path: string): Promise<string[]> {
  const bytes = readFileSync(path);
  const columns = await sql<{ g: number; start: string; length: string }>(
    `SELECT row_group_id AS g, total_compressed_size AS length,
       least(data_page_offset, CASE WHEN dictionary_page_offset > 0 THEN dictionary_page_offset ELSE data_page_offset END) AS start
     FROM parquet_metadata('${path}') ORDER BY row_group_id, column_id`,
  );
  const hashes = new Map<number, ReturnType<typeof createHash>>();
  for (const { g, start, length } of columns) {
    const hash = hashes.get(Number(g)) ?? createHash('sha256');
    hash.update(bytes.subarray(Number(start), Number(start) + Number(length)));
    hashes.set(Number(g), hash);
  }
  return [...hashes.values()].map((hash) => hash.digest('hex'));
}

describe('a file that is whole', () => {
  it('has every checksum that pyarrow wrote compared', async () => {
    const { receipts } = await verify(fixture('v2-snappy.parquet'), 1_000_000);
    expect(receipts).toMatchObject([{ ok: true, result: { kind: 'verified' } }]);
    const [reply] = receipts;
    const verified = verifiedOf(reply?.result);
    expect(verified.pagesChecked).toBeGreaterThan(20);
    expect(verified.pagesWithCrc).toBe(verified.pagesChecked);
    expect(verified.rowGroups.map((group) => group.sha256)).toEqual(await expectedGroups(fixture('v2-snappy.parquet')));
  });

  it('has one digest however it is cut into chunks, with or without checksums', async () => {
    const path = join(directory, 'duckdb.parquet');
    await sql(
      `COPY (SELECT i AS id, sqrt(i) AS x, 'w' || i % 7 AS w FROM range(30000) r(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`,
    );
    const [whole, cut] = [await digestOf(path, 1_000_000), await digestOf(path, 10_000)];
    expect(whole.chunks).toBe(1);
    expect(cut.chunks).toBeGreaterThan(3);
    expect(cut.digest).toBe(whole.digest);
    expect(whole.groups.map((group) => group.sha256)).toEqual(await expectedGroups(path));
    const { receipts } = await verify(path, 1_000_000);
    expect(receipts).toMatchObject([{ result: { pagesWithCrc: 0 } }]);
  });
});

describe('a file with a flipped bit', () => {
  const damaged = (name: string, offsetFromEnd: number) => {
    const bytes = readFileSync(fixture(name));
    const footer = bytes.readUInt32LE(bytes.length - 8);
    const at = bytes.length - 8 - footer - offsetFromEnd;
    bytes[at] = (bytes[at] ?? 0) ^ 4;
    const path = join(directory, name);
    writeFileSync(path, bytes);
    return path;
  };

  it('is SOURCE_DAMAGED with file, row group, column and page', async () => {
    const path = damaged('v1-zstd.parquet', 1);
    const { receipts } = await verify(path, 400);
    expect(receipts).toMatchObject([
      { ok: true },
      {
        ok: false,
        error: {
          code: 'SOURCE_DAMAGED',
          message: expect.stringMatching(/is damaged: row group 1, column "list.list.element", page \d+ \(at byte/),
          where: { file: path, column: 'list.list.element', rowGroup: 1 },
        },
      },
    ]);
  });

  it('ends a run with exit 65 and is not retried', async () => {
    const { BatchCoreError } = await import('../../src/errors.ts');
    const { receipts } = await verify(damaged('v1-none.parquet', 1), 1_000_000);
    const [reply] = receipts;
    expect(reply?.ok).toBe(false);
    if (!reply || reply.ok) return;
    const error: BatchCoreError = BatchCoreError.fromRecord(reply.error);
    expect([error.exitCode, error.class, error.retried]).toEqual([65, 'DATA', false]);
  });
});

it('a walk stops when its watch is cancelled', async () => {
  const watch = new Watch();
  watch.cancel();
  const { receipts } = await verify(fixture('v1-none.parquet'), 1_000_000, watch);
  expect(receipts).toMatchObject([{ ok: false, error: { code: 'CANCELLED' } }]);
});
