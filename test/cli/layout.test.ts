/** What fits a terminal, and figures in words. */
import { describe, expect, it } from 'vitest';
import { rateText, secondsText } from '../../src/cli/print.ts';
import { barText, progressParts } from '../../src/cli/progress.ts';
import { cutText, tableLines } from '../../src/cli/tables.ts';
import type { Progress } from '../../src/events/progress.ts';
import { parseChunkRows, parseCount, parseNames, parseShare } from '../../src/orchestrator/spec/words.ts';

const progress: Progress = {
  type: 'progress',
  jobId: '0123456789abcdef',
  phase: 'score',
  chunksDone: 3,
  chunksTotal: 10,
  rowsDone: 3_000_000,
  rowsTotal: 10_000_000,
  rowsPerSecond: 2_500_000,
  etaSeconds: 2.8,
  rssBytes: 250 * 2 ** 20,
  workers: 2,
  retried: 0,
  quarantined: 0,
};

describe('the bar', () => {
  it.each([20, 30, 40, 60, 80, 120, 200])('fits %i columns; phase and share are never lost', (columns) => {
    const text = barText(progress, columns);
    expect(Array.from(text).length).toBeLessThan(columns);
    expect(text).toMatch(/score {3}30 %/);
  });

  it('gives way before anything that is said', () => {
    expect(barText(progress, 120)).toMatch(/^\u2588{8}\u2591{20} score/);
    expect(barText(progress, 40)).toMatch(/^score {3}30 % {2}2\.8 s left/);
    expect(barText({ ...progress, rowsTotal: 0, rowsDone: 0 }, 40)).not.toMatch(/0\/0|%/);
  });

  it('is never fuller than full', () => {
    expect(barText({ ...progress, rowsDone: 10_000_001 }, 120)).toMatch(/^\u2588{28} score {2}100 %/);
  });
});

it('progress says nothing of a rate or a remaining time that is not known', () => {
  expect(progressParts({ ...progress, rowsPerSecond: null, etaSeconds: null }).join(' ')).not.toMatch(/left|rows\/s/);
});

describe('a table', () => {
  const rows = [
    ['1', 'a short one'],
    ['12345', 'one that is much longer than all the others of this table'],
  ];

  it.each([12, 20, 40, 60])('fits %i columns', (width) => {
    for (const line of tableLines(['row', 'reasons'], rows, [0], width)) {
      const text =
        typeof line === 'string'
          ? line
          : line.map((piece) => (typeof piece === 'string' ? piece : piece.text)).join('');
      expect(text.length).toBeLessThanOrEqual(width);
    }
  });

  it('of many rows has one line each, and equal columns throughout', () => {
    const many = Array.from({ length: 1203 }, (_, i) => [String(i), i === 700 ? 'the longest' : 'x', `end ${i}`]);
    const lines = tableLines(['row', 'b', 'c'], many, [0]);
    expect(lines.length).toBe(1204);
    for (const [i, row] of many.entries())
      expect(lines[i + 1]).toBe(`${row[0]!.padStart(4)}  ${row[1]!.padEnd(11)}  ${row[2]}`);
    expect(tableLines(['row', 'b'], []).length).toBe(1);
  });

  it('off a terminal is cut nowhere', () => {
    expect(JSON.stringify(tableLines(['row', 'reasons'], rows, [0]))).toContain(rows[1]![1]);
    expect(cutText('abcdef', 4)).toBe('abc…');
  });
});

describe('figures', () => {
  it('counts are decimal but for rows of a chunk', () => {
    expect(['1K', '1M', '2.5k', '7'].map(parseCount)).toEqual([1000, 1_000_000, 2500, 7]);
    expect(['1K', '1M', '1000'].map(parseChunkRows)).toEqual([1024, 1_048_576, 1000]);
    for (const text of ['', '1.5', '-1', '1e3', '0x10', '1KB', 'K']) expect(() => parseCount(text)).toThrow(/count/);
  });

  it('a share in percent is the number one would have written', () => {
    expect(['1%', '0.7%', '12.5 %', '0.01', '1e-3', '.5%'].map(parseShare)).toEqual([
      0.01, 0.007, 0.125, 0.01, 0.001, 0.005,
    ]);
    for (const text of ['%', 'x%', '-1%', '', 'NaN', 'Infinity'])
      expect(() => parseShare(text)).toThrow(/number|share/);
  });

  it('names: a list, or JSON', () => {
    expect(parseNames('a, b')).toEqual(['a', 'b']);
    expect(parseNames('[" a","b,c"]', ['x'])).toEqual(['x', ' a', 'b,c']);
    expect(parseNames('[x]')).toEqual(['[x]']);
    expect(() => parseNames('a,,b')).toThrow(/list of names/);
  });

  it('durations and rates are never absurd', () => {
    expect([0, 9.94, 9.97, 59.6, 119.7, 3599.9, 90_000, 1.6e35, Number.POSITIVE_INFINITY].map(secondsText)).toEqual([
      '0.0 s',
      '9.9 s',
      '10 s',
      '1 min 0 s',
      '2 min 0 s',
      '1 h 0 min',
      '1 d 1 h',
      'more than 100 days',
      'more than 100 days',
    ]);
    expect([2_500_000, 12_345, 3.08].map(rateText)).toEqual(['2.50 M rows/s', '12,345 rows/s', '3.1 rows/s']);
  });
});
