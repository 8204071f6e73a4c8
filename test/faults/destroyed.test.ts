/** Nothing that is not ours is ever written over or removed: not at the start, not at publication, whatever the flags. */
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { errorOf, gaussian, parquet, run, score, scratch, sha256, start, whileStopped } from '../cli/harness.ts';

const root = scratch();
let directory = '';
const at = (...names: string[]) => join(directory, ...names);
const FLAGS = ['-d', 'zscore', '--json', '--progress', 'none'];

beforeEach(async () => {
  directory = join(root, String(readdirSync(root).length));
  mkdirSync(at('other'), { recursive: true });
  await parquet(at('in.parquet'), gaussian(3000));
  await parquet(at('in2.parquet'), gaussian(2500));
  writeFileSync(at('notes.txt'), 'mine');
});

/** Everything under the directory but the home, by path and content. */
function tree(path = directory): Record<string, string> {
  const found: Record<string, string> = {};
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    const full = join(path, entry.name);
    if (entry.name === '.batch-core') continue;
    if (entry.isDirectory()) Object.assign(found, { [full]: 'directory' }, tree(full));
    else found[full] = entry.isFile() ? sha256(full) : 'special';
  }
  return found;
}

describe('refused, whatever the flags, and nothing is touched', () => {
  const cases: { name: string; args: string[]; before?: () => void; says: RegExp }[] = [
    { name: 'the working directory', args: ['score', 'in.parquet', '-o', './'], says: /holds/ },
    {
      name: 'a directory that holds the source',
      args: ['score', 'in.parquet', '-o', '../$/'],
      says: /holds the input/,
    },
    { name: 'the root', args: ['score', 'in.parquet', '-o', '/'], says: /holds/ },
    {
      name: "a stranger's directory",
      args: ['score', 'in.parquet', '-o', 'other'],
      before: () => writeFileSync(at('other', 'thesis.txt'), 'mine'),
      says: /a directory that batch-core did not make/,
    },
    {
      name: 'a directory around the home',
      args: ['score', 'in.parquet', '-o', 'other/', '--home', 'other/home'],
      says: /holds the home of jobs/,
    },
    ...['o.parquet', 'other/'].map((out) => ({
      name: `the home, as ${out}`,
      args: ['score', 'in.parquet', '-o', out, '--home', out],
      says: /is the home of jobs/,
    })),
    {
      name: 'a file around the home',
      args: ['score', 'in.parquet', '--save-model', 'm.bcm', '--home', 'm.bcm/home'],
      says: /holds the home of jobs/,
    },
    {
      name: 'a link to the directory of the source',
      args: ['score', 'in.parquet', '-o', 'around/'],
      before: () => symlinkSync(directory, at('around')),
      says: /holds the input/,
    },
    { name: 'the source', args: ['score', 'in.parquet', '-o', 'in.parquet'], says: /an input of this run/ },
    {
      name: 'a hard link of the source',
      args: ['score', 'in.parquet', '-o', 'twin.parquet'],
      before: () => linkSync(at('in.parquet'), at('twin.parquet')),
      says: /is the input/,
    },
    {
      name: 'a symbolic link to the source',
      args: ['score', 'in.parquet', '-o', 'link.parquet'],
      before: () => symlinkSync('in.parquet', at('link.parquet')),
      says: /is the input/,
    },
    { name: 'the second source', args: ['score', 'in.parquet', 'in2.parquet', '-o', 'in2.parquet'], says: /input/ },
    { name: 'the source as a model', args: ['score', 'in.parquet', '--save-model', 'in.parquet'], says: /an input/ },
    { name: 'the source as a fitted model', args: ['fit', 'in.parquet', '-m', 'in.parquet'], says: /an input/ },
    {
      name: 'the output as a model',
      args: ['score', 'in.parquet', '-o', 'o.parquet', '--save-model', 'o.parquet'],
      says: /same file as --out/,
    },
    {
      name: 'a file of a job',
      args: ['score', 'in.parquet', '--save-model', '.batch-core/jobs/x/job.duckdb'],
      before: () => mkdirSync(at('.batch-core', 'jobs', 'x'), { recursive: true }),
      says: /among the jobs' own files/,
    },
    {
      name: 'a file in place of a directory',
      args: ['score', 'in.parquet', '-o', 'notes.txt/'],
      says: /not a directory/,
    },
    {
      name: 'a directory in place of a model',
      args: ['score', 'in.parquet', '--save-model', 'other'],
      says: /a directory/,
    },
  ];
  it.each(cases)('$name', async ({ args, before, says }) => {
    before?.();
    const held = tree();
    for (const more of [[], ['--force'], ['--force', '--fresh']]) {
      const words = args.map((word) => word.replace('$', directory.split('/').at(-1) ?? ''));
      const ended = await run(directory, ...words, ...FLAGS, ...more);
      expect([ended.code, errorOf(ended).code]).toEqual([78, 'OUTPUT_EXISTS']);
      expect(errorOf(ended).message).toMatch(says);
      expect(errorOf(ended).hint ?? '').not.toMatch(/replace it with|--fresh/);
      expect(tree()).toEqual(held);
    }
  });
});

