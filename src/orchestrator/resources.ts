/** Memory and workers: pure decisions over measured capacity. */

/** What the machine, or the part of it that we may use, has. */
export interface Capacity {
  memoryBytes: number;
  cores: number;
}

export interface Budget {
  workers: number;
  /** All of it: what the process should stay under. */
  memoryBytes: number;
  /** DuckDB's own limit in each worker's instance. */
  duckdbBytesPerWorker: number;
}

/** Measured: Node, the DuckDB library and client, before any worker (see bench/README.md). */
const BASE_BYTES = 96 * 2 ** 20;
/** Measured: a worker's isolate, DuckDB instance, batches and part writer for a handful of columns. */
const WORKER_BYTES = 40 * 2 ** 20;
/** One row group's decompressed pages and a block of f64 in flight, per column. */
const COLUMN_BYTES = 512 * 2 ** 10;
const SHARE_FOR_DUCKDB = 0.45;

/** How many workers the wish, the cores, the chunks and the memory allow. At least one. */
export function decideBudget(
  capacity: Capacity,
  wish: { workers?: number | undefined; memoryBytes?: number | undefined; columns: number; chunks: number },
): Budget {
  const memoryBytes = Math.min(wish.memoryBytes ?? 0.75 * capacity.memoryBytes, capacity.memoryBytes);
  const workerBytes = WORKER_BYTES + wish.columns * COLUMN_BYTES;
  const affordable = Math.max(1, Math.floor((memoryBytes - BASE_BYTES) / workerBytes));
  const workers = Math.max(1, Math.min(wish.workers ?? capacity.cores, affordable, Math.max(1, wish.chunks)));
  return {
    workers,
    memoryBytes: Math.floor(memoryBytes),
    duckdbBytesPerWorker: Math.max(32 * 2 ** 20, Math.floor((SHARE_FOR_DUCKDB * memoryBytes) / workers)),
  };
}

/** Parses `512MiB`, `2GB`, `1073741824` or `50%` (of `capacityBytes`); `undefined` when it is none of these. */
export function parseBytes(text: string, capacityBytes: number): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*(%|b|kb|mb|gb|tb|kib|mib|gib|tib|k|m|g|t)?$/i.exec(text.trim());
  if (!match) return undefined;
  const amount = Number(match[1]);
  const unit = (match[2] ?? 'b').toLowerCase();
  if (unit === '%') return amount > 0 && amount <= 100 ? Math.floor((capacityBytes * amount) / 100) : undefined;
  const power = { b: 0, k: 1, m: 2, g: 3, t: 4 }[unit[0] as 'b'] ?? 0;
  const base = unit.length === 2 && unit !== 'b' ? 1000 : 1024;
  return Math.floor(amount * base ** power);
}
