/** kill -9 at any moment: the same command finishes the work, keeps what was finished, and publishes the same bytes. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import {
  type Ended,
  errorOf,
  gaussian,
  killAtPart,
  parquet,
  run,
  score,
  scratch,
  sha256,
  start,
  startScoring,
} from '../cli/harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const FLAGS = ['-d', 'zscore', '--chunk-rows', '4096'];
/** As many chunks are on their way at most, in three leases: once the part of this number lies there, the first are committed. */
const COMMITTED = 24;
let expected = '';
let wholeMs = 0;

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(500_000), 4096);
  const began = performance.now();
  await score(directory, 'data.parquet', ...FLAGS, '-o', 'whole.parquet', '--home', 'home-whole');
  wholeMs = performance.now() - began;
  expected = sha256(at('whole.parquet'));
});

const command = (name: string) => [
  ...['score', 'data.parquet', ...FLAGS, '-o', `${name}.parquet`],
  ...['--home', `home-${name}`],
];

const QUIET = ['--json', '--progress', 'none'];

/** Starts a run and kills it after `ms`; how it ended. */
async function killed(name: string, ms: number, ...flags: string[]): Promise<Ended> {
  const { child, ended } = start(directory, [...command(name), ...flags, ...QUIET]);
  await Promise.race([ended, pause(ms)]);
  child.kill('SIGKILL');
  return ended;
}

/**
 * A run that ended by itself has finished. Or it refuses a chunk during which three of the `kills` before it came, as moments
 * may have it that nobody chose: then a person lets it try again.
 */
async function expectFinished(name: string, { code, stdout }: Ended, kills: number): Promise<void> {
  if (code !== 0) {
    const refused = errorOf({ stdout });
    expect([refused.code, code, kills >= 3], stdout).toEqual(['CHUNK_CRASHED', 1, true]);
    const resumed = await run(directory, 'resume', `${refused.where?.['job']}`, '--home', `home-${name}`, ...QUIET);
    expect(resumed.code, resumed.stdout).toBe(0);
  }
  expect(sha256(at(`${name}.parquet`))).toBe(expected);
}

describe('SIGKILL', () => {
  it('half-way through scoring keeps the finished chunks', async () => {
    const { child, ended } = await startScoring(directory, command('half'), 'home-half', COMMITTED + 5);
    const staged = () => readdirSync(directory).filter((name) => name.endsWith('.tmp'));
    while (staged().length === 0) await pause(2);
    child.kill('SIGKILL');
    await ended;
    expect(existsSync(at('half.parquet'))).toBe(false);
    expect(staged()).toHaveLength(1);
    const status = await run(directory, 'status', '--home', 'home-half', '--json');
    expect(JSON.parse(status.stdout)).toMatchObject({ state: 'failed' });
    const report = await score(directory, 'data.parquet', ...FLAGS, '-o', 'half.parquet', '--home', 'home-half');
    expect(report.chunks.resumed).toBeGreaterThanOrEqual(5);
    expect(report.chunks.resumed + report.chunks.executed).toBe(report.chunks.planned);
    expect(report.fit).toMatchObject({ executed: 0 });
    expect(report.executionId).toBe(2);
    expect(sha256(at('half.parquet'))).toBe(expected);
    expect(staged()).toEqual([]);
  });

  it('at random moments, again and again, ends with the same bytes', async () => {
    const kills = 12;
    let [landed, sinceWhole] = [0, 0];
    for (let round = 0; round < kills; round += 1) {
      // Spread over the whole run, whatever this machine's speed.
      const ms = 150 + ((round * 7919) % kills) * (wholeMs / kills);
      const ended = await killed('random', ms, '-w', String(1 + (round % 3)));
      if (ended.signal === 'SIGKILL') {
        landed += 1;
        sinceWhole += 1;
      } else await expectFinished('random', ended, sinceWhole);
      if (!existsSync(at('random.parquet'))) continue;
      // All chunks are done: none bears a kill any more.
      sinceWhole = 0;
      if (round % 3 === 2) {
        expect(sha256(at('random.parquet'))).toBe(expected);
        rmSync(at('random.parquet'));
        // So that fits are killed too.
        rmSync(at('home-random/.models'), { recursive: true, force: true });
      }
    }
    // How many there are depends on how busy the machine was when the whole run was measured.
    expect(landed).toBeGreaterThan(kills / 6);
    await expectFinished('random', await run(directory, ...command('random'), ...QUIET), sinceWhole);
    expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
  }, 240_000);
});

