/** The same command goes on, whatever was left: nothing is stuck for ever, and nothing is tried for ever. */
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { dieTold, errorOf, gaussian, killAtPart, parquet, run, score, scratch, sha256, start } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const ROWS = 200_000;
const QUIET = ['--json', '--progress', 'none'];
let whole = '';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(ROWS), 4096);
  await score(directory, 'data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', 'whole.parquet');
  whole = sha256(at('whole.parquet'));
});

/** Waits until `ready` answers, looking every few milliseconds. */
async function until<T>(ready: () => T | undefined | false): Promise<T> {
  for (;;) {
    const found = ready();
    if (found) return found;
    await sleep(2);
  }
}

function jobOf(home: string): string | undefined {
  const [job] = existsSync(at(home, 'jobs')) ? readdirSync(at(home, 'jobs')) : [];
  return job && at(home, 'jobs', job);
}

it('a directory whose publication was killed is published by the same command', async () => {
  const args = ['score', 'data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', 'dir/', '--home', 'home-dir'];
  let kills = 0;
  for (let tries = 0; tries < 8; tries += 1) {
    const { child, ended } = start(directory, args);
    const over = ended.then(() => true);
    // From the moment something lies there until it is whole.
    await Promise.race([over, until(() => existsSync(at('dir')) && readdirSync(at('dir')).length > tries * 8)]);
    child.kill('SIGKILL');
    if ((await ended).signal === 'SIGKILL') kills += 1;
    if (existsSync(at('dir', '_SUCCESS'))) break;
  }
  expect(kills).toBeGreaterThan(0);
  const report = await score(directory, ...args.slice(1));
  expect(report.output.rows).toBe(ROWS);
  expect(readdirSync(at('dir')).filter((name) => name.startsWith('.'))).toEqual([]);
  expect((await run(directory, 'verify', 'dir', '--home', 'home-dir')).code).toBe(0);
});

it('a kill after the output got its name costs nothing', async () => {
  const args = ['data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', 'named.parquet', '--home', 'home-named'];
  const { child, ended } = start(directory, ['score', ...args]);
  await Promise.race([ended, until(() => existsSync(at('named.parquet')))]);
  child.kill('SIGKILL');
  await ended;
  const report = await score(directory, ...args);
  expect(report.chunks.executed === 0 || report.recalled).toBe(true);
  expect(sha256(at('named.parquet'))).toBe(whole);
  expect(readdirSync(directory).filter((name) => name.startsWith('.batch-core-'))).toEqual([]);
});

