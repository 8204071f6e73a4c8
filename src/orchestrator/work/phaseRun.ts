/** What a phase of a run works with, and what it is to do. */
import type { Work } from '../../bindings/task.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Emit } from '../../events/bus.ts';
import type { ChunkCounts, Phase } from '../../events/progress.ts';
import type { ChunkReceipt, JobStore, StoredChunk } from '../../store/job.ts';
import type { PlannedChunk } from '../spec/plan.ts';
import type { Control } from './control.ts';
import type { Monitor } from './monitor.ts';
import type { Sources } from './task.ts';

export interface PhaseRun {
  jobId: string;
  home: string;
  store: JobStore;
  engine: Engine;
  monitor: Monitor;
  emit: Emit<'retry'>;
  control: Control;
  retriesMax: number;
  chunks: readonly PlannedChunk[];
  sources: Sources;
  /** Of the execution. */
  epoch: number;
  /** Aborted when what is in flight is to be interrupted. */
  interrupt: AbortSignal;
  /** Throws when a chunk's file is not what was planned. */
  checkInput: (fileId: number) => Promise<void>;
}

export interface PhaseWork {
  /** Name of the phase in the store. */
  name: string;
  /** What people are told. */
  phase: Phase;
  /** What is done with a chunk. */
  work: (chunk: PlannedChunk) => Work;
  /** The file that is made of a chunk, by its name in the job's directory. */
  target?: (chunk: PlannedChunk) => string;
  counts: ChunkCounts;
  /**
   * Looks at what lies there before any of it counts: `stored` is what an earlier execution left of the phase, nothing where it
   * is planned only now. The chunks that it gives back are done again.
   */
  resume?: (stored: readonly StoredChunk[]) => Promise<readonly number[]>;
  /** Told of each chunk whose receipt is committed; what it throws ends the phase. */
  done?: (chunkId: number, receipt: ChunkReceipt) => void;
}