describe('resume', () => {
  it('by its own command goes on from any directory, with the options the job began with', async () => {
    const job = await killAtPart(directory, command('resume'), 'home-resume', COMMITTED + 3);
    const resume = ['resume', job.slice(0, 6), '--home', at('home-resume'), '--json', '--progress', 'none'];
    const resumed = await run('/', ...resume);
    expect(resumed.code).toBe(0);
    expect(JSON.parse(resumed.stdout).chunks.resumed).toBeGreaterThanOrEqual(3);
    expect(sha256(at('resume.parquet'))).toBe(expected);
  });

  it('does again a chunk whose part is gone or cut short', async () => {
    const job = await killAtPart(directory, command('parts'), 'home-parts', 6);
    const parts = at(`home-parts/jobs/${job}/parts`);
    const names = readdirSync(parts)
      .filter((name) => name.endsWith('.parquet'))
      .sort();
    rmSync(join(parts, names[0]!));
    writeFileSync(join(parts, names[1]!), readFileSync(join(parts, names[1]!)).subarray(0, 50));
    writeFileSync(join(parts, 'stranger.txt'), 'not ours');
    const report = await score(directory, 'data.parquet', ...FLAGS, '-o', 'parts.parquet', '--home', 'home-parts');
    expect(sha256(at('parts.parquet'))).toBe(expected);
    expect(report.warnings.join()).toContain('stranger.txt');
  });

  it.each<[string, (path: string) => void, RegExp]>([
    ['touched', (path) => utimesSync(path, new Date(), new Date()), /mtimeNs/],
    [
      'replaced',
      (path) => {
        copyFileSync(path, `${path}.copy`);
        rmSync(path);
        copyFileSync(`${path}.copy`, path);
      },
      /inode|mtimeNs/,
    ],
  ])('begins anew when the source was %s, and says in what it differs; resume refuses', async (name, change, says) => {
    const source = at(`${name}-in.parquet`);
    copyFileSync(at('data.parquet'), source);
    const args = ['score', source, ...FLAGS, '-o', `${name}.parquet`, '--home', `home-${name}`];
    const job = await killAtPart(directory, args, `home-${name}`, 2);
    change(source);
    const refused = await run(directory, 'resume', job, '--home', `home-${name}`, '--json', '--progress', 'none');
    expect([errorOf(refused).code, refused.code]).toEqual(['INPUT_CHANGED', 78]);
    expect(errorOf(refused).message).toMatch(says);
    const again = await score(directory, ...args.slice(1));
    expect(again.chunks.resumed).toBe(0);
    expect(again.warnings).toEqual([expect.stringMatching(/left unfinished and begins anew: its source is not/)]);
    expect(again.warnings.join()).toMatch(says);
    expect(sha256(at(`${name}.parquet`))).toBe(expected);
  });

  it('refuses to begin another job for the same output, and lists the fields that differ', async () => {
    const args = ['score', 'data.parquet', '-o', 'other.parquet', '--home', 'home-other', '--chunk-rows', '4096'];
    await killAtPart(directory, [...args, '-d', 'zscore'], 'home-other', 2);
    const other = await run(
      directory,
      ...args,
      '-d',
      'zscore',
      '--seed',
      '9',
      '--explain',
      '1',
      '--json',
      '--progress',
      'none',
    );
    expect([errorOf(other).code, other.code]).toEqual(['JOB_MISMATCH', 78]);
    expect(errorOf(other).message).toMatch(/fit\.seed: 0 -> 9.*score\.explain: 3 -> 1/);
  });

  it('retires a job whose source another file has taken the place of, and says so', async () => {
    const source = at('swapped-in.parquet');
    copyFileSync(at('data.parquet'), source);
    const args = ['score', source, ...FLAGS, '-o', 'swapped.parquet', '--home', 'home-swapped'];
    const id = await killAtPart(directory, args, 'home-swapped', 2);
    // As a kill in the fit of a large job would have left it.
    const job = at(join('home-swapped/jobs', id));
    mkdirSync(join(job, 'summaries'), { recursive: true });
    writeFileSync(join(job, 'summaries/fit-1.0'), '');
    rmSync(source);
    await parquet(source, gaussian(300_000), 4096);
    const again = await run(directory, ...args, '--json', '--progress', 'none');
    expect(again.code).toBe(0);
    const report = JSON.parse(again.stdout) as Report;
    expect(report.output.rows).toBe(300_000);
    expect(report.warnings).toEqual([expect.stringMatching(/^job [0-9a-f]{16}, .* was retired/)]);
    const { stdout } = await run(directory, 'jobs', '--home', 'home-swapped', '--json');
    expect(JSON.parse(stdout)).toMatchObject([{ state: 'completed' }, { state: 'failed', retired: true }]);
    expect(JSON.parse(stdout)[1].jobId).toBe(id);
    for (const name of ['parts', 'summaries']) expect(existsSync(join(job, name)), name).toBe(false);
  });
});

it('a source replaced while it is read fails the run, and nothing is published', async () => {
  const source = at('moving-in.parquet');
  copyFileSync(at('data.parquet'), source);
  const args = ['score', source, ...FLAGS, '-o', 'moving.parquet', '--home', 'home-moving', '--json'];
  const { ended } = await startScoring(directory, args, 'home-moving', 2);
  utimesSync(source, new Date(), new Date());
  const { code, stdout } = await ended;
  expect([JSON.parse(stdout).error.code, code]).toEqual(['INPUT_CHANGED', 78]);
  expect(existsSync(at('moving.parquet'))).toBe(false);
});
