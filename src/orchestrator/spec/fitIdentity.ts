/** A fit's identity: what decides its model. How rows are flagged, what is written of them and where is no part of it. Pure. */
import { digestOf, type JobSpec } from './jobSpec.ts';
import { DEFAULTS } from './optionTable.ts';

/** The fingerprint of a job's fit: jobs of equal ones have models of equal digests, however their source is cut into chunks. */
export function fitFingerprintOf({ versions, inputs, columns, missing, fit }: JobSpec): string {
  const { result, duckdb } = versions;
  const { inputs: others, ...asked } = fit ?? { inputs: undefined };
  // On what is fitted is what counts, and not whether it is scored too.
  const content = (others ?? inputs).map(({ name: _name, ...input }) => input);
  return digestOf({ versions: { result, duckdb }, inputs: content, columns, missing, fit: fit && asked });
}

/** The share that the file of a job's model flags where nothing else is asked for. */
export function shareOf({ contamination, score }: Pick<JobSpec, 'contamination' | 'score'>): number {
  if (score?.flag.kind === 'contamination') return score.flag.share;
  return contamination ?? DEFAULTS.contamination;
}
