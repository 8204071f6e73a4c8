/** What crosses a worker's door: plans and receipts, never column bytes. */
import type { Chunk, ScoreChunkOptions, ScoreReceipt } from '../bindings/native.ts';
import type { ErrorRecord } from '../errors.ts';

/** One chunk's work. Paths name what is too large to send with every chunk. */
export type ChunkTask =
  | { kind: 'summarize'; chunk: Chunk; fitPath: string }
  | { kind: 'rank'; chunk: Chunk; modelPath: string; missing: string; count: number }
  | { kind: 'score'; chunk: Chunk; modelPath: string; options: ScoreChunkOptions };

/** What a chunk's work yields: a summary that merges, or the receipt of a part. */
export type ChunkYield = { kind: 'summary'; bytes: Uint8Array } | { kind: 'part'; receipt: ScoreReceipt };

/** Errors are sent as data: an Error object would lose its code on the way between threads. */
export type ChunkReply = { ok: true; result: ChunkYield } | { ok: false; error: ErrorRecord };