describe('without --force', () => {
  const MINE = /^choose another path with --[a-z-]+, or move away what lies there$/;
  const OURS = /or replace it with --force$/;
  const cases: { name: string; place: string; args: string[]; before: () => unknown; hint: RegExp }[] = [
    {
      name: "a stranger's file as the output",
      place: 'x.parquet',
      args: ['score', 'in.parquet', '-o', 'x.parquet'],
      before: () => copyFileSync(at('in2.parquet'), at('x.parquet')),
      hint: MINE,
    },
    {
      name: 'a link to nowhere',
      place: 'x.parquet',
      args: ['score', 'in.parquet', '-o', 'x.parquet'],
      before: () => symlinkSync('nowhere', at('x.parquet')),
      hint: MINE,
    },
    {
      name: "another job's output",
      place: 'x.parquet',
      args: ['score', 'in.parquet', '-o', 'x.parquet'],
      before: () => score(directory, 'in2.parquet', '-d', 'mad', '-o', 'x.parquet'),
      hint: OURS,
    },
    {
      name: "a stranger's file as a saved model",
      place: 'notes.txt',
      args: ['score', 'in.parquet', '--save-model', 'notes.txt'],
      before: () => {},
      hint: MINE,
    },
    {
      name: "another source's model, saved",
      place: 'm.bcm',
      args: ['score', 'in.parquet', '--save-model', 'm.bcm'],
      before: () => run(directory, 'fit', 'in2.parquet', '-d', 'zscore', '-m', 'm.bcm'),
      hint: OURS,
    },
    {
      name: "another source's model, fitted",
      place: 'm.bcm',
      args: ['fit', 'in.parquet', '-m', 'm.bcm'],
      before: () => run(directory, 'fit', 'in2.parquet', '-d', 'zscore', '-m', 'm.bcm'),
      hint: OURS,
    },
    {
      name: "a stranger's file as a fitted model",
      place: 'notes.txt',
      args: ['fit', 'in.parquet', '-m', 'notes.txt'],
      before: () => {},
      hint: MINE,
    },
  ];
  it.each(cases)('$name stays, and with it is replaced', async ({ place, args, before, hint }) => {
    await before();
    const held = tree();
    const refused = await run(directory, ...args, ...FLAGS);
    expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
    expect(errorOf(refused).hint).toMatch(hint);
    expect(tree()).toEqual(held);

    const forced = await run(directory, ...args, ...FLAGS, '--force');
    expect([forced.code, forced.stderr]).toEqual([0, '']);
    const now = tree();
    expect(now[at(place)]).not.toBe(held[at(place)]);
    for (const [path, content] of Object.entries(held)) if (path !== at(place)) expect(now[path]).toBe(content);
  });
});

describe('a directory of ours', () => {
  it('loses with --force what its manifest lists, and nothing else', async () => {
    await score(directory, 'in2.parquet', '-d', 'mad', '-o', 'out/', '--chunk-rows', '1000');
    const older = readdirSync(at('out')).filter((name) => name.startsWith('part-'));
    const refused = await run(directory, 'score', 'in.parquet', '-o', 'out/', ...FLAGS);
    expect([refused.code, errorOf(refused).hint]).toEqual([78, expect.stringMatching(/--force/)]);

    writeFileSync(at('out', 'thesis.txt'), 'mine');
    const held = tree();
    const stranger = await run(directory, 'score', 'in.parquet', '-o', 'out/', ...FLAGS, '--force');
    expect([stranger.code, errorOf(stranger).message]).toEqual([78, expect.stringMatching(/thesis\.txt/)]);
    expect(errorOf(stranger).hint).not.toMatch(/--force/);
    expect(tree()).toEqual(held);

    rmSync(at('out', 'thesis.txt'));
    await score(directory, 'in.parquet', '-d', 'zscore', '-o', 'out/', '--force');
    expect(readdirSync(at('out')).sort()).toEqual(['_SUCCESS', 'manifest.json', 'part-0000000.parquet']);
    expect(older.length).toBeGreaterThan(1);
  });

  it('that is empty is used', async () => {
    expect((await score(directory, 'in.parquet', '-d', 'zscore', '-o', 'other')).output.rows).toBe(3000);
  });
});

