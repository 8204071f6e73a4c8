/** What benches make of what they read; their cases themselves run as tests with `node bench/run.js --quick`. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..');
const bench = (name: string) => import(pathToFileURL(join(root, 'bench', name)).href);
const { ALONE_PARTS, partsOf, readAlone } = await bench('road.js');
const { waitedForMerging } = await bench('watch.js');

const PRINTED = `/data.parquet: 20000000 rows x 10 columns
seconds for 20 million rows, medians of 5 rounds
part                     processor      wall
scan                         1.500     1.600
kernel                       0.100     0.110
encode and hash              0.400     0.410
write                        0.200     0.210
write back and sync          0.050     0.300
`;

describe('the road of a command', () => {
  it('has the parts that the Rust bench prints', () => {
    const source = readFileSync(join(root, 'crates/chunk/benches/road.rs'), 'utf8');
    const names = /let names = \[(.*?)\]/s.exec(source)?.[1];
    expect(JSON.parse(`[${names}]`)).toEqual(ALONE_PARTS);
  });

  it('takes them for as many rows as there are, and none that is no number', () => {
    const parts = readAlone(PRINTED, 10e6);
    expect(parts.map(({ cpuSeconds }: { cpuSeconds: number }) => cpuSeconds)).toEqual([0.75, 0.05, 0.2, 0.1, 0.025]);
    expect(parts.at(-1).wallSeconds).toBe(0.15);
    expect(() => readAlone(PRINTED.replace('0.400', 'NaN'), 10e6)).toThrow('encode and hash');
  });

  const mark = (atMs: number, process: number, owner: number, workers: number) => ({ atMs, process, owner, workers });
  const run = {
    ...{ wallSeconds: 4, startedMs: 1000 },
    ...{
      claimed: mark(1250, 0.5, 0.25, 0.125),
      last: mark(4500, 6.5, 0.5, 5.625),
      published: mark(4750, 6.75, 0.5, 5.75),
    },
    ended: { atMs: 5000, process: 7 },
  };
  const directory = { ...run, claimed: mark(0, 0.5, 0.25, 0.125), last: mark(0, 6.25, 0.5, 5.5) };

  it('adds up, and has null for what could not be had', () => {
    const parts = new Map<string, Record<string, unknown>>(
      partsOf([run], [directory], null).map((part: { part: string }) => [part.part, part]),
    );
    const figures = (name: string) => parts.get(name);
    expect(figures('start')).toMatchObject({ cpuSeconds: 0.5, wallSeconds: 0.25 });
    expect(figures('chunks')).toMatchObject({ cpuSeconds: 6, wallSeconds: 3.25 });
    expect(figures('workers')).toMatchObject({ cpuSeconds: 5.5, wallSeconds: null, waitSeconds: null });
    expect(figures("owner's thread")).toMatchObject({ cpuSeconds: 0.25 });
    expect(figures('commit')).toMatchObject({ cpuSeconds: 0.125 });
    expect(figures('stage')).toMatchObject({ cpuSeconds: 0.125 });
    expect(figures('publish')).toMatchObject({ cpuSeconds: 0.25, wallSeconds: 0.25 });
    expect(figures('end')).toMatchObject({ cpuSeconds: 0.25, wallSeconds: 0.25 });
    expect(figures('whole')).toMatchObject({ cpuSeconds: 7, wallSeconds: 4 });
    for (const name of [...ALONE_PARTS, 'what the road alone has not'])
      expect(figures(name)).toMatchObject({ cpuSeconds: null, wallSeconds: null, waitSeconds: null });
  });
});

it('what a fit waited for merging lies between what was seen and what may have been', () => {
  const told = (atMs: number, phase: string, chunksDone: number, chunksTotal: number) => ({
    ...{ atMs, phase, chunksDone, chunksTotal },
  });
  const pilot = [told(0, 'plan', 0, 0), told(100, 'fit', 0, 2), told(600, 'fit', 2, 2), told(1100, 'fit', 2, 2)];
  const pass = [told(1600, 'fit', 3, 20), told(2100, 'fit', 10, 20), told(2600, 'score', 0, 20)];
  expect(waitedForMerging([...pilot, ...pass])).toEqual({ hasPasses: true, secondsMin: 0.5, secondsMax: 2 });
  expect(waitedForMerging([told(0, 'plan', 0, 0), told(5, 'score', 0, 20)]).hasPasses).toBe(false);
});
