/** An output is where its directories' links led when it was written: another spelling, or a link that moved, changes nothing. */
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync, truncateSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { errorOf, run, score, sha256 } from '../cli/harness.ts';
import { at, directory } from './cases.ts';

const args = (out: string) => ['in.parquet', '-d', 'zscore', '-o', out, '--home', 'h'];
const verify = async (target: string) => {
  const ended = await run(directory, 'verify', target, '--home', 'h', '--json');
  return { code: ended.code, ...JSON.parse(ended.stdout) };
};

beforeEach(() => {
  for (const name of ['one', 'two']) mkdirSync(at(name));
  symlinkSync('one', at('link'));
});

function retarget(): void {
  rmSync(at('link'));
  symlinkSync('two', at('link'));
}

describe('a link that leads elsewhere now', () => {
  it.each(['o.parquet', 'd/'])('%s is recalled from where it is', async (name) => {
    const { jobId, output } = await score(directory, ...args(`link/${name}`));
    expect(output.path).toBe(at('link', name.replace('/', '')));
    retarget();
    expect(await score(directory, ...args(`one/${name}`))).toMatchObject({ jobId, recalled: true });
    expect((await verify(`one/${name}`)).jobId).toBe(jobId);
    expect(await verify(jobId)).toMatchObject({ code: 0, jobId, path: at('one', name.replace('/', '')) });
    const moved = await score(directory, ...args(`link/${name}`));
    expect(moved.recalled).toBe(false);
    expect(moved.jobId).not.toBe(jobId);
    expect(existsSync(at('two', name))).toBe(true);
    expect((await verify(`link/${name}`)).jobId).toBe(moved.jobId);
  });

  it('what was damaged is made again under any spelling', async () => {
    const { output } = await score(directory, ...args('link/o.parquet'));
    truncateSync(at('one', 'o.parquet'), 1000);
    const again = await score(directory, ...args('one/o.parquet'));
    expect([again.recalled, again.output.sha256]).toEqual([false, output.sha256]);
    expect(sha256(at('one', 'o.parquet'))).toBe(output.sha256);
  });

  it('a model that was saved through it is not taken for one at its new end', async () => {
    const saving = [...args('o.parquet'), '--save-model', 'link/m.bcm'];
    await score(directory, ...saving);
    retarget();
    await score(directory, ...args('x.parquet'), '-d', 'mad', '--save-model', 'two/m.bcm');
    const refused = await run(directory, 'score', ...saving, '--json');
    expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
  });
});

it('a directory and a link to it are one output', async () => {
  mkdirSync(at('d'));
  symlinkSync('d', at('l'));
  const { jobId } = await score(directory, ...args('l/'));
  expect(await score(directory, ...args('d/'))).toMatchObject({ jobId, recalled: true });
});

it('an output that was moved, and linked back, is what it was', async () => {
  const { jobId } = await score(directory, ...args('o.parquet'));
  renameSync(at('o.parquet'), at('two', 'far.parquet'));
  symlinkSync('two/far.parquet', at('o.parquet'));
  expect(await verify('o.parquet')).toMatchObject({ code: 0, jobId });
  expect(await score(directory, ...args('o.parquet'))).toMatchObject({ jobId, recalled: true });
});

describe('verify tells jobs of one output apart', () => {
  it.each(['o.parquet', 'd/'])('%s', async (name) => {
    const first = await score(directory, ...args(name));
    const second = await score(directory, ...args(name), '--explain', '0', '--force');
    expect(await verify(name)).toMatchObject({ code: 0, jobId: second.jobId });
    expect(await verify(second.jobId)).toMatchObject({ code: 0, jobId: second.jobId });
    const replaced = await verify(first.jobId);
    expect([replaced.code, replaced.error.code]).toEqual([65, 'OUTPUT_DAMAGED']);
    expect(replaced.error.message).toContain(`the fingerprint of another job than ${first.jobId}`);
    // The older job is the writer once more where its bytes are back.
    await score(directory, ...args(name), '--force');
    expect(await verify(name)).toMatchObject({ code: 0, jobId: first.jobId });
    expect((await verify(second.jobId)).code).toBe(65);
  });

  it('a part that was moved and linked back belongs to it', async () => {
    const { jobId } = await score(directory, ...args('d/'), '--chunk-rows', '2048');
    const part = at('d', readdirSync(at('d')).find((name) => name.startsWith('part-')) ?? '');
    renameSync(part, at('far'));
    symlinkSync('../far', part);
    expect(await verify('d')).toMatchObject({ code: 0, jobId });
    expect(await score(directory, ...args('d/'), '--chunk-rows', '2048')).toMatchObject({ jobId, recalled: true });
    truncateSync(at('far'), 1000);
    expect((await verify('d')).code).toBe(65);
    const again = await score(directory, ...args('d/'), '--chunk-rows', '2048');
    expect(again.recalled).toBe(false);
    expect(await verify('d')).toMatchObject({ code: 0, jobId });
  });
});
