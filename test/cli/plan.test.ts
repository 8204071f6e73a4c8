/** `plan` says what `score` would do and refuse, and touches nothing. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, gaussian, killAtPart, parquet, run, score, scratch, start, tree } from './harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(200_000), 4096);
});

it('plan says how long a run takes: a guess at first, then as runs of the home took', async () => {
  await parquet(at('timed.parquet'), gaussian(200_000));
  const args = ['timed.parquet', '-d', 'zscore', '--home', 'home-timed'];
  const guess = await run(directory, 'plan', ...args);
  expect(guess.stdout).toMatch(/^time {6}about [\d.]+ s \(a guess: no run of this home tells yet\)$/m);
  expect(existsSync(at('home-timed'))).toBe(false);
  await score(directory, ...args);
  const known = await run(directory, 'plan', ...args);
  expect(known.stdout).toMatch(/^time {6}about [\d.]+ s \(as runs of this home took\)$/m);
});

/** The warnings of `plan ...args`, which must not touch the home, nor what lies at the output. */
async function warningsOf(home: string, ...args: string[]): Promise<string[]> {
  const before = [tree(at(home)), tree(at('out'))];
  const { code, stdout } = await run(directory, 'plan', ...args, '--home', home, '--json');
  expect(code).toBe(0);
  expect([tree(at(home)), tree(at('out'))]).toEqual(before);
  return JSON.parse(stdout).warnings;
}

/** The refusal of `score ...args`, as `plan` tells it. */
async function refusalOf(home: string, ...args: string[]): Promise<string> {
  const ended = await run(directory, 'score', ...args, '--home', home, '--json', '--progress', 'none');
  expect(ended.code).not.toBe(0);
  const { message, hint } = errorOf(ended);
  return `score would refuse: ${message}${hint === undefined ? '' : ` (${hint})`}`;
}

/** A job that was killed after some of its chunks: it scores a copy of the data into `output`. */
async function killed(home: string, source: string, output: string): Promise<string> {
  cpSync(at('data.parquet'), at(source));
  return killAtPart(directory, command(source, output, 'zscore').concat('--home', home), home, 2);
}

const partsOf = (path: string) => (existsSync(path) ? readdirSync(path) : []);

function command(source: string, output: string, detector: string): string[] {
  return ['score', source, '-o', output, '-d', detector, '--chunk-rows', '4096'];
}

