/** How long a run is expected to take: by what runs of this home took, else by what one worker was measured at. Pure. */
import type { Report } from '../../report.ts';

/** Time that is expected, and what the expectation is built on. */
export interface Expected {
  seconds: number;
  /** Finished runs of this home whose speed counts; 0: there is none, and the speed is that of the machine of the benches. */
  basedOnRuns: number;
}

export interface Work {
  rows: number;
  columns: number;
  /** Scans of the source. */
  scans: number;
  workers: number;
  detector: string;
}

/** Cells a second and worker, over 20 M rows x 10 columns with `auto` (`node bench/run.js`). */
const CELLS_PER_SECOND = 25e6;
/** From the start of the process to the first chunk, and from the last to the end. */
const AROUND_SECONDS = 0.5;
/** A run of fewer says more about what is around it. */
const CELLS_MIN = 1e6;
const RUNS_MAX = 5;

/** `past` are reports of this home, the latest first. */
export function expectedTime(work: Work, past: readonly Report[]): Expected {
  const speeds = past
    .filter(({ detector }) => detector === work.detector)
    .map(speedOf)
    .filter((speed) => speed !== undefined)
    .slice(0, RUNS_MAX)
    .sort((a, b) => a - b);
  const speed = speeds[speeds.length >> 1] ?? CELLS_PER_SECOND;
  const cells = work.rows * work.columns * work.scans;
  return { seconds: AROUND_SECONDS + cells / (speed * Math.max(1, work.workers)), basedOnRuns: speeds.length };
}

/** Cells a second and worker; nothing of a run that did not scan all, or too little. */
function speedOf({ source, chunks, fit, timing, resources, recalled }: Report): number | undefined {
  if (recalled || chunks.planned === 0 || chunks.resumed + fit.resumed > 0) return undefined;
  const scans = (chunks.executed + fit.executed) / chunks.planned;
  const cells = source.rows * source.columns.length * scans;
  const speed = cells / (timing.fitSeconds + timing.scoreSeconds) / resources.workers;
  return cells >= CELLS_MIN && Number.isFinite(speed) && speed > 0 ? speed : undefined;
}
