import { describe, expect, it } from 'vitest';
import { BatchCoreError } from '../../../src/errors.ts';
import {
  afterDeaths,
  type Budget,
  decideBudget,
  type MemoryNeeds,
  memoryNeeded,
  parseBytes,
  type RoomNeeds,
  roomNeeded,
} from '../../../src/orchestrator/spec/resources.ts';

const [MIB, GIB] = [2 ** 20, 2 ** 30];
const machine = { memoryBytes: 8 * GIB, cores: 4 };
const ten: MemoryNeeds = {
  rows: 2_000_000,
  chunks: 100,
  columns: 10,
  pageBytes: 10 * MIB,
  keptRowBytes: 0,
  keptLeaves: 0,
  keptVectorBytes: 0,
  keptOutputBytes: 0,
  topRows: 0,
  footerBytes: 100_000,
  rowGroups: 10,
  columnChunks: 100,
};

function refusal(act: () => unknown): BatchCoreError {
  try {
    act();
  } catch (error) {
    if (error instanceof BatchCoreError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('a budget', () => {
  it('takes the cores there are, and no more workers than chunks', () => {
    expect(decideBudget(machine, { needs: ten }).workers).toBe(4);
    expect(decideBudget(machine, { needs: { ...ten, chunks: 2 } }).workers).toBe(2);
    expect(decideBudget(machine, { workers: 9, needs: ten }).workers).toBe(9);
  });

  it('has as many workers as its memory is enough for', () => {
    for (let workers = 1; workers <= 6; workers += 1) {
      const memoryBytes = memoryNeeded(ten, workers);
      const wish = { workers: 64, needs: ten };
      expect(decideBudget(machine, { ...wish, memoryBytes }).workers).toBe(workers);
      if (workers > 1)
        expect(decideBudget(machine, { ...wish, memoryBytes: memoryBytes - 2 }).workers).toBe(workers - 1);
    }
  });

  it('below one worker is refused, naming the least, which is then enough', () => {
    const least = memoryNeeded(ten, 1);
    const error = refusal(() => decideBudget(machine, { memoryBytes: least - 2 * MIB, needs: ten }));
    expect([error.code, error.exitCode, error.where?.option]).toEqual(['MEMORY_TOO_SMALL', 78, '--memory']);
    const named = Number(/needs (\d+) MiB/.exec(error.message)?.[1]);
    expect(error.hint).toContain(`--memory ${named}MiB`);
    expect(decideBudget(machine, { memoryBytes: named * MIB, needs: ten }).workers).toBe(1);
  });

  it('of a machine that is too small says so, whatever was asked for', () => {
    const small = { memoryBytes: 128 * MIB, cores: 4 };
    for (const memoryBytes of [undefined, GIB]) {
      const error = refusal(() => decideBudget(small, { memoryBytes, needs: ten }));
      expect(error.message).toContain(memoryBytes ? 'there are 128 MiB' : 'there are 96 MiB');
    }
    expect(decideBudget(machine, { memoryBytes: 100 * GIB, needs: ten }).memoryBytes).toBe(8 * GIB);
  });

  it('grows with what there is to hold', () => {
    const more: Partial<MemoryNeeds>[] = [
      { columns: 1000 },
      { pageBytes: 500 * MIB },
      { keptLeaves: 100 },
      { keptVectorBytes: 50 * MIB },
      { keptOutputBytes: 1000 },
      { topRows: 1_000_000 },
      { footerBytes: 100 * MIB },
      { chunks: 2000 },
      { rowGroups: 5000 },
      { columnChunks: 100_000 },
    ];
    for (const change of more)
      expect(memoryNeeded({ ...ten, ...change }, 1), JSON.stringify(change)).toBeGreaterThan(
        memoryNeeded(ten, 1) + 50 * MIB,
      );
  });

  it('leaves DuckDB what a worker is taken to need', () => {
    const needs = { ...ten, pageBytes: 400 * MIB };
    const { duckdbBytesPerWorker } = decideBudget(machine, { memoryBytes: memoryNeeded(needs, 1), needs });
    expect(duckdbBytesPerWorker).toBeGreaterThan(460 * MIB);
  });

  it('holds no more of kept columns than a row group of the output may', () => {
    const needs = { ...ten, keptOutputBytes: 1e6 };
    expect(memoryNeeded(needs, 1)).toBe(memoryNeeded({ ...ten, keptOutputBytes: 1e4 }, 1));
    expect(memoryNeeded(needs, 1)).toBeLessThan(memoryNeeded(ten, 1) + 200 * MIB);
  });

  it('leaves a vector of kept columns what it was taken for, and what is to spare', () => {
    const needs = { ...ten, keptVectorBytes: 100 * MIB };
    const vector = (memoryBytes: number, workers: number) =>
      decideBudget(machine, { workers, memoryBytes, needs }).keptBytesPerVector / MIB;
    expect(vector(memoryNeeded(needs, 2), 2)).toBeCloseTo(100, 3);
    expect(vector(memoryNeeded(needs, 2) + 100 * MIB, 2)).toBeCloseTo(120, 3);
    expect(vector(memoryNeeded(needs, 2), 1)).toBeGreaterThan(200);
  });

  it('knows what cannot be mapped', () => {
    const error = refusal(() => decideBudget({ ...machine, addressBytes: GIB }, { needs: ten }));
    expect(error.code).toBe('MEMORY_TOO_SMALL');
    expect(error.message).toContain('ulimit -v');
    const workers = (addressBytes: number) => decideBudget({ ...machine, addressBytes }, { needs: ten }).workers;
    expect(workers(2.4 * GIB)).toBe(1);
    expect(workers(3 * GIB)).toBe(2);
    expect(workers(64 * GIB)).toBe(4);
  });

  it('has no more workers than descriptors, and says so', () => {
    const budget = (descriptors: number) => decideBudget({ ...machine, descriptors }, { needs: ten });
    expect([0, 25, 26, 33, 40, 1000].map((descriptors) => budget(descriptors).workers)).toEqual([1, 1, 2, 3, 4, 4]);
    expect(budget(26).warning).toMatch(/^2 of 4 workers: .*ulimit -n/);
    expect(budget(40)).not.toHaveProperty('warning');
  });

  it('is halved after each death without a word', () => {
    const budget: Budget = { workers: 6, memoryBytes: GIB, duckdbBytesPerWorker: 1, keptBytesPerVector: 1 };
    expect([0, 1, 2, 3, 9].map((deaths) => afterDeaths(budget, deaths).workers)).toEqual([6, 3, 1, 1, 1]);
  });
});

describe('room', () => {
  const job: RoomNeeds = {
    rows: 2_000_000,
    columns: 10,
    chunks: 2,
    topRows: 0,
    flaggedRows: 20_000,
    explain: 3,
    keptRowBytes: 0,
    layout: 'file',
  };

  // Measured on 2 M random rows of 10 columns, uncompressed.
  it.each<[string, Partial<RoomNeeds>, number]>([
    ['no reasons', { explain: 0 }, 8.167],
    ['the default', {}, 8.94],
    ['three reasons for every row', { flaggedRows: 2_000_000 }, 58.799],
    ['ten reasons for every row', { flaggedRows: 2_000_000, explain: 10 }, 176.934],
    ['eleven kept columns', { explain: 0, keptRowBytes: 88 }, 96.191],
  ])('for %s is what was measured, and little more', (_, change, bytesPerRow) => {
    const { outputBytes } = roomNeeded({ ...job, ...change });
    expect(outputBytes).toBeGreaterThan(bytesPerRow * job.rows);
    expect(outputBytes).toBeLessThan(1.15 * bytesPerRow * job.rows + MIB);
  });

  it('in the home holds summaries beside the parts', () => {
    const { homeBytes, outputBytes, oneDiskBytes } = roomNeeded(job);
    expect(homeBytes - outputBytes).toBeGreaterThan(12_278_760);
    expect(oneDiskBytes).toBe(homeBytes + outputBytes);
    expect(roomNeeded({ ...job, layout: 'directory' }).oneDiskBytes).toBe(homeBytes);
  });

  // Measured: 1.5 G rows in 1,540 chunks, of which a fit with `auto` left 44 MiB at a time.
  it('does not grow with the chunks of a fit, for what is merged takes the place of its summaries', () => {
    const large = { ...job, rows: 1_500_000_000, columns: 10, chunks: 1540, flaggedRows: 0 };
    const { homeBytes, outputBytes } = roomNeeded(large);
    expect(homeBytes - outputBytes).toBeGreaterThan(44 * MIB);
    expect(homeBytes - outputBytes).toBeLessThan(160 * MIB);
  });

  // Measured: 1,189 MiB of ranks, where `--top 10M` of 240 M rows was asked for.
  it('holds the rows among which the highest are found', () => {
    const large = { ...job, rows: 240_000_000, columns: 0, chunks: 247, flaggedRows: 10_000_000 };
    const [without, ranked] = [0, 10_000_000].map((topRows) => roomNeeded({ ...large, topRows }).homeBytes);
    expect(ranked! - without!).toBeGreaterThan(1189 * MIB);
    expect(ranked! - without!).toBeLessThan(1.5 * 1189 * MIB);
    // Never more than all rows.
    expect(roomNeeded({ ...large, topRows: large.rows }).homeBytes).toBe(without! + 20 * large.rows);
  });

  // Measured, all chunks together: 62,500 bytes a chunk of 16,384 rows and a column of the widest values.
  it('of small chunks is not that of as many large ones', () => {
    const small = { ...job, rows: 16_384 * 37, chunks: 37, columns: 1, flaggedRows: 0 };
    const { homeBytes, outputBytes } = roomNeeded(small);
    const sample = Math.min(17 * MIB, 16 * small.rows);
    const summaries = homeBytes - outputBytes - sample - 6.02 * MIB;
    expect(summaries).toBeGreaterThan(37 * 62_500);
    expect(summaries).toBeLessThan(1.5 * 37 * 62_500);
  });
});

it.each([
  ['1024', 1024],
  ['512MiB', 512 * 2 ** 20],
  ['512MB', 512e6],
  ['2G', 2 * GIB],
  ['1.5GiB', 1.5 * GIB],
  ['50%', 4 * GIB],
  ['0%', undefined],
  ['101%', undefined],
  ['lots', undefined],
  ['-1', undefined],
  ['', undefined],
])('reads %s as a size', (text, bytes) => {
  expect(parseBytes(text, 8 * GIB)).toBe(bytes);
});
