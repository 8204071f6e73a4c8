/** Memory, workers and room: pure decisions over measured capacity. The figures are those of `node bench/memory.js`. */
import { BatchCoreError } from '../../errors.ts';
import type { Capacity } from '../../system.ts';

/** What of a source and a job decides how much memory a run takes. */
export interface MemoryNeeds {
  rows: number;
  chunks: number;
  /** Columns that are scored. */
  columns: number;
  /** Decompressed pages that a scan holds at a time: one of each scored and kept column. */
  pageBytes: number;
  /** Decompressed bytes of a row's kept columns. */
  keptRowBytes: number;
  /** Columns of the file that those are made of. */
  keptLeaves: number;
  /** Their values in the largest vector of 2,048 rows, each text as often as it occurs. */
  keptVectorBytes: number;
  /** What of a row's kept columns is written, before it is compressed. */
  keptOutputBytes: number;
  /** Rows that `--top` ranks. */
  topRows: number;
  /** The largest footer. */
  footerBytes: number;
  /** Row groups of the file with most of them, and what they have of columns, read or not. */
  rowGroups: number;
  columnChunks: number;
}

export interface Budget {
  workers: number;
  /** All of it: what the process should stay under. */
  memoryBytes: number;
  /** DuckDB's own limit in each worker's instance. */
  duckdbBytesPerWorker: number;
  /** Why there are fewer workers than would otherwise be. */
  warning?: string | undefined;
  /** What the kept columns of a vector may take in each worker before `memoryBytes` is exceeded. */
  keptBytesPerVector: number;
}

const MIB = 2 ** 20;

/** Node, libduckdb (both mapped, some 80 MiB), the client, the job's database and the reports, before any worker. */
const BASE_BYTES = 132 * MIB;
/** The sample of a fit while its owner merges and freezes it. */
const SAMPLE_BYTES = 16 * MIB;
/** A worker: its isolate, its DuckDB, its part writer, its share of summaries. */
const WORKER_BYTES = 20 * MIB;
/** A column in the owner: merged summaries, the model. */
const OWNER_COLUMN_BYTES = 0.25 * MIB;
/** What the job's database holds of a chunk that went through every pass, until it is checkpointed, and the plan of it. */
const CHUNK_BYTES = 0.04 * MIB;
/** A column in a worker: vectors on their way through DuckDB, the summary, the scorer's tables. */
const WORKER_COLUMN_BYTES = 0.3 * MIB;
/** Pages, and what the allocator keeps of those before. */
const PAGES_FACTOR = 1.15;
/** What DuckDB keeps of a row group, and of each column in it, while it scans the file. */
const ROW_GROUP_BYTES = 24 * 1024;
const COLUMN_CHUNK_BYTES = 1.4 * 1024;
const VECTOR_ROWS = 2048;
/** A kept column in the library's writer: its codec's tables, its page. */
const KEPT_LEAF_BYTES = 0.75 * MIB;
/** Kept columns are in DuckDB's vector and in Arrow's array; lists are allocated in powers of two. */
const KEPT_VECTOR_FACTOR = 2.5;
/** A vector that takes no more is not worth a word. */
const KEPT_VECTOR_BYTES_LEAST = 4 * MIB;
/** They are encoded in blocks: the pieces, the block, its levels, its pages. */
const KEPT_BLOCK_FACTOR = 4;
const KEPT_BLOCK_ROWS = 16_384;
const KEPT_BLOCK_BYTES = 8 * MIB;
/** They are buffered, encoded, until a row group of the output ends, which it does at so many bytes (`crates/parts/src/encode.rs`). */
const KEPT_OUTPUT_FACTOR = 1.25;
const OUTPUT_ROW_GROUP_ROWS = 122_880;
const OUTPUT_ROW_GROUP_BYTES = 128 * MIB + KEPT_BLOCK_BYTES;
/** Score, file and row of a ranked row. */
const RANKED_BYTES = 24;
/** Address space: what Node reserves, and what each worker's isolate does. */
const BASE_ADDRESS_BYTES = 1600 * MIB;
const WORKER_ADDRESS_BYTES = 620 * MIB;

/** Descriptors of the owner: lock, database and its log, a checkpoint, the output and a part on its way there, status. */
const OWNER_DESCRIPTORS = 12;
/** Of a worker: four of its event loop, its chunk's file, its part, and a directory that is synced or a model that is read. */
const WORKER_DESCRIPTORS = 7;

const SHARE_OF_CAPACITY = 0.75;
const SHARE_FOR_DUCKDB = 0.45;

/** The most resident memory that a run takes with that many workers. */
export function memoryNeeded(needs: MemoryNeeds, workers: number): number {
  return Math.ceil(ownerBytes(needs) + workers * workerBytes(needs));
}

