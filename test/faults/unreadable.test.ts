/** What may not be read is said to be so: it is not told as a job that failed, nor as no job at all. */
import { spawn } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Ended, ending, errorOf, gaussian, MAIN, parquet, scratch } from '../cli/harness.ts';

const directory = scratch();
/** Root may read everything: somebody else asks. */
const nobody = process.geteuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};

/** Runs the command as a user whom permissions bind. */
function asUser(...args: string[]): Promise<Ended> {
  const env = { ...process.env, NO_COLOR: '1', HOME: directory };
  return ending(spawn(process.execPath, [MAIN, ...args], { cwd: directory, env, ...nobody }));
}

/** A home with a finished job for each of `names`; answers with their directories. */
async function home(name: string, ...names: string[]): Promise<string[]> {
  const jobs: string[] = [];
  for (const out of names) {
    const args = ['data.parquet', '-d', 'zscore', '-o', `${name}-${out}.parquet`, '--home', name];
    const { code, stdout, stderr } = await asUser('score', ...args, '--json');
    expect(code, stderr).toBe(0);
    jobs.push(join(directory, name, 'jobs', JSON.parse(stdout).jobId));
  }
  return jobs;
}

const idOf = (job: string) => job.split('/').at(-1) ?? '';

beforeAll(async () => {
  await parquet(join(directory, 'data.parquet'), gaussian(3000));
  if (nobody.uid !== undefined) chownSync(directory, nobody.uid, nobody.gid);
});

const DENIED = /^cannot read .*: permission denied$/;

it.skipIf(process.platform === 'win32')('a job whose files may not be read', async () => {
  const [one = '', two = ''] = await home('files', 'one', 'two');
  for (const name of ['status.json', 'job.json', 'report.json']) chmodSync(join(one, name), 0);
  for (const args of [
    ['status', idOf(one)],
    ['pause', idOf(one)],
    ['resume', idOf(one)],
    ['inspect', one],
  ]) {
    const home = args[0] === 'inspect' ? [] : ['--home', 'files'];
    const ended = await asUser(...args, ...home, '--json');
    expect([ended.code, errorOf(ended).code], args.join(' ')).toEqual([74, 'UNREADABLE']);
    expect(errorOf(ended).message).toMatch(DENIED);
    expect(errorOf(ended).hint).toBe('check its permissions and those of its directory');
  }
  // The others are listed, and it is named.
  const listed = await asUser('jobs', '--home', 'files', '--json');
  expect(listed.code).toBe(74);
  expect(JSON.parse(listed.stdout).map((job: { jobId: string }) => job.jobId)).toEqual([idOf(two)]);
  expect(listed.stderr).toContain(join(one, 'status.json'));
  // Its output may be what another job is to write.
  const scored = await asUser('score', 'data.parquet', '-d', 'mad', '-o', 'three.parquet', '--home', 'files', '--json');
  expect(JSON.parse(scored.stdout).warnings).toEqual([expect.stringContaining(`whether job ${idOf(one)}`)]);
});

it.skipIf(process.platform === 'win32')('a record alone that may not be read is no matter to other jobs', async () => {
  const [one = ''] = await home('record', 'one');
  chmodSync(join(one, 'job.json'), 0);
  const scored = await asUser('score', 'data.parquet', '-d', 'mad', '-o', 'two.parquet', '--home', 'record', '--json');
  expect(scored.code, scored.stdout).toBe(0);
  expect(JSON.parse(scored.stdout).warnings).toEqual([expect.stringContaining(`whether job ${idOf(one)}`)]);
});

it.skipIf(process.platform === 'win32')('a report that may not be read says nothing of how a job ended', async () => {
  const [job = ''] = await home('report', 'one');
  chmodSync(join(job, 'report.json'), 0);
  const told = await asUser('status', '--home', 'report', '--json');
  expect(JSON.parse(told.stdout)).toMatchObject({ state: 'completed' });
  // Nor does the lock.
  const script = `const f = '${join(job, 'status.json')}'; const fs = require('fs');
    fs.writeFileSync(f, fs.readFileSync(f, 'utf8').replace('"completed"', '"running"'));`;
  await ending(spawn(process.execPath, ['-e', script], nobody));
  const unknown = await asUser('status', '--home', 'report', '--json');
  expect([unknown.code, errorOf(unknown).code]).toEqual([74, 'UNREADABLE']);
  chmodSync(join(job, 'report.json'), 0o600);
  chmodSync(join(job, 'job.lock'), 0);
  const held = await asUser('jobs', '--home', 'report', '--json');
  expect([held.code, errorOf(held).code]).toEqual([74, 'UNREADABLE']);
});

