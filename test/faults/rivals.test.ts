/** Jobs of one home that write to one place: one at a time, and none keeps another that was begun from going on. */
import { readdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import { errorOf, gaussian, killAtPart, parquet, run, score, scratch, start } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const DETECTORS = ['zscore', 'hbos', 'mad'] as const;
const { score: scoreHere }: typeof Package = await import(resolve('dist/index.js'));

beforeAll(() => parquet(at('data.parquet'), gaussian(300_000)));

describe('of those that begin at once one goes on, and the others are told of it', () => {
  const busy = (out: string) =>
    expect.stringMatching(new RegExp(`^job [0-9a-f]{16} is writing ${at(out)}: pid \\d+ on host `));

  it('in one process', async () => {
    const [out, home] = [at('here.parquet'), at('home-here')];
    const begun = DETECTORS.map((detector) =>
      scoreHere(at('data.parquet'), { out, home, detector, chunkRows: 20_000 }),
    );
    const settled = await Promise.allSettled(begun);
    const refused = settled.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
    expect(refused).toMatchObject(Array(2).fill({ code: 'JOB_BUSY', exitCode: 75, message: busy('here.parquet') }));
    // They were refused before anything of theirs was made.
    expect(readdirSync(join(home, 'jobs'))).toHaveLength(1);
    // The place is free again.
    for (const detector of DETECTORS) await scoreHere(at('data.parquet'), { out, home, detector, force: true });
  });

  it('in several', async () => {
    const args = (detector: string) => [
      'score',
      'data.parquet',
      '-o',
      'there.parquet',
      '-d',
      detector,
      '--home',
      'home-there',
      '--json',
    ];
    const ended = await Promise.all(DETECTORS.map((detector) => start(directory, args(detector)).ended));
    expect(ended.map(({ code }) => code).sort()).toEqual([0, 75, 75]);
    for (const one of ended.filter(({ code }) => code === 75))
      expect(errorOf(one).message).toEqual(busy('there.parquet'));
  });

  it('also where only the saved model is the same', async () => {
    const [saveModel, home] = [at('model.bcm'), at('home-model')];
    const begun = DETECTORS.map((detector) =>
      scoreHere(at('data.parquet'), { out: at(`${detector}.parquet`), home, detector, saveModel }),
    );
    const settled = await Promise.allSettled(begun);
    expect(settled.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const one of settled) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'JOB_BUSY' });
  });
});

function options(name: string, detector: string): string[] {
  return ['data.parquet', '-o', `${name}.parquet`, '-d', detector, '--chunk-rows', '4096', '--home', `home-${name}`];
}

/** Begins a job and kills it after some of its chunks; its id. */
function kill(name: string, detector: string, ...flags: string[]): Promise<string> {
  return killAtPart(directory, ['score', ...options(name, detector), ...flags], `home-${name}`, 2);
}

it('of two that are unfinished each goes on when it is asked for', async () => {
  const jobs = at('home-both', 'jobs');
  const first = await kill('both', 'zscore');
  renameSync(join(jobs, first), at('kept'));
  const second = await kill('both', 'hbos');
  renameSync(at('kept'), join(jobs, first));
  const third = await run(directory, 'score', ...options('both', 'mad'), '--json');
  expect(errorOf(third)).toMatchObject({ code: 'JOB_MISMATCH', hint: expect.stringContaining(`resume ${second}`) });
  expect((await run(directory, 'resume', first, '--home', 'home-both')).code).toBe(0);
  expect((await score(directory, ...options('both', 'hbos'), '--force')).jobId).toBe(second);
  expect((await run(directory, 'verify', 'both.parquet', '--home', 'home-both')).code).toBe(0);
});

it('one that was given up for another does not go on in its place', async () => {
  const first = await kill('given-up', 'zscore');
  const second = await kill('given-up', 'hbos', '--fresh');
  for (const args of [
    ['score', ...options('given-up', 'zscore')],
    ['resume', first, '--home', 'home-given-up'],
  ]) {
    const refused = await run(directory, ...args, '--json');
    expect(errorOf(refused)).toMatchObject({ code: 'JOB_MISMATCH', hint: expect.stringContaining(`resume ${second}`) });
  }
  const planned = await run(directory, 'plan', ...options('given-up', 'zscore'), '--json');
  expect(JSON.parse(planned.stdout).warnings.join()).toContain(
    `job ${second} for ${at('given-up.parquet')} is unfinished`,
  );
  expect((await run(directory, 'resume', second, '--home', 'home-given-up')).code).toBe(0);
});

it('one that cannot do what it was asked does not hold the command of the next night', async () => {
  await parquet(
    at('day-1.parquet'),
    "SELECT i::DOUBLE AS x, CASE i WHEN 77 THEN 'NaN'::DOUBLE ELSE sin(i) END AS y FROM range(20000) r(i)",
  );
  await parquet(at('day-2.parquet'), 'SELECT i::DOUBLE AS x, cos(i) AS y FROM range(20000) r(i)');
  const args = (day: number, ...flags: string[]) => [
    `day-${day}.parquet`,
    '-o',
    'latest.parquet',
    '--home',
    'home-nightly',
    ...flags,
  ];
  const first = await run(directory, 'score', ...args(1, '--missing', 'error'), '--json');
  expect([first.code, errorOf(first).code]).toEqual([65, 'DATA']);
  const { jobId } = JSON.parse((await run(directory, 'status', '--home', 'home-nightly', '--json')).stdout);
  const words = (was: string) =>
    `job ${jobId}, left unfinished for this output, ${was} retired: it cannot do what it was asked (${errorOf(first).message})`;
  const planned = await run(directory, 'plan', ...args(2), '--json');
  expect(JSON.parse(planned.stdout).warnings).toEqual([words('would be')]);
  expect((await score(directory, ...args(2))).warnings).toContain(words('was'));
});
