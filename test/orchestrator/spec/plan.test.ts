import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planPilot, planSample, planScan, rowGroupRows } from '../../../src/orchestrator/spec/plan.ts';

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

describe('planSample', () => {
  const alike = (groups: number, rows: number) => file(...Array.from({ length: groups }, () => rows));
  const read = (files: ReturnType<typeof file>[], seed = 0, rows = 100) => planSample(files, { seed, rows });

  it('reads sixty-four row groups, or a sixteenth of them, from all over the source', () => {
    for (const [groups, wanted] of [
      [90, 64],
      [163, 64],
      [1024, 64],
      [16_000, 1000],
    ] as const) {
      const { chunks, groups: told } = read([alike(groups, 100)]);
      expect(chunks.length).toBeGreaterThanOrEqual(wanted);
      expect(chunks.length).toBeLessThanOrEqual(wanted * 1.3);
      expect(told.arePilot.flatMap((is, place) => (is ? [place] : []))).toEqual(chunks.map((one) => one.rowGroupFirst));
      const quarters = [0, 1, 2, 3].map((q) =>
        chunks.filter((one) => Math.floor((one.rowGroupFirst * 4) / groups) === q),
      );
      for (const { length } of quarters) expect(length).toBeGreaterThan(chunks.length / 4 - 3);
    }
  });

  it('reads others for another seed, and the same for the same', () => {
    const files = [alike(500, 100), alike(500, 100)];
    expect(read(files, 1)).toEqual(read(files, 1));
    expect(read(files, 1)).not.toEqual(read(files, 2));
    expect(read(files, 1).chunks.filter(({ fileId }) => fileId === 1).length).toBeGreaterThan(25);
  });

  it('reads each row group as often as any other, small ones too', () => {
    const files = [alike(200, 10), alike(200, 1000)];
    const times = new Map<number, number>();
    for (let seed = 0; seed < 400; seed += 1)
      for (const { fileId, rowGroupFirst } of read(files, seed).chunks)
        times.set(fileId * 200 + rowGroupFirst, (times.get(fileId * 200 + rowGroupFirst) ?? 0) + 1);
    const counts = Array.from({ length: 400 }, (_, place) => times.get(place) ?? 0);
    const mean = counts.reduce((a, b) => a + b, 0) / 400;
    const small = counts.slice(0, 200).reduce((a, b) => a + b, 0) / 200;
    expect(small / mean).toBeGreaterThan(0.95);
    expect(Math.min(...counts)).toBeGreaterThan(mean - 6 * Math.sqrt(mean));
  });

  it('reads twice the rows that are wanted at least, and all where that is most of them', () => {
    const nothing = { chunks: [], groups: { rows: [], arePilot: [] } };
    expect(read([])).toEqual(nothing);
    expect(read([alike(64, 1000)])).toEqual(nothing);
    expect(read([alike(200, 100)], 0, 11_000)).toEqual(nothing);
    const some = read([alike(1000, 100)], 0, 20_000).chunks;
    expect(some.reduce((sum, { rows }) => sum + rows, 0)).toBeGreaterThanOrEqual(40_000);
    expect(some.length).toBeLessThan(550);
  });
});
