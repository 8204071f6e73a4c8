import { describe, expect, it } from 'vitest';
import { expectedTime } from '../../../src/orchestrator/core/expected.ts';
import type { Report } from '../../../src/report.ts';

const counts = (planned: number, executed = planned, resumed = 0) => ({
  ...{ planned, executed, resumed, retried: 0, quarantined: 0 },
});

/** A run of 2 workers over 1 M rows x 10 columns, two scans, which took `seconds`. */
function report(seconds: number, more: Partial<Report> = {}): Report {
  return {
    ...{ detector: 'auto', recalled: false, chunks: counts(10), fit: counts(10) },
    source: { rows: 1_000_000, columns: Array.from({ length: 10 }, (_, i) => `f${i}`) },
    timing: { fitSeconds: seconds / 2, scoreSeconds: seconds / 2 },
    resources: { workers: 2 },
    ...more,
  } as unknown as Report;
}

const work = { rows: 10_000_000, columns: 5, scans: 2, workers: 4, detector: 'auto' };

describe('the expected time', () => {
  it('is that of past runs, by cells, scans and workers', () => {
    // 20 M cells in 2 s by 2 workers: 5 M a second each; 100 M cells by 4 workers take 5 s.
    expect(expectedTime(work, [report(2)])).toEqual({ seconds: 5.5, basedOnRuns: 1 });
  });

  it('is the middle of several, of which the latest five count', () => {
    const past = [1, 2, 4, 2, 2, 100, 100].map((seconds) => report(seconds));
    expect(expectedTime(work, past)).toEqual({ seconds: 5.5, basedOnRuns: 5 });
  });

  it.each<[string, Report]>([
    ['of another detector', report(2, { detector: 'hbos' })],
    ['that went on from finished chunks', report(2, { chunks: counts(10, 4, 6) })],
    ['that was recalled', report(2, { recalled: true })],
    ['that only fitted', report(2, { chunks: counts(0) })],
    ['of too few rows', report(2, { source: { ...report(1).source, rows: 10 } })],
    ['that took no time', report(0)],
  ])('does not count a run %s', (_, past) => {
    expect(expectedTime(work, [past]).basedOnRuns).toBe(0);
    expect(expectedTime(work, [past]).seconds).toBeGreaterThan(0.5);
  });
});
