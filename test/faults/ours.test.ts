/** What lies at an output's path is the job's by what is in it: its inode does not say so. */
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import { errorOf, run, score, sha256, sql } from '../cli/harness.ts';
import { at, begun, directory, done, FILE, flip, killed, PARTS, QUIET, taken } from './cases.ts';

/** The file with a column more, by a program that keeps the metadata, as pyarrow does. */
async function enrich(path: string): Promise<void> {
  const rows = await sql(`SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${path}')`);
  const pairs = rows.map(({ key, value }) => `'${key}': '${value}'`).join(', ');
  const copy = at('enriched');
  await sql(`COPY (SELECT *, true AS label FROM '${path}') TO '${copy}' (FORMAT parquet, KV_METADATA {${pairs}})`);
  writeFileSync(path, readFileSync(copy));
}

describe('what came to lie at the path of a finished job stays', () => {
  it.each<[string, (path: string) => void | Promise<void>]>([
    ['written in place', (path) => writeFileSync(path, 'thesis')],
    [
      'made where it was removed',
      (path) => {
        rmSync(path);
        writeFileSync(path, 'thesis');
      },
    ],
    ['a source copied over it', (path) => copyFileSync(at('in2.parquet'), path)],
    ['a text longer than it', (path) => writeFileSync(path, 'thesis'.repeat(200_000))],
    ['the output with a column more', enrich],
  ])('%s', async (_, change) => {
    await done(FILE);
    await change(at('o.parquet'));
    expect(await taken(FILE, at('o.parquet'))).not.toContain('--force');
    expect(await taken([...FILE, '--fresh'], at('o.parquet'))).not.toContain('--force');
    const verified = await run(directory, 'verify', 'o.parquet', '--json');
    expect([verified.code, errorOf(verified).hint]).toEqual([65, expect.stringContaining('move it away')]);
    await done([...FILE, '--force']);
    expect((await run(directory, 'verify', 'o.parquet')).code).toBe(0);
  });

  it("another job's output", async () => {
    await done(FILE);
    await done(['score', 'in.parquet', '-d', 'mad', '-o', 'm.parquet']);
    copyFileSync(at('m.parquet'), at('o.parquet'));
    expect(await taken(FILE, at('o.parquet'))).toContain('--force');
  });

  it('another model, or notes', async () => {
    const fit = ['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'];
    await done(fit);
    await done(['fit', 'in2.parquet', '-d', 'zscore', '-m', 'm2.bcm']);
    copyFileSync(at('m2.bcm'), at('m.bcm'));
    expect(await taken(fit, at('m.bcm'))).toContain('--force');
    writeFileSync(at('m.bcm'), 'notes');
    await taken(fit, at('m.bcm'));
  });

  it('also when the output was moved to where a model goes', async () => {
    await done(FILE);
    renameSync(at('o.parquet'), at('precious.parquet'));
    await taken([...FILE, '--save-model', 'precious.parquet'], at('precious.parquet'));
  });
});

describe('what this job wrote is made again when it was damaged', () => {
  it.each<[string, (path: string) => void]>([
    ['a page', (path) => flip(path, statSync(path).size >> 1)],
    ['the footer', (path) => flip(path, -4)],
    ['the beginning', (path) => flip(path, 0)],
    ['cut short', (path) => truncateSync(path, 5000)],
    ['emptied', (path) => truncateSync(path, 0)],
    ['removed', (path) => rmSync(path)],
  ])('%s', async (_, damage) => {
    await done(FILE);
    const whole = sha256(at('o.parquet'));
    damage(at('o.parquet'));
    await done(FILE);
    expect(sha256(at('o.parquet'))).toBe(whole);

    await done(PARTS);
    const part = at('d', 'part-0000001.parquet');
    const before = sha256(part);
    damage(part);
    expect((await run(directory, 'verify', 'd')).code).toBe(65);
    await done(PARTS);
    expect(sha256(part)).toBe(before);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
  });

  it('a model', async () => {
    const fit = ['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'];
    await done(fit);
    const whole = sha256(at('m.bcm'));
    for (const damage of [() => flip(at('m.bcm'), 100), () => truncateSync(at('m.bcm'), 90)]) {
      damage();
      await done(fit);
      expect(sha256(at('m.bcm'))).toBe(whole);
    }
  });
});

