/** A fit that died between two chunks of a pass goes on with the summaries it has, and those that are damaged are made again. */
import { existsSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { gaussian, parquet, run, scratch, sha256, start } from '../cli/harness.ts';

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

function summariesOf(home: string): string[] {
  const jobs = at(home, 'jobs');
  const [job = ''] = existsSync(jobs) ? readdirSync(jobs) : [];
  const path = join(jobs, job, 'summaries');
  const names = existsSync(path) ? readdirSync(path).filter((name) => /^fit-1\.\d+$/.test(name)) : [];
  return names.sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1])).map((name) => join(path, name));
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