it.skipIf(process.platform === 'win32').each(['jobs', ''])('a home of which "%s" may not be read', async (below) => {
  const name = `home-${below}`;
  const [job = ''] = await home(name, 'one');
  chmodSync(join(directory, name, below), 0);
  for (const args of [['jobs'], ['status'], ['status', idOf(job)], ['resume', idOf(job)]]) {
    const ended = await asUser(...args, '--home', name, '--json');
    expect([ended.code, errorOf(ended).code], args.join(' ')).toEqual([74, 'UNREADABLE']);
    expect(errorOf(ended).message).toMatch(DENIED);
  }
  const scored = await asUser('score', 'data.parquet', '-d', 'mad', '-o', 'four.parquet', '--home', name, '--json');
  expect(scored.code).toBe(74);
  // How long it takes is a guess then, no more.
  expect((await asUser('plan', 'data.parquet', '--home', name)).code).toBe(0);
  chmodSync(join(directory, name, below), 0o700);
});

describe.skipIf(process.platform === 'win32')('an output that may not be read', () => {
  const command = (name: string) => [
    'score',
    'data.parquet',
    '-d',
    'zscore',
    '-o',
    name,
    '--home',
    'outputs',
    '--json',
  ];

  it.each(['o.parquet', 'd/'])('%s is not called damaged, nor somebody else’s', async (name) => {
    expect((await asUser(...command(name))).code).toBe(0);
    const path = join(directory, name === 'd/' ? 'd/manifest.json' : name);
    chmodSync(path, 0);
    for (const args of [
      ['verify', name, '--home', 'outputs', '--json'],
      [...command(name), '--fresh'],
    ]) {
      const ended = await asUser(...args);
      expect([ended.code, errorOf(ended).message], ended.stdout).toEqual([74, expect.stringMatching(/denied/)]);
      expect(errorOf(ended).where?.['file']).toBe(path);
      expect(errorOf(ended).hint).toContain('permissions');
    }
    chmodSync(path, 0o600);
    expect((await asUser('verify', name, '--home', 'outputs')).code).toBe(0);
  });

  it('a part of it', async () => {
    expect((await asUser(...command('parts/'))).code).toBe(0);
    const part = join(directory, 'parts', 'part-0000000.parquet');
    chmodSync(part, 0);
    const verified = await asUser('verify', 'parts', '--home', 'outputs', '--json');
    expect([verified.code, errorOf(verified).code]).toEqual([74, 'UNREADABLE']);
  });

  it.each(['status.json', 'job.json', 'report.json'])('nor that of a job whose %s may not be', async (name) => {
    const out = `of-${name}.parquet`;
    const { stdout } = await asUser(...command(out));
    const job = join(directory, 'outputs', 'jobs', JSON.parse(stdout).jobId);
    chmodSync(join(job, name), 0);
    const verified = await asUser('verify', out, '--home', 'outputs', '--json');
    expect([verified.code, errorOf(verified).code], verified.stdout).toEqual([74, 'UNREADABLE']);
    expect(errorOf(verified).where?.['file']).toBe(join(job, name));
    chmodSync(join(job, name), 0o600);
    expect((await asUser('verify', out, '--home', 'outputs')).code).toBe(0);
  });

  it('a directory that may not be written into is told before the work', async () => {
    mkdirSync(join(directory, 'closed'), { mode: 0o555 });
    const ended = await asUser(...command('closed/o.parquet'));
    expect([ended.code, errorOf(ended).code]).toEqual([74, 'OUTPUT_UNWRITABLE']);
    expect(errorOf(ended).message).toContain('cannot write into');
    const status = await asUser('status', '--home', 'outputs', '--json');
    expect(JSON.parse(status.stdout).progress.chunksTotal).toBe(0);
  });
});