function ownerBytes({ columns, chunks, topRows, footerBytes }: MemoryNeeds): number {
  // A footer is read, digested and parsed whole; ranked rows are merged, sorted and copied.
  return (
    BASE_BYTES +
    SAMPLE_BYTES +
    columns * OWNER_COLUMN_BYTES +
    chunks * CHUNK_BYTES +
    2 * footerBytes +
    3 * topRows * RANKED_BYTES
  );
}

function workerBytes({ rows, columns, pageBytes, topRows, ...needs }: MemoryNeeds): number {
  const { keptLeaves, keptVectorBytes, keptOutputBytes } = needs;
  return (
    WORKER_BYTES +
    metadataBytes(needs) +
    columns * WORKER_COLUMN_BYTES +
    PAGES_FACTOR * pageBytes +
    keptLeaves * KEPT_LEAF_BYTES +
    KEPT_VECTOR_FACTOR * keptVectorBytes +
    KEPT_BLOCK_FACTOR * Math.min(KEPT_BLOCK_BYTES, (keptVectorBytes / VECTOR_ROWS) * KEPT_BLOCK_ROWS) +
    KEPT_OUTPUT_FACTOR * Math.min(OUTPUT_ROW_GROUP_BYTES, keptOutputBytes * Math.min(rows, OUTPUT_ROW_GROUP_ROWS)) +
    2 * topRows * RANKED_BYTES
  );
}

function metadataBytes({ rowGroups, columnChunks }: Pick<MemoryNeeds, 'rowGroups' | 'columnChunks'>): number {
  return rowGroups * ROW_GROUP_BYTES + columnChunks * COLUMN_CHUNK_BYTES;
}

/** How many workers the wish, the cores, the chunks and the memory allow; refuses when that is not even one. */
export function decideBudget(
  capacity: Capacity,
  wish: { workers?: number | undefined; memoryBytes?: number | undefined; needs: MemoryNeeds },
): Budget {
  refuseAddressLimit(capacity);
  const memoryBytes = Math.floor(
    Math.min(wish.memoryBytes ?? SHARE_OF_CAPACITY * capacity.memoryBytes, capacity.memoryBytes),
  );
  const perWorker = workerBytes(wish.needs);
  const affordable = Math.floor((memoryBytes - ownerBytes(wish.needs)) / perWorker);
  if (affordable < 1) throw tooSmall(memoryBytes, wish.memoryBytes, wish.needs);
  const addressable =
    capacity.addressBytes === undefined
      ? affordable
      : Math.max(1, Math.floor((capacity.addressBytes - BASE_ADDRESS_BYTES) / (WORKER_ADDRESS_BYTES + perWorker)));
  const wanted = Math.min(wish.workers ?? capacity.cores, Math.max(1, wish.needs.chunks));
  const otherwise = Math.max(1, Math.min(wanted, affordable, addressable));
  const workers = Math.min(otherwise, workersWithin(capacity.descriptors));
  const spare = (memoryBytes - ownerBytes(wish.needs)) / workers - perWorker;
  return {
    workers,
    memoryBytes,
    ...(workers < otherwise && {
      warning: `${workers} of ${otherwise} workers: the limit of open files (ulimit -n) leaves room for no more`,
    }),
    // Never less than the pages need: DuckDB cannot scan in less, it fails.
    duckdbBytesPerWorker: Math.floor(Math.max(64 * MIB, 2 * perWorker, (SHARE_FOR_DUCKDB * memoryBytes) / workers)),
    keptBytesPerVector: Math.floor(
      Math.max(KEPT_VECTOR_BYTES_LEAST, wish.needs.keptVectorBytes) + spare / KEPT_VECTOR_FACTOR,
    ),
  };
}

/** How many workers have descriptors enough. One is always tried: what it is short of then says so itself. */
function workersWithin(descriptors: number | undefined): number {
  if (descriptors === undefined) return Number.POSITIVE_INFINITY;
  return Math.max(1, Math.floor((descriptors - OWNER_DESCRIPTORS) / WORKER_DESCRIPTORS));
}

function tooSmall(memoryBytes: number, asked: number | undefined, needs: MemoryNeeds): BatchCoreError {
  const least = Math.ceil(memoryNeeded(needs, 1) / MIB);
  const has = Math.floor(memoryBytes / MIB);
  const limited = asked === undefined || asked > memoryBytes;
  const wide = `${needs.columns} column${needs.columns === 1 ? '' : 's'} in pages of ${Math.ceil(needs.pageBytes / MIB)} MiB`;
  return new BatchCoreError(
    'MEMORY_TOO_SMALL',
    limited
      ? `there are ${has} MiB to work with; one worker over ${wide} needs ${least} MiB`
      : `--memory: ${has} MiB are too little; one worker over ${wide} needs ${least} MiB`,
    {
      where: { option: '--memory' },
      hint: limited
        ? `free memory or raise the limit (a control group, ulimit -d), so that three quarters of it are ${least} MiB, or give --memory ${least}MiB`
        : `give --memory ${least}MiB or more, ${lessHint(needs)}`,
    },
  );
}

