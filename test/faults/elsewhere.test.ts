/** What a job was begun with lies under the same name and is another thing: that is said, with a way out. */
import { execFileSync } from 'node:child_process';
import { copyFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { dieTold, errorOf, gaussian, parquet, run, score, scratch } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(20_000));
});

/** Lets a job die while it scores; its name. */
const dead = (source: string, home: string, more: object) =>
  dieTold(directory, source, { out: `${home}.parquet`, home, ...more }, { phase: 'score' });

it('a link to the source that leads elsewhere', async () => {
  symlinkSync('data.parquet', at('link.parquet'));
  const job = dead('link.parquet', 'linked', { detector: 'zscore' });
  execFileSync('cp', ['-p', at('data.parquet'), at('twin.parquet')]);
  rmSync(at('link.parquet'));
  symlinkSync('twin.parquet', at('link.parquet'));
  const args = ['score', 'link.parquet', '-d', 'zscore', '-o', 'linked.parquet', '--home', 'linked', '--json'];
  const refused = await run(directory, 'resume', job, '--home', 'linked', '--json');
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'INPUT_CHANGED']);
  expect(errorOf(refused).message).toMatch(/real path of the source: ".*\/data\.parquet" -> ".*\/twin\.parquet"$/);
  expect(errorOf(refused).hint).toContain('put the old source back, or start over with --fresh');
  const { warnings } = JSON.parse((await run(directory, ...args)).stdout);
  expect(warnings).toEqual([expect.stringMatching(/was retired: its source is not what it was/)]);
});

it('a source that was touched, and set back, is gone on with, which is said', async () => {
  copyFileSync(at('data.parquet'), at('touched.parquet'));
  dead('touched.parquet', 'touching', { detector: 'zscore' });
  const { atime, mtime } = statSync(at('touched.parquet'));
  execFileSync('cp', ['-p', at('touched.parquet'), at('before')]);
  // To the nanosecond, which utimes is not.
  execFileSync('touch', [at('touched.parquet')]);
  execFileSync('touch', ['-r', at('before'), at('touched.parquet')]);
  expect(statSync(at('touched.parquet'))).toMatchObject({ atime, mtime });
  const args = ['touched.parquet', '-d', 'zscore', '-o', 'touching.parquet', '--home', 'touching'];
  const { warnings } = await score(directory, ...args);
  expect(warnings).toEqual([
    expect.stringMatching(/touched\.parquet was touched since this job began \(ctimeNs: \d+ -> \d+\).*--fresh/),
  ]);
});

it('a model file that holds another model', async () => {
  for (const detector of ['zscore', 'mad'])
    expect((await run(directory, 'fit', 'data.parquet', '-d', detector, '-m', `${detector}.bcm`)).code).toBe(0);
  copyFileSync(at('zscore.bcm'), at('m.bcm'));
  const job = dead('data.parquet', 'modelled', { model: 'm.bcm' });
  copyFileSync(at('mad.bcm'), at('m.bcm'));
  const refused = await run(directory, 'resume', job, '--home', 'modelled', '--json');
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'JOB_MISMATCH']);
  expect(errorOf(refused).hint).toContain(`put the old model back at ${at('m.bcm')}, or start over with --fresh`);
  copyFileSync(at('zscore.bcm'), at('m.bcm'));
  expect((await run(directory, 'resume', job, '--home', 'modelled', '--json')).code).toBe(0);
});
