/** What the system refuses is named by its own code, before the work where it can be known, and never called a bug. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CODES } from '../../src/errorCodes.ts';
import type { Report } from '../../src/report.ts';
import { errorOf, gaussian, parquet, run, scratch, sha256, shell, start } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const QUIET = ['-d', 'zscore', '--json', '--progress', 'none'];

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(300_000));
});

describe('a name', () => {
  it.each([240, 247, 248, 255, 256])('of %i bytes works whole or is refused before the work', async (bytes) => {
    const out = `${'n'.repeat(bytes - '.parquet'.length)}.parquet`;
    const ended = await run(directory, 'score', 'data.parquet', '-o', out, ...QUIET);
    if (bytes <= 255) expect([ended.code, existsSync(at(out))]).toEqual([0, true]);
    else expect([ended.code, errorOf(ended).code]).toEqual([78, 'NAME_TOO_LONG']);
  });
});

describe('a working directory that is gone', () => {
  it('is not needed by absolute paths, and named otherwise', async () => {
    const [source, out, home] = [at('data.parquet'), at('gone.parquet'), at('home-gone')];
    const gone = 'mkdir gone && cd gone && rmdir ../gone && ';
    const absolute = await shell(directory, `${gone}"$@" score ${source} -o ${out} --home ${home} ${QUIET.join(' ')}`);
    expect(absolute.code, absolute.stdout + absolute.stderr).toBe(0);
    expect((await shell(directory, `${gone}"$@" inspect ${source}`)).code).toBe(0);
    for (const line of ['score data.parquet', 'jobs', `score ${source}`]) {
      const relative = await shell(directory, `${gone}"$@" ${line} --json`);
      expect([relative.code, JSON.parse(relative.stdout).error.code]).toEqual([74, 'PATH_LOST']);
    }
  });
});

it('a home that is removed while its job fits is gone, not damaged', async () => {
  const summaries = () => {
    const jobs = at('removed', 'jobs');
    const [job] = existsSync(jobs) ? readdirSync(jobs) : [];
    const path = join(jobs, job ?? '', 'summaries');
    return job !== undefined && existsSync(path) ? readdirSync(path) : [];
  };
  const args = ['data.parquet', '-d', 'auto', '--chunk-rows', '50K', '-o', 'removed.parquet', '--home', 'removed'];
  const { ended } = start(directory, ['score', ...args, '--json', '--progress', 'none']);
  // All of the last chunk's pass, so that it is read next.
  while (summaries().filter((name) => /^fit-1\.\d+$/.test(name)).length < 6) await sleep(1);
  // Its process may put a status in between.
  rmSync(at('removed'), { recursive: true, force: true, maxRetries: 5, retryDelay: 10 });
  const { code, stdout } = await ended;
  expect([code, JSON.parse(stdout).error.code]).toEqual([74, 'PATH_LOST']);
});

describe('descriptors', () => {
  it.runIf(process.platform === 'linux')(
    'too few to load our own modules, to start a worker or to begin a job, are told under their code',
    async () => {
      const hint = CODES.TOO_MANY_FILES.remedy.replaceAll('`', '');
      // With 18 Node itself does not start.
      for (let limit = 19; limit <= 26; limit += 1) {
        const limited = (line: string) => shell(directory, `ulimit -n ${limit}; "$@" ${line}`);
        const json = await limited('score data.parquet --json');
        expect([json.code, json.stderr], String(limit)).toEqual([
          74,
          expect.stringMatching(/^(resuming job .*\n)?(chunk .*TOO_MANY_FILES.*\n)*$/),
        ]);
        expect(errorOf(json)).toMatchObject({ code: 'TOO_MANY_FILES', hint });
        const text = await limited('score data.parquet');
        expect(text.code).toBe(74);
        expect(text.stderr).toMatch(
          /^(resuming job .*\n)?(chunk .*TOO_MANY_FILES.*\n)*error\[TOO_MANY_FILES\]: .*too many open files.*\n {2}hint: .*\n$/i,
        );
        expect(text.stderr).toContain(hint);
        const help = await limited('--help');
        expect([0, 74]).toContain(help.code);
        expect(help.stderr).toMatch(/^$|^error\[TOO_MANY_FILES\]/);
      }
    },
  );

  it.runIf(process.platform === 'linux')('of 64 suffice for any wish, with fewer workers, which is said', async () => {
    mkdirSync(at('many'));
    for (let i = 0; i < 24; i += 1) await parquet(at('many', `${i}.parquet`), gaussian(2000, 20));
    const report = async (limit: number) => {
      const line = `ulimit -n ${limit}; "$@" score many -o many-${limit}.parquet -w 16 ${QUIET.join(' ')}`;
      const ended = await shell(directory, line);
      expect(ended.code, ended.stdout).toBe(0);
      return JSON.parse(ended.stdout) as Report;
    };
    const [few, enough] = [await report(64), await report(256)];
    expect(few.warnings).toEqual([expect.stringMatching(/^\d of 16 workers: the limit of open files/)]);
    expect(few.resources.workers).toBeGreaterThan(1);
    expect([few.chunks.retried, few.fit.retried]).toEqual([0, 0]);
    expect([enough.resources.workers, enough.warnings]).toEqual([16, []]);
    expect(few.output.sha256).toBe(enough.output.sha256);
  });

  it('of 64 suffice, and fewer are said to be too few', async () => {
    const score = (limit: number) =>
      shell(directory, `ulimit -n ${limit}; "$@" score data.parquet -o few-${limit}.parquet ${QUIET.join(' ')}`);
    expect((await score(64)).code).toBe(0);
    for (const limit of [24, 32]) {
      const ended = await score(limit);
      if (ended.code !== 0) {
        expect([ended.code, ended.stdout]).toEqual([74, expect.stringMatching(/"TOO_MANY_FILES"/)]);
        expect(ended.stderr).not.toMatch(/ at .*\.js:\d+/);
      }
    }
  });
});

describe.skipIf(process.getuid?.() !== 0 || process.platform !== 'linux')('a small disk', () => {
  const small = () => at('small');
  beforeAll(() => {
    mkdirSync(small());
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', small()]);
  });
  afterAll(() => {
    execFileSync('umount', [small()]);
  });

  it('for the output is refused before a row is scored, though the home has room', async () => {
    const args = ['score', 'data.parquet', '-o', 'small/o.parquet', '--home', 'home-room', ...QUIET];
    const ended = await run(directory, ...args);
    expect([ended.code, errorOf(ended).code, errorOf(ended).where]).toEqual([
      74,
      'DISK_FULL',
      { file: small(), option: '--out' },
    ]);
    const [job = ''] = readdirSync(at('home-room', 'jobs'));
    expect(readdirSync(at('home-room', 'jobs', job, 'parts'))).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=64m', small()]);
    expect((await run(directory, ...args)).code).toBe(0);
    expect(readdirSync(small())).toEqual(['o.parquet']);
    await run(directory, 'score', 'data.parquet', '-o', 'other.parquet', ...QUIET);
    expect(sha256(at('small', 'o.parquet'))).toBe(sha256(at('other.parquet')));
    rmSync(at('small', 'o.parquet'));
  });

  it('that is full while scores are written ends the run there and then, and nothing is left of them', async () => {
    execFileSync('mount', ['-o', 'remount,size=16m', small()]);
    const args = ['score', 'data.parquet', '--chunk-rows', '2048', '-o', 'small/o.parquet', '--home', 'home-filled'];
    const { child, ended } = start(directory, [...args, ...QUIET]);
    const status = () => {
      const [job = ''] = existsSync(at('home-filled', 'jobs')) ? readdirSync(at('home-filled', 'jobs')) : [];
      const path = at('home-filled', 'jobs', job, 'status.json');
      return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {};
    };
    while (readdirSync(small()).length === 0) await sleep(1);
    child.kill('SIGSTOP');
    expect(() => writeFileSync(at('small', 'filler'), Buffer.alloc(32 << 20))).toThrow('ENOSPC');
    child.kill('SIGCONT');
    const { code, stdout } = await ended;
    expect([code, JSON.parse(stdout).error.code]).toEqual([74, 'DISK_FULL']);
    expect(JSON.parse(stdout).error.where.file).toMatch(/small\/\.batch-core-.*\.tmp$/);
    expect(status()).toMatchObject({ state: 'failed', phase: 'score' });
    expect(readdirSync(small())).toEqual(['filler']);
    rmSync(at('small', 'filler'));
    const again = await run(directory, ...args, ...QUIET);
    expect([again.code, JSON.parse(again.stdout).chunks.resumed > 0]).toEqual([0, true]);
    await run(directory, ...args.with(5, 'unfilled.parquet').with(7, 'home-unfilled'), ...QUIET);
    expect(sha256(at('small', 'o.parquet'))).toBe(sha256(at('unfilled.parquet')));
    rmSync(at('small', 'o.parquet'));
  });

  it('that is read-only is said to be', async () => {
    execFileSync('mount', ['-o', 'remount,ro', small()]);
    for (const args of [
      ['score', 'data.parquet', '-o', 'small/o.parquet'],
      ['score', 'data.parquet', '-o', 'o.parquet', '--home', 'small/home'],
      ['fit', 'data.parquet', '-m', 'small/m.bcm', '--home', 'home-ro'],
    ]) {
      const ended = await run(directory, ...args, ...QUIET);
      expect([ended.code, errorOf(ended).code], args.join(' ')).toEqual([74, 'READ_ONLY']);
    }
  });
});
