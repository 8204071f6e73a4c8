/** What is done with a source: it is scored, a model is fitted on it, or it is told what scoring it would do. */
import { prepare } from '../prepare/prepare.ts';
import type { ScoreOptions } from '../spec/optionTypes.ts';
import { type PlanReport, preview } from './preview.ts';

export { returnLargeBuffers } from '../../bindings/native.ts';
export { type ModelOrigin, saveModelCopy } from '../places/save.ts';
export { loadModelFile } from '../prepare/modelFile.ts';
export { type RunHooks, runFit, runFitOf, runScore } from '../work/run.ts';
export type { PlanReport } from './preview.ts';

/** What `score` would do and refuse, as things lie now; touches nothing. */
export async function planScore(source: string | readonly string[], options: ScoreOptions): Promise<PlanReport> {
  return preview(await prepare('score', source, options));
}