describe('what score would refuse', () => {
  it('for what lies at the output', async () => {
    mkdirSync(at('out'));
    writeFileSync(at('out', 'notes.parquet'), 'not ours');
    await parquet(at('out', 'other.parquet'), 'SELECT 1 AS x');
    const places = [
      ['-o', 'out/notes.parquet'],
      ['-o', 'out/other.parquet'],
      ['-o', 'out/'],
      ['-o', 'data.parquet', '--force'],
      ['-o', 'nowhere/scores.parquet'],
      ['-o', 'out/scores.parquet', '--save-model', 'out/notes.parquet'],
    ];
    for (const place of places)
      expect(await warningsOf('home-places', 'data.parquet', ...place), place.join(' ')).toEqual([
        await refusalOf('home-places', 'data.parquet', ...place),
      ]);
    expect(await warningsOf('home-places', 'data.parquet', '-o', 'out/other.parquet', '--force')).toEqual([]);
    expect(existsSync(at('home-places'))).toBe(false);
  });

  it('for another job that is unfinished there, unless its source is not what it was', async () => {
    const job = await killed('home-rival', 'rival.parquet', 'rival.scores.parquet');
    const [, ...other] = command('rival.parquet', 'rival.scores.parquet', 'mad');
    const [, ...elsewhere] = command('data.parquet', 'rival.scores.parquet', 'mad');
    const [, ...same] = command('rival.parquet', 'rival.scores.parquet', 'zscore');
    expect(await warningsOf('home-rival', ...same)).toEqual([`job ${job} was left unfinished: score goes on with it`]);
    for (const args of [other, elsewhere]) {
      const [warning, ...more] = await warningsOf('home-rival', ...args);
      expect(more).toEqual([]);
      expect(warning).toMatch(new RegExp(`^score would refuse: job ${job} .* fit.detector: "zscore" -> "mad"`));
      expect(warning).toBe(await refusalOf('home-rival', ...args));
    }
    const retired = `job ${job}, left unfinished for this output, would be retired: `;
    expect(await warningsOf('home-rival', ...other, '--fresh')).toEqual([
      `${retired}this one starts instead (--fresh)`,
    ]);
    utimesSync(at('rival.parquet'), 1e9, 1e9);
    for (const args of [other, elsewhere])
      expect(await warningsOf('home-rival', ...args)).toEqual([`${retired}its source is not what it was`]);
    expect(await warningsOf('home-rival', ...same)).toEqual([
      `job ${job} was begun before, and would begin anew: its source is not what it was`,
    ]);
    const { warnings } = await score(directory, ...elsewhere, '--home', 'home-rival');
    expect(warnings.join()).toContain(`job ${job}, left unfinished for this output, was retired`);
    const [, ...third] = command('rival.parquet', 'rival.scores.parquet', 'hbos');
    expect(await warningsOf('home-rival', ...third)).toEqual([await refusalOf('home-rival', ...third)]);
  });

  it('for another job of which too little is left, no more than is known', async () => {
    const job = await killed('home-lost', 'lost.parquet', 'lost.scores.parquet');
    const [, ...other] = command('lost.parquet', 'lost.scores.parquet', 'mad');
    const record = at('home-lost', 'jobs', job, 'job.json');
    const text = readFileSync(record, 'utf8');
    for (const lost of ['', '{"schema":']) {
      writeFileSync(record, lost);
      expect(await warningsOf('home-lost', ...other)).toEqual([
        `job ${job} of this home may be unfinished for this output: its record is lost, and only its database knows`,
      ]);
    }
    writeFileSync(record, text);
    for (const name of ['job.duckdb', 'job.duckdb.wal']) rmSync(at('home-lost', 'jobs', job, name), { force: true });
    expect(await warningsOf('home-lost', ...other)).toEqual([]);
    expect((await score(directory, ...other, '--home', 'home-lost')).output.rows).toBe(200_000);
  });

  it('for a home that cannot be made', async () => {
    symlinkSync('nowhere', at('dead'));
    mkdirSync(at('half'));
    writeFileSync(at('half', 'jobs'), '');
    for (const home of ['dead', 'data.parquet', 'data.parquet/x', 'half'])
      expect(await warningsOf(home, 'data.parquet', '-o', 'out/scores.parquet'), home).toEqual([
        await refusalOf(home, 'data.parquet', '-o', 'out/scores.parquet'),
      ]);
  });

  it('for a lock that is none of ours', async () => {
    const [, ...args] = command('data.parquet', 'out/locked.parquet', 'zscore');
    await score(directory, ...args, '--home', 'home-locked');
    const [lock = ''] = readdirSync(at('home-locked', '.locks'));
    rmSync(at('home-locked', '.locks', lock));
    symlinkSync('nowhere', at('home-locked', '.locks', lock));
    const [warning] = await warningsOf('home-locked', ...args);
    const refusal = await run(directory, 'score', ...args, '--home', 'home-locked', '--json');
    expect(refusal.code).toBe(74);
    expect(warning).toMatch(/^score would refuse: /);
    expect(warning).toContain(errorOf(refusal).hint);
  });

  it('for a model to be saved beside the scores of a job that was begun without', async () => {
    const [, ...args] = command('data.parquet', 'out/saved.parquet', 'zscore');
    await score(directory, ...args, '--home', 'home-saved');
    const saving = (path: string) => [...args, '--save-model', path];
    expect(await warningsOf('home-saved', ...saving('out/notes.parquet'))).toEqual([
      await refusalOf('home-saved', ...saving('out/notes.parquet')),
    ]);
    const [finished, ...more] = await warningsOf('home-saved', ...saving('out/model.bcm'));
    expect([finished, more]).toEqual([expect.stringMatching(/is finished: .* nothing is run/), []]);
    await score(directory, ...saving('out/model.bcm'), '--home', 'home-saved');
    expect(await warningsOf('home-saved', ...saving('out/model.bcm'))).toEqual([finished]);
  });

  it('while a job runs there, be it the same', async () => {
    const { child, ended } = start(
      directory,
      command('data.parquet', 'busy.parquet', 'zscore').concat('--home', 'home-busy'),
    );
    const jobs = at('home-busy', 'jobs');
    while (!existsSync(jobs) || !readdirSync(jobs).some((job) => partsOf(join(jobs, job, 'parts')).length > 0))
      await sleep(2);
    child.kill('SIGSTOP');
    try {
      for (const detector of ['zscore', 'mad']) {
        const [, ...args] = command('data.parquet', 'busy.parquet', detector);
        const warnings = await run(directory, 'plan', ...args, '--home', 'home-busy', '--json');
        expect(JSON.parse(warnings.stdout).warnings).toEqual([await refusalOf('home-busy', ...args)]);
      }
    } finally {
      child.kill('SIGCONT');
    }
    expect((await ended).code).toBe(0);
  });
});
