/** Options of the contract that have not landed: known, shown in `--help`, and refused instead of misunderstood. Pure. */
import type { RunGroup, Taker } from './option.ts';

export interface LaterRow {
  flags: string;
  doc: string;
}

export const LATER_OPTIONS: Readonly<Record<RunGroup, readonly LaterRow[]>> = {
  fit: [
    { flags: '--where <sql>', doc: 'only rows that match' },
    { flags: '--by <a,b>', doc: 'compare each row with its group' },
    { flags: '--time <column>', doc: 'compare each row with its time' },
    { flags: '--categories', doc: 'score text columns by rarity' },
    { flags: '--timestamps <how>', doc: 'dates and times as cyclic features' },
    { flags: '--direction <column=up|down>', doc: 'flag one side only' },
  ],
  score: [
    { flags: '--fail-over <n|%>', doc: 'exit code for too many anomalies' },
    { flags: '--only-new', doc: 'report new anomalies only' },
    { flags: '--ignore <file>', doc: 'rules of what is not reported' },
    { flags: '--fail-on-drift', doc: 'exit code for a source that drifted' },
  ],
  run: [
    { flags: '--cpu-limit <cores>', doc: 'processor time to stay under' },
    { flags: '--time-limit <duration>', doc: 'stop resumable after this long' },
    { flags: '--rechunk', doc: 'plan a resumed job anew' },
    { flags: '--max-quarantined <n>', doc: 'chunks that may be set aside' },
    { flags: '--address <address>', doc: 'address of a cluster' },
    { flags: '--python <path>', doc: 'Python of the ray and dask engines' },
    { flags: '--chunk-cores <n>', doc: 'cores of a chunk' },
  ],
};

/** How the command line writes the name of a property. */
export function dashed(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** Whether a property is an option of the contract that `taker` will take. */
export function isLater(name: string, taker: Taker): boolean {
  const { fit, score, run } = LATER_OPTIONS;
  const rows = taker === 'fit' ? [...fit, ...run] : ['score', 'plan'].includes(taker) ? [...fit, ...score, ...run] : [];
  return rows.some(({ flags }) => flags.split(' ')[0] === `--${dashed(name)}`);
}