/** How else a run needs less. */
function lessHint(needs: MemoryNeeds): string {
  if (metadataBytes(needs) > BASE_BYTES / 2)
    return `or write the source in fewer row groups (there are ${needs.rowGroups})`;
  const many = needs.chunks * CHUNK_BYTES > BASE_BYTES / 2;
  return `or fewer --columns${many ? ', or fewer chunks with a larger --chunk-rows' : ''}`;
}

/** Refuses an address space in which not even one worker could start: Node would abort in it. */
export function refuseAddressLimit({ addressBytes }: Capacity): void {
  const least = BASE_ADDRESS_BYTES + WORKER_ADDRESS_BYTES;
  if (addressBytes === undefined || addressBytes >= least) return;
  const mib = (bytes: number) => Math.ceil(bytes / MIB);
  throw new BatchCoreError(
    'MEMORY_TOO_SMALL',
    `the address space is limited to ${mib(addressBytes)} MiB (ulimit -v); a run maps ${mib(least)} MiB, most of it reserved and never used`,
    { hint: 'raise or lift that limit; --memory bounds what is used' },
  );
}

/**
 * The budget of a run that goes on where one before it died without a word, most likely for want of memory: half the
 * workers for each such death in a row.
 */
export function afterDeaths(budget: Budget, deaths: number): Budget {
  return { ...budget, workers: Math.max(1, Math.floor(budget.workers / 2 ** deaths)) };
}

/** What of a job decides how much room it takes. */
export interface RoomNeeds {
  rows: number;
  columns: number;
  chunks: number;
  /** Rows that will be flagged, as far as that is known. */
  flaggedRows: number;
  /** Rows that are found exactly, by a scan of its own. */
  topRows: number;
  /** Reasons of a flagged row. */
  explain: number;
  /** Decompressed bytes of a row's kept columns. */
  keptRowBytes: number;
  layout: 'file' | 'directory';
}

/** Row number, score and flag of random data: 7.1 bytes with zstd, 8.2 uncompressed. */
const ROW_BYTES = 8.5;
/** One reason: 14.4 bytes with zstd, 16.9 uncompressed. */
const REASON_BYTES = 18;
/** What a chunk's summaries of all passes take for a column, beside its part of the sample: of few rows less. */
const SUMMARY_COLUMN_BYTES = 0.22 * MIB;
/** Once merged summaries take this, and more than what they were merged into, that takes their place. Of 20 million rows they hardly do. */
export const SAVED_BYTES_MIN = 16 * MIB;
/** Chunks whose summaries wait to be merged, at most. */
const CHUNKS_WAITING = 32;
/** 5.2 bytes a row at 4,096 rows, 3.9 at 16,384, 2.9 at 65,536, of the widest values. */
const SUMMARY_ROW_BYTES = 5.2;
const SUMMARY_SAMPLE_BYTES = 17 * MIB;
/** A ranked row on the disk. */
const RANKED_FILE_BYTES = 20;
const MODEL_COLUMN_BYTES = 0.02 * MIB;
/** The job's database with its log, report, status and the like. */
const RECORDS_BYTES = 6 * MIB;

/**
 * Bytes that a run takes at most in the home, and on the disk of its output. On one disk both add up, but for a
 * directory: its parts are linked there, not copied.
 */
export function roomNeeded(needs: RoomNeeds): { homeBytes: number; outputBytes: number; oneDiskBytes: number } {
  const { rows, columns, chunks, flaggedRows, explain, keptRowBytes, layout } = needs;
  const outputBytes = Math.ceil(rows * (ROW_BYTES + keptRowBytes) + flaggedRows * explain * REASON_BYTES + MIB);
  const summary = Math.min(SUMMARY_COLUMN_BYTES, 2048 + (rows / chunks) * SUMMARY_ROW_BYTES);
  const unmerged = Math.min(chunks * columns * summary, 2 * SAVED_BYTES_MIN + CHUNKS_WAITING * columns * summary);
  const summaries = Math.min(SUMMARY_SAMPLE_BYTES, 2 * 8 * rows * columns) + unmerged;
  const ranked = RANKED_FILE_BYTES * rankedRows(needs);
  const homeBytes = Math.ceil(outputBytes + summaries + ranked + columns * MODEL_COLUMN_BYTES + RECORDS_BYTES);
  return { homeBytes, outputBytes, oneDiskBytes: layout === 'file' ? homeBytes + outputBytes : homeBytes };
}

/**
 * Rows that chunks keep, of which the highest are found: the first chunks what there is to keep, later ones what is higher than
 * all but so many before them. Of rows in any order the k-th is with a chance of n / k.
 */
function rankedRows({ rows, chunks, topRows: n }: RoomNeeds): number {
  if (n === 0) return 0;
  const waiting = CHUNKS_WAITING * Math.min(n, rows / chunks);
  return Math.min(rows, waiting + n * (1 + Math.log(Math.max(1, rows / n))));
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
