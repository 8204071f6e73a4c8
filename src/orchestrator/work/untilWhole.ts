/**
 * What is made of the finished chunks of a phase, as summaries become a model and parts an output. A chunk whose work turns
 * out not to be what it was when it was finished is done again, and the whole begun anew.
 */
import { BatchCoreError } from '../../errors.ts';
import type { PhaseRun, PhaseWork } from './phaseRun.ts';

/** How often finished work may turn out damaged before the disk is given up. */
const TRIES = 3;

/** One try. */
export interface Try<T> {
  make(): Promise<T>;
  /** Lets go of what was begun; resolves to the chunk whose work is damaged, where `error` is about that. */
  giveUp(error: BatchCoreError): Promise<number | undefined>;
}

/** What a try makes in the end. `name` is the phase in the store, `phase` what people are told. */
export async function untilWhole<T>(
  { store, emit }: Pick<PhaseRun, 'store' | 'emit'>,
  { name, phase }: Pick<PhaseWork, 'name' | 'phase'>,
  begin: () => Try<T>,
): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    const one = begin();
    try {
      return await one.make();
    } catch (thrown) {
      const error = BatchCoreError.from(thrown);
      const damaged = await one.giveUp(error);
      if (damaged === undefined || tries >= TRIES) throw error;
      emit('retry', { phase, chunk: damaged, error: error.toJSON() });
      await store.reset(name, [damaged]);
    }
  }
}
