import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPilot, planScan, rowGroupRows } from '../../../src/orchestrator/spec/plan.ts';

const file = (...rows: number[]) => ({ rowGroups: rows.map((n) => ({ rows: n, bytes: n * 10 })) });

describe('planScan', () => {
  it('fills chunks with whole row groups up to the limit', () => {
    const { chunks, rows, oversized } = planScan([file(400, 400, 400, 100)], 1000);
    expect(
      chunks.map(({ rowGroupFirst, rowGroupLast, rowFirst, rows }) => [rowGroupFirst, rowGroupLast, rowFirst, rows]),
    ).toEqual([
      [0, 1, 0, 800],
      [2, 3, 800, 500],
    ]);
    expect({ rows, oversized }).toEqual({ rows: 1300, oversized: 0 });
  });

  it('makes one chunk of a row group larger than the limit and says so', () => {
    const { chunks, oversized } = planScan([file(10, 5000, 10)], 1000);
    expect(chunks.map((chunk) => chunk.rows)).toEqual([10, 5000, 10]);
    expect(oversized).toBe(1);
  });

  it('never lets a chunk cross files, and plans nothing for empty ones', () => {
    const { chunks } = planScan([file(10), file(), file(0), file(10, 0, 10)], 1000);
    expect(chunks.map(({ chunkId, fileId, rows }) => [chunkId, fileId, rows])).toEqual([
      [0, 0, 10],
      [1, 3, 20],
    ]);
  });

  it('covers every row of every file exactly once, in order', () => {
    const groups = fc.array(fc.nat(3000), { maxLength: 20 });
    fc.assert(
      fc.property(fc.array(groups, { maxLength: 4 }), fc.integer({ min: 1, max: 5000 }), (files, limit) => {
        const sources = files.map((rows) => file(...rows));
        const { chunks } = planScan(sources, limit);
        const seen = files.map(() => 0);
        for (const chunk of chunks) {
          const inGroups = rowGroupRows(sources[chunk.fileId]!, chunk).reduce((a, b) => a + b, 0);
          expect(inGroups).toBe(chunk.rows);
          expect(chunk.rowFirst).toBe(seen[chunk.fileId]);
          expect(chunk.rows <= limit || chunk.rowGroupFirst === chunk.rowGroupLast || chunk.rows > 0).toBe(true);
          seen[chunk.fileId] = chunk.rowFirst + chunk.rows;
        }
        expect(seen).toEqual(files.map((rows) => rows.reduce((a, b) => a + b, 0)));
        expect(chunks.map((chunk) => chunk.chunkId)).toEqual(chunks.map((_, i) => i));
      }),
    );
  });
});

describe('planPilot', () => {
  const alike = (groups: number, rows: number) => file(...Array.from({ length: groups }, () => rows));
  const read = (...files: ReturnType<typeof file>[]) =>
    planPilot(files).chunks.map(({ fileId, rowGroupFirst }) => [fileId, rowGroupFirst]);

  it('reads a sixteenth of the row groups, one of each stretch', () => {
    const places = read(alike(320, 100)).map(([, group]) => group!);
    expect(places.map((group) => Math.floor(group / 16))).toEqual(Array.from({ length: 20 }, (_, i) => i));
  });

  it('meets files that are cut alike at different places', () => {
    const places = read(...Array.from({ length: 40 }, () => alike(16, 100))).map(([, group]) => group);
    expect(new Set(places).size).toBeGreaterThan(13);
  });

  it('chooses by rows, so that row groups which are tiny beside others hardly count', () => {
    const chunks = planPilot([alike(200, 1), alike(64, 1000)]).chunks;
    expect(chunks.map(({ rows }) => rows)).toEqual([1000, 1000, 1000, 1000, 1000]);
  });

  it('never reads more than a quarter, nor so little that nothing can be compared', () => {
    const nothing = { chunks: [], groups: { rows: [], arePilot: [] } };
    expect(planPilot([])).toEqual(nothing);
    expect(planPilot([alike(15, 100)])).toEqual(nothing);
    expect(planPilot([file(5000, ...Array.from({ length: 60 }, () => 10))])).toEqual(nothing);
    const groups = fc.array(fc.nat(3000), { maxLength: 60 });
    fc.assert(
      fc.property(fc.array(groups, { maxLength: 4 }), (rows) => {
        const files = rows.map((rows) => file(...rows));
        const pilot = planPilot(files);
        if (pilot.chunks.length === 0) {
          expect(pilot).toEqual(nothing);
          return;
        }
        const all = planScan(files, 1).chunks;
        expect(pilot.groups.rows).toEqual(all.map(({ rows }) => rows));
        const chosen = all.filter((_, i) => pilot.groups.arePilot[i]).map((chunk, chunkId) => ({ ...chunk, chunkId }));
        expect(pilot.chunks).toEqual(chosen);
        const sum = pilot.chunks.reduce((sum, { rows }) => sum + rows, 0);
        expect(sum * 4).toBeLessThanOrEqual(all.reduce((sum, { rows }) => sum + rows, 0));
      }),
    );
  });
});
