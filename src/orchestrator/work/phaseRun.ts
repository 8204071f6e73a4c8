/** What a phase of a run works with, and what it is to do. */
import type { Work } from '../../bindings/task.ts';
import type { Engine } from '../../engines/engine.ts';
import { BatchCoreError } from '../../errors.ts';
import type { Emit } from '../../events/bus.ts';
import type { ChunkCounts, Phase } from '../../events/progress.ts';
import { type SourceFacts, statIdentity } from '../../source/facts.ts';
import { differencesText, identityDifferences } from '../../source/identity.ts';
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

/** What a phase reads: the files of a source, each of which is looked at around each chunk of it. */
export function over(facts: SourceFacts): Pick<PhaseRun, 'sources' | 'checkInput'> {
  return { sources: facts, checkInput: (fileId) => checkInput(facts, fileId) };
}

async function checkInput({ files }: SourceFacts, fileId: number): Promise<void> {
  const planned = files[fileId];
  if (!planned) throw new BatchCoreError('BUG', `there is no file ${fileId} in the plan`);
  const differences = identityDifferences('chunk', planned, await statIdentity(planned.path));
  if (differences.length === 0) return;
  throw new BatchCoreError(
    'INPUT_CHANGED',
    `${planned.path} changed while it was read: ${differencesText(differences)}`,
    {
      where: { file: planned.path },
      hint: 'nothing was published; run again when the file is at rest',
    },
  );
}
