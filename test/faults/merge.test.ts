/**
 * A fit that died between two chunks of a pass goes on with the summaries it has, and those that are damaged are made again.
 * Of a wide table they are large, and some are merged into one.
 */
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { gaussian, parquet, run, scratch, sha256, sixtyColumns, start } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const CHUNKS = 74;
const fitArgs = (name: string) => [
  ...['fit', 'data.parquet', '-d', 'mad', '--chunk-rows', '4096', '--json', '--progress', 'json'],
  ...['-m', `${name}.bcm`, '--home', name],
];
let whole = '';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(300_000), 4096);
  expect((await run(directory, ...fitArgs('whole'))).code).toBe(0);
  whole = sha256(at('whole.bcm'));
});

const summariesOf = (home: string) => filesOf(home, /^fit-1\.\d+$/);

/** The files of these names among the summaries of the home's job, by the number of the last chunk that is in them. */
function filesOf(home: string, names: RegExp): string[] {
  const jobs = at(home, 'jobs');
  const [job = ''] = existsSync(jobs) ? readdirSync(jobs) : [];
  const path = join(jobs, job, 'summaries');
  const last = (name: string) => Number(/\d+$/.exec(name));
  const found = existsSync(path) ? readdirSync(path).filter((name) => names.test(name)) : [];
  return found.sort((a, b) => last(a) - last(b)).map((name) => join(path, name));
}

function change(paths: readonly string[], each: (path: string) => void): void {
  for (const path of paths) each(path);
}

it.each<[string, (summaries: string[]) => void]>([
  ['are whole', () => {}],
  ['are damaged at the beginning', ([first = '']) => writeFileSync(first, '')],
  ['are damaged in the middle', (all) => truncateSync(all[all.length >> 1] ?? '', 100)],
  ['are damaged in several places', (all) => change(all.slice(2, 5), (path) => writeFileSync(path, 'other'))],
  ['are gone', (all) => change(all, rmSync)],
])('summaries that %s', async (what, fate) => {
  const home = what.replaceAll(' ', '-');
  const { child, ended } = start(directory, fitArgs(home));
  while (summariesOf(home).length < CHUNKS / 2) await sleep(1);
  child.kill('SIGKILL');
  expect((await ended).signal).toBe('SIGKILL');
  const summaries = summariesOf(home);
  expect(summaries.length).toBeLessThan(CHUNKS);
  fate(summaries);
  const { code, stdout, stderr } = await run(directory, ...fitArgs(home));
  expect(code, stderr).toBe(0);
  const { fit } = JSON.parse(stdout) as Report;
  expect([sha256(at(`${home}.bcm`)), fit.resumed > 0]).toEqual([whole, true]);
  expect(/JOB_DAMAGED/.test(stderr), stderr).toBe(/damaged|gone/.test(what));
});

describe('of a wide table', () => {
  const WIDE_CHUNKS = 24;
  const wideArgs = (name: string) => fitArgs(name).map((arg) => (arg === 'data.parquet' ? 'wide.parquet' : arg));
  const mergedOf = (home: string) => filesOf(home, /^fit-1\.0-\d+$/);
  let wideModel = '';

  beforeAll(async () => {
    await parquet(at('wide.parquet'), sixtyColumns(WIDE_CHUNKS * 2048), 2048);
    expect((await run(directory, ...wideArgs('wide'), '--chunk-rows', '2048')).code).toBe(0);
    wideModel = sha256(at('wide.bcm'));
    expect(existsSync(at('wide', '.models'))).toBe(true);
  });

  it.each<[string, (merged: string) => void]>([
    ['is whole', () => {}],
    ['is damaged', (merged) => truncateSync(merged, 100_000)],
    ['is gone', (merged) => rmSync(merged)],
  ])('what is merged %s', async (what, fate) => {
    const home = `merged-${what.replaceAll(' ', '-')}`;
    const { child, ended } = start(directory, [...wideArgs(home), '--chunk-rows', '2048']);
    while (mergedOf(home).length === 0) await sleep(1);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
    const merged = mergedOf(home).at(-1) ?? '';
    // The kill may have come before it was known: then it is of no use, and what is in it is still there.
    fate(merged);
    const { code, stdout, stderr } = await run(directory, ...wideArgs(home), '--chunk-rows', '2048');
    expect(code, stderr).toBe(0);
    const { fit } = JSON.parse(stdout) as Report;
    expect([sha256(at(`${home}.bcm`)), fit.resumed > 0]).toEqual([wideModel, true]);
    expect(existsSync(join(at(home, 'jobs'), readdirSync(at(home, 'jobs'))[0] ?? '', 'summaries'))).toBe(false);
  });
});