describe('an output among its own sources', () => {
  const all = ['score', 'g', '-d', 'zscore', '-o', 'g/o.parquet'];
  beforeEach(() => {
    mkdirSync(at('g'));
    copyFileSync(at('in.parquet'), at('g', 'in.parquet'));
  });

  it('is none of them, also when it was damaged', async () => {
    await done(all);
    const whole = sha256(at('g', 'o.parquet'));
    expect((await score(directory, ...all.slice(1))).recalled).toBe(true);
    truncateSync(at('g', 'o.parquet'), 1000);
    await done(all);
    expect(sha256(at('g', 'o.parquet'))).toBe(whole);
  });

  it('is one where another command made it: an input is never written', async () => {
    rmSync(at('g', 'in.parquet'));
    for (const name of ['o', 'p']) await done(['score', 'in.parquet', '-d', 'zscore', '-o', `g/${name}.parquet`]);
    for (const flags of [[], ['--force'], ['--force', '--home', 'other']])
      await taken([...all, ...flags], at('g', 'o.parquet'));
  });
});

describe('once is what --force is for', () => {
  it("another job's directory that comes to lie there when the job is done stays", async () => {
    const other = ['score', 'in2.parquet', '-d', 'zscore', '-o', 'd/'];
    await done(PARTS);
    await done([...other, '--force']);
    await done([...PARTS, '--force']);
    expect(await taken(other, at('d', 'manifest.json'))).toContain('--force');
  });

  it("so does a stranger's file that it replaced before", async () => {
    for (const [args, path] of [
      [FILE, 'o.parquet'],
      [['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'], 'm.bcm'],
    ] as const) {
      writeFileSync(at(path), 'thesis');
      linkSync(at(path), at('kept'));
      await done([...args, '--force']);
      renameSync(at('kept'), at(path));
      await taken([...args], at(path));
    }
  });

  it('and nothing lies in a directory without a manifest but our parts', async () => {
    await done(PARTS);
    mkdirSync(at('e'));
    copyFileSync(at('d', 'part-0000000.parquet'), at('e', 'part-0000000.parquet'));
    copyFileSync(at('in2.parquet'), at('e', 'part-0000007.parquet'));
    const args = ['score', 'in.parquet', '-d', 'mad', '-o', 'e'];
    for (const flags of [[], ['--force']])
      expect(await taken([...args, ...flags], at('e', 'part-0000007.parquet'))).not.toContain('--force');
  });
});

it('an unfinished job that --fresh was given instead of does not come back', async () => {
  const mad = ['score', 'in.parquet', '-d', 'mad', '-o', 'o.parquet'];
  await killed(FILE);
  const refused = await run(directory, ...mad, ...QUIET);
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'JOB_MISMATCH']);
  await killed([...mad, '--fresh']);
  const report = await score(directory, ...mad.slice(1));
  expect(report.detector).toBe('mad');
  expect((await score(directory, ...mad.slice(1))).recalled).toBe(true);
});

it('what --force was given for is not what comes to lie there later', async () => {
  writeFileSync(at('o.parquet'), 'old');
  await killed([...FILE, '--force']);
  writeFileSync(at('o.parquet'), 'thesis');
  await taken(FILE, at('o.parquet'));
});

it('a file that is written while the job runs stays', async () => {
  await done(FILE);
  const { ended } = await begun([...FILE, '--fresh', '--json']);
  writeFileSync(at('o.parquet'), 'thesis');
  const { code, stdout } = await ended;
  expect([code, JSON.parse(stdout).error.code]).toEqual([78, 'OUTPUT_EXISTS']);
  expect(readFileSync(at('o.parquet'), 'utf8')).toBe('thesis');
});

describe('a file shorter than what tells files apart', () => {
  it.each([0, 4])('of %i bytes is ours where it was cut, and not where it was made anew', async (size) => {
    await done(FILE);
    const whole = sha256(at('o.parquet'));
    truncateSync(at('o.parquet'), size);
    await done(FILE);
    expect(sha256(at('o.parquet'))).toBe(whole);
    rmSync(at('o.parquet'));
    // As whoever writes a Parquet file begins.
    writeFileSync(at('o.parquet'), 'PAR1'.slice(0, size));
    await taken(FILE, at('o.parquet'));
  });
});