it.each(['lost.parquet', 'lost/'])(
  'an output %s that was damaged before its job was completed is made again',
  async (out) => {
    const home = `home-lost-${out.length}`;
    // Once the output has its name and before the job is completed.
    dieTold(directory, 'data.parquet', { detector: 'zscore', chunkRows: 4096, out, home }, { event: 'published' });
    const file = out.endsWith('/') ? at(out, 'part-0000003.parquet') : at(out);
    const { atime, mtime } = statSync(file);
    const bytes = readFileSync(file);
    const before = sha256(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
    utimesSync(file, atime, mtime);
    const report = await score(
      directory,
      'data.parquet',
      '-d',
      'zscore',
      '--chunk-rows',
      '4096',
      '-o',
      out,
      '--home',
      home,
    );
    expect(report.status).toBe('completed');
    expect(sha256(file)).toBe(before);
    const verified = await run(directory, 'verify', out, '--home', home);
    expect([verified.code, verified.stderr]).toEqual([0, '']);
  },
);

describe('what a job tells other processes', () => {
  it('is enough to resume it when its database is gone', async () => {
    const args = ['data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', 'bare.parquet', '--home', 'home-bare'];
    const id = await killAtPart(directory, ['score', ...args], 'home-bare', 15);
    for (const name of ['job.duckdb', 'job.duckdb.wal']) rmSync(at('home-bare', 'jobs', id, name), { force: true });
    const resumed = await run(directory, 'resume', id, '--home', 'home-bare', ...QUIET);
    expect(resumed.code, resumed.stdout).toBe(0);
    expect(sha256(at('bare.parquet'))).toBe(whole);
  });

  it.each(['', '{"schema":', 'null', '[]'])('may be lost (%j): it is known, and goes on', async (content) => {
    const home = `home-told-${content.length}`;
    const args = ['data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', `${home}.parquet`, '--home', home];
    const id = await killAtPart(directory, ['score', ...args], home, 30);
    for (const name of ['status.json', 'report.json', 'row-groups.json', 'control.json'])
      writeFileSync(at(home, 'jobs', id, name), content);
    const listed = await run(directory, 'jobs', '--home', home, '--json');
    expect([listed.code, JSON.parse(listed.stdout).length]).toEqual([0, 1]);
    expect((await run(directory, 'status', '--home', home)).code).toBe(0);
    const resumed = await run(directory, 'resume', id, '--home', home, ...QUIET);
    expect(resumed.code, resumed.stdout).toBe(0);
    expect(JSON.parse(resumed.stdout).chunks.resumed).toBeGreaterThan(1);
    expect(sha256(at(`${home}.parquet`))).toBe(whole);
  });
});

it('a chunk whose process died three times ends the job, resumable, until a person lets it try again', async () => {
  await parquet(at('one.parquet'), gaussian(3_000_000, 6), 4_000_000);
  const args = [
    'score',
    'one.parquet',
    '-d',
    'zscore',
    '-e',
    'sequential',
    '-o',
    'one.out.parquet',
    '--home',
    'home-one',
  ];
  for (let death = 0; death < 3; death += 1) {
    rmSync(join(jobOf('home-one') ?? at('nowhere'), 'status.json'), { force: true });
    const { child, ended } = start(directory, args);
    await until(() => {
      const status = join(jobOf('home-one') ?? at('nowhere'), 'status.json');
      return existsSync(status) && /"phase":"fit"/.test(readFileSync(status, 'utf8'));
    });
    await sleep(150);
    child.kill('SIGKILL');
    expect((await ended).signal).toBe('SIGKILL');
  }
  for (let again = 0; again < 2; again += 1) {
    const ended = await run(directory, ...args, ...QUIET);
    expect([ended.code, errorOf(ended).code]).toEqual([1, 'CHUNK_CRASHED']);
    const planned = await run(directory, 'plan', ...args.slice(1), '--json');
    const { message, hint } = errorOf(ended);
    expect(JSON.parse(planned.stdout).warnings[0]).toBe(`score would refuse: ${message} (${hint})`);
  }
  const id = (jobOf('home-one') ?? '').split('/').at(-1) ?? '';
  const resumed = await run(directory, 'resume', id, '--home', 'home-one', ...QUIET);
  expect(resumed.code, resumed.stdout).toBe(0);
  expect(JSON.parse(resumed.stdout).output.rows).toBe(3_000_000);
});

it('a damaged summary of a fit is made again', async () => {
  const args = ['data.parquet', '-d', 'auto', '--chunk-rows', '4096', '-o', 'auto.parquet', '--home', 'home-auto'];
  const { child, ended } = start(directory, ['score', ...args]);
  const summaries = () => {
    const path = join(jobOf('home-auto') ?? at('nowhere'), 'summaries');
    return existsSync(path) ? readdirSync(path).map((name) => join(path, name)) : [];
  };
  await Promise.race([ended, until(() => summaries().length > 4)]);
  child.kill('SIGKILL');
  expect((await ended).signal).toBe('SIGKILL');
  const [first = '', second = ''] = summaries();
  writeFileSync(first, '');
  rmSync(second);
  const report = await score(directory, ...args);
  expect(report.output.rows).toBe(ROWS);
  expect(summaries()).toEqual([]);
  mkdirSync(at('fresh'));
  const fresh = await score(directory, 'data.parquet', '-d', 'auto', '--chunk-rows', '4096', '-o', 'fresh/a.parquet');
  expect(sha256(at('auto.parquet'))).toBe(fresh.output.sha256);
});

it('a home in the directory that is scored is no part of the source, whatever its jobs have made', async () => {
  const inside = scratch();
  mkdirSync(join(inside, 'src'));
  // Scores of scores: a part has the columns of the source.
  await score(directory, 'data.parquet', '-d', 'zscore', '--explain', '0', '-o', join(inside, 'scores.parquet'));
  await parquet(join(inside, 'src/x.parquet'), `FROM '${join(inside, 'scores.parquet')}'`);
  const flags = ['-d', 'zscore', '--columns', 'score', '--explain', '0', '--chunk-rows', '4096', '--home', 'src/work'];
  const args = (source: string, out: string) => [source, '-o', out, ...flags];
  await score(inside, 'src', '-o', 'e.parquet', ...flags.slice(0, -2));
  const expected = sha256(join(inside, 'e.parquet'));
  await killAtPart(inside, ['score', ...args('src', 'a.parquet')], 'src/work', 30);
  const other = await score(inside, ...args('src/**/*.parquet', 'b.parquet'));
  expect([other.source.files, other.source.rows]).toEqual([1, ROWS]);
  const report = await score(inside, ...args('src', 'a.parquet'));
  expect(report.chunks.resumed).toBeGreaterThan(0);
  expect(sha256(join(inside, 'a.parquet'))).toBe(expected);
});

describe('what a command writes among its own sources is no source of it the next time', () => {
  const inside = scratch();
  const fast = ['-d', 'zscore', '--chunk-rows', '4096', '--home', 'src/work'];

  beforeAll(async () => {
    mkdirSync(join(inside, 'src'));
    await parquet(join(inside, 'src/a.parquet'), gaussian(60_000));
  });

  it.each([
    ['a pattern over the home', ['score', 'src/**', '-o', 'o.parquet']],
    ['a pattern over the directory of parts', ['score', 'src/**', '-o', 'src/out/']],
    [
      'a pattern over the file and the saved model',
      ['score', 'src/*', '-o', 'src/o.parquet', '--save-model', 'src/m.bcm'],
    ],
    ['a pattern over the model', ['fit', 'src/*', '-m', 'src/f.bcm']],
    ['a directory with the models', ['score', 'src', '-o', 'd.parquet', '--save-model', 'src/m.parquet']],
    ['a directory with the model of a fit', ['fit', 'src', '-m', 'src/f.parquet']],
  ])('%s', async (_, args) => {
    const command = [...args, ...fast, ...QUIET];
    const first = await run(inside, ...command);
    expect(first.code, first.stdout).toBe(0);
    const { source, jobId } = JSON.parse(first.stdout);
    const second = await run(inside, ...command);
    expect(second.code, second.stdout).toBe(0);
    expect(JSON.parse(second.stdout)).toMatchObject({ source, jobId, recalled: true });
    expect((await run(inside, 'resume', jobId, '--home', 'src/work')).code).toBe(0);
    for (const name of readdirSync(join(inside, 'src')))
      if (!['a.parquet', 'work'].includes(name)) rmSync(join(inside, 'src', name), { recursive: true });
  });
});

it('a directory of parts that is not finished is no source', async () => {
  await score(directory, 'data.parquet', '-d', 'zscore', '-o', 'half/', '--home', 'home-half');
  rmSync(at('half/_SUCCESS'));
  renameSync(at('half/manifest.json'), at('half/.batch-core-publishing.json'));
  for (const source of ['half', 'half/*', '.']) {
    const refused = await run(directory, 'plan', source, '-o', 'of.parquet', '--columns', 'score', '--json');
    expect(errorOf(refused)).toMatchObject({
      code: 'SOURCE_INVALID',
      message: expect.stringMatching(/half is an output that is not finished$/),
    });
  }
});

it('a job that has not recorded what it is goes on by its command, and status says so', async () => {
  const args = ['data.parquet', '-d', 'zscore', '-o', 'unrecorded.parquet', '--home', 'home-unrecorded'];
  await score(directory, ...args);
  const job = jobOf('home-unrecorded') ?? '';
  for (const name of readdirSync(job))
    if (!/^job\.(duckdb|lock)/.test(name)) rmSync(join(job, name), { recursive: true });
  const { stdout } = await run(directory, 'status', '--home', 'home-unrecorded', '--json');
  expect(JSON.parse(stdout).error.hint).toMatch(/^the command that began it goes on/);
});