describe('what appears while the job runs', () => {
  /** Runs long enough to be met: the job is paused until `meanwhile` is done. */
  async function meet(args: string[], meanwhile: () => void | Promise<void>) {
    const running = start(directory, ['score', 'big.parquet', '--chunk-rows', '1000', ...FLAGS, ...args]);
    const home = at('.batch-core');
    const job = async () => {
      for (;;) {
        const jobs = existsSync(join(home, 'jobs')) ? readdirSync(join(home, 'jobs')) : [];
        if (jobs[0] && existsSync(join(home, 'jobs', jobs[0], 'status.json'))) return jobs[0];
        await sleep(5);
      }
    };
    const id = await job();
    await whileStopped(running, () => run(directory, 'pause', id));
    await meanwhile();
    await run(directory, 'resume', id);
    return running.ended;
  }

  beforeEach(async () => {
    await parquet(at('big.parquet'), gaussian(100_000));
  });

  it.each(['', '--force'])('stays where the output was to go %s', async (force) => {
    const ended = await meet(['-o', 'x.parquet', ...(force ? [force] : [])], () =>
      writeFileSync(at('x.parquet'), 'mine'),
    );
    expect([ended.code, errorOf(ended).code]).toEqual([78, 'OUTPUT_EXISTS']);
    expect(readFileSync(at('x.parquet'), 'utf8')).toBe('mine');
    expect(readdirSync(directory).filter((name) => name.startsWith('.batch-core-'))).toEqual([]);
    // Nothing is lost: with the place free again only the publication is left to do.
    renameSync(at('x.parquet'), at('moved'));
    const report = await score(directory, 'big.parquet', '--chunk-rows', '1000', '-d', 'zscore', '-o', 'x.parquet');
    expect(report.chunks.executed).toBe(0);
  });

  it('stays where a file was to be replaced with --force', async () => {
    writeFileSync(at('x.parquet'), 'old');
    const ended = await meet(['-o', 'x.parquet', '--force'], () => {
      writeFileSync(at('new'), 'mine');
      renameSync(at('new'), at('x.parquet'));
    });
    expect([ended.code, errorOf(ended).code]).toEqual([78, 'OUTPUT_EXISTS']);
    expect(readFileSync(at('x.parquet'), 'utf8')).toBe('mine');
  });

  it('stays in a directory, which is named', async () => {
    const ended = await meet(['-o', 'out/'], () => {
      mkdirSync(at('out'));
      writeFileSync(at('out', 'thesis.txt'), 'mine');
    });
    expect([ended.code, errorOf(ended).code]).toEqual([78, 'OUTPUT_EXISTS']);
    expect(readdirSync(at('out'))).toEqual(['thesis.txt']);
  });
});

describe('two jobs', () => {
  it('for one output at once: one gets it, and the other is told', async () => {
    const one = start(directory, ['score', 'in.parquet', '-o', 'x.parquet', ...FLAGS]);
    const other = start(directory, [
      'score',
      'in.parquet',
      '-o',
      'x.parquet',
      '--json',
      '--progress',
      'none',
      '-d',
      'mad',
    ]);
    const ended = await Promise.all([one.ended, other.ended]);
    const codes = ended.map(({ code }) => code).sort();
    expect(codes[0]).toBe(0);
    expect([75, 78]).toContain(codes[1]);
    const winner = JSON.parse(ended.find(({ code }) => code === 0)?.stdout ?? '{}');
    expect(sha256(at('x.parquet'))).toBe(winner.output.sha256);
  });

  it('in two homes with one output never share a temporary, and the output is whole', async () => {
    await parquet(at('big.parquet'), gaussian(60_000));
    const homes = ['a', 'b', 'c'].map((home) =>
      start(directory, ['score', 'big.parquet', '-o', 'x.parquet', '--home', home, '--chunk-rows', '1000', ...FLAGS]),
    );
    const ended = await Promise.all(homes.map((home) => home.ended));
    for (const { code, stdout } of ended)
      expect(code === 0 || JSON.parse(stdout).error.code === 'OUTPUT_EXISTS', stdout).toBe(true);
    const winners = ended.filter(({ code }) => code === 0).map(({ stdout }) => JSON.parse(stdout).output.sha256);
    expect(new Set(winners)).toEqual(new Set([sha256(at('x.parquet'))]));
    expect(readdirSync(directory).filter((name) => name.startsWith('.batch-core-'))).toEqual([]);
  });

  it('of the same content under two names, or to two outputs, do not disturb each other and have equal bytes', async () => {
    copyFileSync(at('in.parquet'), at('copy.parquet'));
    const outputs = [
      ['in.parquet', 'a.parquet'],
      ['copy.parquet', 'b.parquet'],
      ['in.parquet', 'c.parquet'],
    ] as const;
    const jobs = await Promise.all(
      outputs.map(([source, out]) => score(directory, source, '-d', 'zscore', '-o', out, '--home', 'home')),
    );
    expect(new Set(jobs.map((job) => job.jobId)).size).toBe(3);
    expect(new Set(outputs.map(([, out]) => sha256(at(out)))).size).toBe(1);
    expect(JSON.parse((await run(directory, 'jobs', '--home', 'home', '--json')).stdout)).toHaveLength(3);
    expect(statSync(at('a.parquet')).ino).not.toBe(statSync(at('b.parquet')).ino);
  });
});
