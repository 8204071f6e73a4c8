/** The model in a job's directory is believed only while it is what the job fitted: nothing is scored with another one. */
import { copyFileSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openFile } from '../../src/duckdb/client.ts';
import { errorOf, gaussian, killAtPart, parquet, run, score, scratch, sha256 } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const FLAGS = ['data.parquet', '--chunk-rows', '4096'];
let whole = '';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(200_000), 4096);
  await score(directory, ...FLAGS, '-d', 'zscore', '-o', 'whole.parquet', '--save-model', 'zscore.bcm');
  whole = sha256(at('whole.parquet'));
  const fit = await run(directory, 'fit', 'data.parquet', '-d', 'mad', '-m', 'other.bcm');
  expect(fit.code).toBe(0);
});

/** Runs until some parts are there, and kills; the job's directory. */
async function killed(home: string, args: readonly string[]): Promise<string> {
  return at(home, 'jobs', await killAtPart(directory, ['score', ...args], home, 30));
}

/** What may become of a model while nobody works on its job. */
const fates: [string, (path: string) => void][] = [
  ['swapped', (path) => copyFileSync(at('other.bcm'), path)],
  ['truncated', (path) => writeFileSync(path, readFileSync(path).subarray(0, -40))],
  ['emptied', (path) => writeFileSync(path, '')],
  ['removed', (path) => rmSync(path)],
  [
    'turned into a directory',
    (path) => {
      rmSync(path);
      mkdirSync(path);
      writeFileSync(join(path, 'x'), '');
    },
  ],
  [
    'turned into a link',
    (path) => {
      renameSync(path, `${path}.moved`);
      symlinkSync(`${path}.moved`, path);
    },
  ],
];

describe('the model of a job that died', () => {
  it.each(fates)('when it was %s is fitted again, and finished parts stay', async (name, change) => {
    const home = `home-${name.replaceAll(' ', '-')}`;
    const args = [...FLAGS, '-d', 'zscore', '-o', `${home}.parquet`, '--home', home];
    const job = await killed(home, args);
    change(join(job, 'model.bcm'));
    const report = await score(directory, ...args);
    expect(report.warnings).toContainEqual(expect.stringMatching(/model\.bcm was not what this job had fitted/));
    expect(report.chunks.resumed).toBeGreaterThan(0);
    expect(sha256(at(`${home}.parquet`))).toBe(whole);
    expect(sha256(join(job, 'model.bcm'))).toBe(sha256(at('zscore.bcm')));
  });

  const given = fates.filter(([name]) => /swapped|directory/.test(name));
  it.each(given)('that was given, when it was %s, is written again', async (name, change) => {
    const home = `home-given-${name.replaceAll(' ', '-')}`;
    const args = [...FLAGS, '-m', 'zscore.bcm', '-o', `${home}.parquet`, '--home', home];
    const job = await killed(home, args);
    change(join(job, 'model.bcm'));
    await score(directory, ...args);
    expect((await run(directory, 'verify', `${home}.parquet`, '--home', home)).code).toBe(0);
    expect(sha256(join(job, 'model.bcm'))).toBe(sha256(at('zscore.bcm')));
  });
});

it('a fit that gives another model than before is refused, and --fresh gets past it', async () => {
  const args = [...FLAGS, '-d', 'zscore', '-o', 'refused.parquet', '--home', 'home-refused'];
  const job = await killed('home-refused', args);
  const database = await openFile(join(job, 'job.duckdb'));
  await database.run("UPDATE model SET sha256 = 'that of another one'");
  await database.close();
  const refused = await run(directory, 'score', ...args, '--json');
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'INPUT_CHANGED']);
  expect(errorOf(refused).hint).toBe('start over with --fresh');
  await score(directory, ...args, '--fresh');
  expect(sha256(at('refused.parquet'))).toBe(whole);
});

it('--save-model of a finished job gives the model of its scores, whatever lies in its directory', async () => {
  const args = [...FLAGS, '-d', 'zscore', '-o', 'saved.parquet', '--home', 'home-saved'];
  const { jobId } = await score(directory, ...args);
  copyFileSync(at('other.bcm'), at('home-saved', 'jobs', jobId, 'model.bcm'));
  // The model is not there any more: it is made again, with the scores.
  expect((await score(directory, ...args, '--save-model', 'one.bcm')).recalled).toBe(false);
  expect((await score(directory, ...args, '--save-model', 'two.bcm')).recalled).toBe(true);
  for (const name of ['one.bcm', 'two.bcm']) expect(sha256(at(name))).toBe(sha256(at('zscore.bcm')));
  expect(sha256(at('saved.parquet'))).toBe(whole);
});
