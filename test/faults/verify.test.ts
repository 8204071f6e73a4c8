/** `verify` compares with what the job recorded, and says what it could not compare. */
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorOf, run } from '../cli/harness.ts';
import { at, directory, done, FILE, flip, killed, PARTS } from './cases.ts';

describe('verify believes no manifest more than the job', () => {
  const edit = (change: (manifest: { rows: number; parts: { name: string; rows: number }[] }) => void) => {
    const manifest = JSON.parse(readFileSync(at('d', 'manifest.json'), 'utf8'));
    change(manifest);
    writeFileSync(at('d', 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  };
  const [one, two] = ['part-0000000.parquet', 'part-0000001.parquet'];
  const swap = () => {
    renameSync(at('d', one), at('x'));
    renameSync(at('d', two), at('d', one));
    renameSync(at('x'), at('d', two));
  };

  it.each<[string, () => void]>([
    ['parts in another order', () => edit(({ parts }) => parts.reverse())],
    [
      'a part and its entry gone, its rows told of another',
      () => {
        rmSync(at('d', 'part-0000003.parquet'));
        edit(({ parts }) => {
          parts[0]!.rows += parts.pop()!.rows;
        });
      },
    ],
    [
      'two parts in each other’s place',
      () => {
        swap();
        edit(({ parts }) => {
          [parts[0], parts[1]] = [
            { ...parts[1]!, name: one },
            { ...parts[0]!, name: two },
          ];
        });
      },
    ],
    [
      'one part twice',
      () => {
        copyFileSync(at('d', two), at('d', one));
        edit(({ parts }) => {
          parts[0] = { ...parts[1]!, name: one };
        });
      },
    ],
    ['a part more than the manifest has', () => copyFileSync(at('d', one), at('d', 'part-0000009.parquet'))],
    ['a table beside the parts', () => copyFileSync(at('in.parquet'), at('d', 'zzz.parquet'))],
    ['words in _SUCCESS', () => appendFileSync(at('d', '_SUCCESS'), 'yes')],
    [
      'a directory for _SUCCESS',
      () => {
        rmSync(at('d', '_SUCCESS'));
        mkdirSync(at('d', '_SUCCESS'));
      },
    ],
  ])('%s', async (_, change) => {
    await done(PARTS);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
    change();
    for (const home of ['.batch-core', 'nowhere']) {
      const ended = await run(directory, 'verify', 'd', '--home', home, '--json');
      expect([ended.code, errorOf(ended).code], `${home}: ${ended.stdout}`).toEqual([65, 'OUTPUT_DAMAGED']);
    }
  });

  it('nor one that lists no part', async () => {
    await done(PARTS);
    const text = JSON.stringify({ ...JSON.parse(readFileSync(at('d', 'manifest.json'), 'utf8')), parts: [null] });
    writeFileSync(at('d', 'manifest.json'), text);
    for (const home of ['.batch-core', 'nowhere']) {
      const ended = await run(directory, 'verify', 'd', '--home', home, '--json');
      expect([ended.code, errorOf(ended).code], home).toEqual([65, 'OUTPUT_DAMAGED']);
    }
  });

  it('nor takes a lost record for an output of nobody', async () => {
    await done(FILE);
    const [job = ''] = readdirSync(at('.batch-core/jobs'));
    flip(at('o.parquet'), statSync(at('o.parquet')).size >> 1);
    for (const name of ['report.json', 'status.json']) {
      rmSync(at('.batch-core/jobs', job, name));
      for (const target of ['o.parquet', job]) {
        const ended = await run(directory, 'verify', target, '--json');
        expect([ended.code, ended.stdout], `${target} without ${name}`).toEqual([
          65,
          expect.stringContaining('OUTPUT_DAMAGED'),
        ]);
      }
    }
  });

  it('tells what it could not compare, line by line', async () => {
    await done(FILE);
    const { code, stdout } = await run(directory, 'verify', 'o.parquet', '--home', 'nowhere');
    expect([code, stdout]).toEqual([0, expect.stringMatching(/shows no damage.*\n {2}not checked: /)]);
  });

  it('says of a job that has not finished what it is', async () => {
    await killed(FILE);
    const [job = ''] = readdirSync(at('.batch-core/jobs'));
    const verified = await run(directory, 'verify', job, '--json');
    expect([verified.code, errorOf(verified).message]).toEqual([
      78,
      expect.stringContaining('it has published nothing yet'),
    ]);
  });
});

describe('inspect tells damage as damage', () => {
  it.each<[string, () => void, string]>([
    ['a part that is missing', () => rmSync(at('d', 'part-0000001.parquet')), 'd'],
    ['a part of other columns', () => copyFileSync(at('in.parquet'), at('d', 'part-0000001.parquet')), 'd'],
    ['an empty part', () => truncateSync(at('d', 'part-0000001.parquet'), 0), 'd'],
    ['a manifest of other rows', () => flipText(at('d', 'manifest.json'), /"rows": 7000/, '"rows": 7001'), 'd'],
    ['pages of nothing', () => zero(at('o.parquet')), 'o.parquet'],
  ])('%s', async (_, change, path) => {
    await done(path === 'd' ? PARTS : FILE);
    change();
    const ended = await run(directory, 'inspect', path, '--json');
    expect([ended.code, errorOf(ended).code], ended.stdout).toEqual([65, 'OUTPUT_DAMAGED']);
  });
});

function flipText(path: string, text: RegExp, by: string): void {
  writeFileSync(path, readFileSync(path, 'utf8').replace(text, by));
}

function zero(path: string): void {
  const bytes = readFileSync(path);
  writeFileSync(path, bytes.fill(0, 40, bytes.length - 4000));
}

describe('a model that was saved beside the scores', () => {
  const SAVING = [...FILE, '--save-model', 's.bcm'];
  const verify = async (target: string) => {
    const { code, stdout } = await run(directory, 'verify', target, '--json');
    return { code, ...JSON.parse(stdout) };
  };

  it('is known as its job’s, and looked at with it', async () => {
    await done(SAVING);
    const [job = ''] = readdirSync(at('.batch-core', 'jobs'));
    expect(await verify('s.bcm')).toMatchObject({ code: 0, status: 'whole', jobId: job, rows: 7000 });
    expect(await verify(job)).toMatchObject({ code: 0, status: 'whole', path: at('o.parquet') });
    for (const spoil of [() => flip(at('s.bcm'), 3), () => flip(at('s.bcm'), -20), () => rmSync(at('s.bcm'))]) {
      spoil();
      const found = await verify(job);
      expect([found.code, found.error.code, found.error.where.file]).toEqual([65, 'OUTPUT_DAMAGED', at('s.bcm')]);
      if (statSync(at('s.bcm'), { throwIfNoEntry: false })) expect((await verify('s.bcm')).code).toBe(65);
      // What has lost the signs by which it is known is moved away, as it is said.
      if (found.error.hint.startsWith('move it away')) renameSync(at('s.bcm'), at('away'));
      await done(SAVING);
      expect((await verify(job)).code).toBe(0);
    }
  });

  it('and another in its place', async () => {
    await done(SAVING);
    const [job = ''] = readdirSync(at('.batch-core', 'jobs'));
    await done(['fit', 'in2.parquet', '-d', 'zscore', '-m', 'other.bcm']);
    copyFileSync(at('other.bcm'), at('s.bcm'));
    for (const target of ['s.bcm', job]) expect((await verify(target)).error.message).toContain('another model');
  });
});

describe('what is no output lies where one was', () => {
  it.each<[string, string[], (path: string) => void]>([
    ['o.parquet', FILE, (path) => mkdirSync(path)],
    ['o.parquet', FILE, (path) => symlinkSync('nowhere', path)],
    ['o.parquet', FILE, (path) => spawnSync('mkfifo', [path])],
    ['m.bcm', ['fit', 'in.parquet', '-d', 'zscore', '-m', 'm.bcm'], (path) => mkdirSync(path)],
    ['d', PARTS, (path) => writeFileSync(path, 'mine')],
  ])('%s', async (name, args, make) => {
    await done(args);
    const [job = ''] = readdirSync(at('.batch-core', 'jobs'));
    rmSync(at(name), { recursive: true });
    make(at(name));
    for (const target of [name, job]) {
      const ended = await run(directory, 'verify', target, '--json');
      expect([ended.code, errorOf(ended).code], ended.stdout).toEqual([65, 'OUTPUT_DAMAGED']);
      expect(errorOf(ended).hint).toMatch(/^move it away, then run the same command again/);
    }
    renameSync(at(name), at('away'));
    await done(args);
    expect((await run(directory, 'verify', job)).code).toBe(0);
  });
});

it('a directory that was never finished is not told as an output', async () => {
  await done(PARTS);
  rmSync(at('d', '_SUCCESS'));
  for (const command of ['inspect', 'verify']) {
    const ended = await run(directory, command, 'd', '--json');
    expect([ended.code, errorOf(ended).message]).toEqual([65, expect.stringContaining('never finished')]);
  }
});

it.each(['format', 'digest'])('a report that lacks its %s is none: the job’s database has it', async (field) => {
  await done(FILE);
  const [job = ''] = readdirSync(at('.batch-core', 'jobs'));
  const path = at('.batch-core', 'jobs', job, 'report.json');
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(`"${field}"`, '"other"'));
  const ended = await run(directory, 'verify', 'o.parquet', '--json');
  expect([ended.code, JSON.parse(ended.stdout)]).toEqual([0, expect.objectContaining({ status: 'whole', jobId: job })]);
});