describe('what was published is known until something else is', () => {
  it.each<[string, string[]]>([
    ['a file', FILE],
    ['a directory', PARTS],
  ])('when a run that was to make it again was killed: %s', async (_, args) => {
    await done(args);
    const out = args.at(-1) ?? '';
    const [job = ''] = readdirSync(at('.batch-core/jobs'));
    await killed([...args, '--fresh']);
    const verified = await run(directory, 'verify', job, '--json');
    expect([verified.code, JSON.parse(verified.stdout).jobId]).toEqual([0, job]);
    truncateSync(out === 'd/' ? at('d', 'part-0000001.parquet') : at('o.parquet'), 1000);
    await done(args);
    expect((await run(directory, 'verify', out)).code).toBe(0);
  });
});

it.each([100, 5000])('a saved model that was damaged is made again (byte %i)', async (place) => {
  const args = [...FILE, '--save-model', 'm.bcm'];
  await done(args);
  const whole = sha256(at('m.bcm'));
  const size = statSync(at('m.bcm')).size;
  flip(at('m.bcm'), Math.min(place, size - 1));
  await done(args);
  expect(sha256(at('m.bcm'))).toBe(whole);
  truncateSync(at('m.bcm'), size - 7);
  await done([...args, '--fresh']);
  expect(sha256(at('m.bcm'))).toBe(whole);
});

it('resume says whose options its hints name', async () => {
  await killed(FILE);
  const [job = ''] = readdirSync(at('.batch-core/jobs'));
  await done(['score', 'in2.parquet', '-d', 'mad', '-o', 'o.parquet', '--home', 'other']);
  const refused = await run(directory, 'resume', job, '--json');
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
  expect(errorOf(refused).hint).toMatch(
    /^choose another path with --out.* \(options of the "batch-core score" that began this job\)$/,
  );
});

it('an output never lies among the jobs of a home', async () => {
  await done(FILE);
  const refused = await run(directory, 'score', 'in.parquet', '-o', '.batch-core/jobs/x/', '--json');
  expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
});

it('a directory that came to lie at the name of a file is told as one, and the job goes on when it is gone', async () => {
  await killed(FILE);
  mkdirSync(at('o.parquet'));
  const [job = ''] = readdirSync(at('.batch-core', 'jobs'));
  for (const args of [FILE, ['resume', job], [...FILE, '--force']]) {
    const refused = await run(directory, ...args, ...QUIET);
    expect([refused.code, errorOf(refused).code], refused.stdout).toEqual([78, 'OUTPUT_EXISTS']);
    expect(errorOf(refused).message).toContain('a directory, not a file');
  }
  rmdirSync(at('o.parquet'));
  await done(['resume', job]);
  expect((await run(directory, 'verify', 'o.parquet')).code).toBe(0);
});

it.each(['job.duckdb', 'model.bcm'])('a fitted model is the job’s own when its %s is lost', async (name) => {
  const fit = ['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'];
  await done(fit);
  const digest = sha256(at('m.bcm'));
  const [job = ''] = readdirSync(at('.batch-core', 'jobs'));
  rmSync(at('.batch-core', 'jobs', job, name));
  await done(fit);
  expect(sha256(at('m.bcm'))).toBe(digest);
});

/** A directory in which names can be made, and none removed. */
const appends = spawnSync('chattr', ['-f', '+a', '/nowhere']).error === undefined && process.geteuid?.() === 0;
it.runIf(appends)('what may not be removed is named so, each time', async () => {
  mkdirSync(at('appended'));
  if (spawnSync('chattr', ['+a', at('appended')]).status !== 0) return;
  const fit = ['fit', 'in.parquet', '-d', 'zscore', '-m', 'appended/m.bcm', '--home', 'home'];
  try {
    for (let round = 0; round < 3; round += 1) {
      const refused = await run(directory, ...fit, ...QUIET);
      expect([refused.code, errorOf(refused).code], refused.stdout).toEqual([74, 'OUTPUT_UNWRITABLE']);
      expect(errorOf(refused).message).toMatch(/not permitted/i);
    }
  } finally {
    spawnSync('chattr', ['-a', at('appended')]);
  }
  await done(fit);
  expect(readdirSync(at('appended'))).toEqual(['m.bcm']);
});
