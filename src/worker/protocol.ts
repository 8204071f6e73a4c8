/** What crosses a worker's door: plans and receipts, never column bytes. */
import type { Chunk, ModelFile, ScoreChunkOptions, ScoreReceipt, VerifyReceipt } from '../bindings/native.ts';
import type { ErrorRecord } from '../errors.ts';

/**
 * Every kind of work: what it takes, and what it gives. Paths name what is too large to send with every task. A new kind
 * is an entry here and a line in run.ts, which the compiler asks for.
 */
export interface Works {
  /** A chunk of a fit pass becomes a summary that merges: itself, or the file at `summaryPath` when it is large. */
  summarize: { takes: { chunk: Chunk; fitPath: string; summaryPath: string }; gives: Summary };
  /** The highest rows of a chunk, as a summary that merges. */
  rank: {
    takes: { chunk: Chunk; model: ModelFile; missing: string; count: number; summaryPath: string };
    gives: Summary;
  };
  /** A chunk becomes a durable part. */
  score: {
    takes: { chunk: Chunk; model: ModelFile; options: ScoreChunkOptions };
    gives: { kind: 'part'; receipt: ScoreReceipt };
  };
  /** The bytes of a chunk's row groups are digested, and the checksums of their pages compared. */
  verify: { takes: { chunk: Chunk; rowGroupFirst: number }; gives: { kind: 'verified'; receipt: VerifyReceipt } };
}

interface Summary {
  kind: 'summary';
  bytes: Uint8Array;
}

export type TaskKind = keyof Works;

/** Work of one of the kinds `K`. */
export type Task<K extends TaskKind = TaskKind> = { [P in K]: { kind: P } & Works[P]['takes'] }[K];

/** What work of one of the kinds `K` yields. */
export type Result<K extends TaskKind = TaskKind> = Works[K]['gives'];

/** Errors are sent as data: an Error object would lose its code on the way between threads. */
export type Reply<K extends TaskKind = TaskKind> = { ok: true; result: Result<K> } | { ok: false; error: ErrorRecord };

type ChunkKind = 'summarize' | 'rank' | 'score';

/** One chunk's work in the phases that make the output. */
export type ChunkTask = Task<ChunkKind>;
/** What a chunk's work yields: a summary that merges, or the receipt of a part. */
export type ChunkYield = Result<ChunkKind>;
