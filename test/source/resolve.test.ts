import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import { editDistance } from '../../src/distance.ts';
import type { BatchCoreError } from '../../src/errors.ts';
import { nameMatcher } from '../../src/source/glob.ts';
import { resolveSource } from '../../src/source/resolve.ts';
import { scratch } from '../cli/harness.ts';

// Brackets in the directory's own name: the current directory is never part of a pattern.
const cwd = join(scratch(), 'a[b]*c');
for (const name of [
  ...[
    'data1.parquet',
    'data[1].parquet',
    'data2.parquet',
    'what?.parquet',
    'st*r.parquet',
    'star.parquet',
    'é.parquet',
  ],
  ...['Zulu.parquet', '-dash.parquet', 'noext', 'table.csv', 'old.pkl', 'frame.feather', 'history.parquet'],
  ...['tree/b.parquet', 'tree/a.parquet', 'tree/B.parquet', 'tree/x/a.PARQUET', 'tree/x/y/c.parquet', 'tree/notes.md'],
  ...['tree/.hidden.parquet', 'tree/_temporary/0/part.parquet', 'tree/_SUCCESS', 'tree/.git/x.parquet'],
  ...['csvs/a.csv', 'csvs/b.json', 'nothing/.keep'],
]) {
  mkdirSync(join(cwd, name, '..'), { recursive: true });
  writeFileSync(join(cwd, name), '');
}

const resolve = async (...sources: string[]) => (await resolveSource(sources, cwd)).map((path) => relative(cwd, path));
const fails = (...sources: string[]) => expect(resolveSource(sources, cwd)).rejects;

describe('a path that exists is literal', () => {
  it.each(['data1.parquet', 'data[1].parquet', 'what?.parquet', 'st*r.parquet', 'é.parquet', '-dash.parquet', 'noext'])(
    '%s',
    async (name) => {
      expect(await resolve(name)).toEqual([name]);
      expect(await resolve(join(cwd, name))).toEqual([name]);
    },
  );

  it('the order of several is the user’s', async () => {
    expect(await resolve('data2.parquet', 'data1.parquet')).toEqual(['data2.parquet', 'data1.parquet']);
  });
});

describe('one that does not exist may be a pattern', () => {
  it.each<[string, string[]]>([
    ['data?.parquet', ['data1.parquet', 'data2.parquet']],
    ['data[12].parquet', ['data1.parquet', 'data2.parquet']],
    ['data[!1].parquet', ['data2.parquet']],
    ['data[[]1].parquet', ['data[1].parquet']],
    ['tree/*.parquet', ['tree/B.parquet', 'tree/a.parquet', 'tree/b.parquet']],
    ['tr*/x/*', ['tree/x/a.PARQUET']],
    ['tree/**/c.parquet', ['tree/x/y/c.parquet']],
    ['tree/**/a.*', ['tree/a.parquet', 'tree/x/a.PARQUET']],
    ['tree/.h*', ['tree/.hidden.parquet']],
    ['./tree/../data?.parquet', ['data1.parquet', 'data2.parquet']],
  ])('%s', async (pattern, expected) => {
    expect(await resolve(pattern)).toEqual(expected);
  });

  it('and matching nothing is an error', async () => {
    await fails('nope*.parquet').toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      exitCode: 74,
      message: 'no file matches "nope*.parquet"',
    });
    await fails('data[9-1].parquet').toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });
});

describe('names and patterns', () => {
  it.each<[string, string[], string[]]>([
    ['*', ['a', 'a.b', 'a\nb'], ['.a']],
    ['.*', ['.a'], ['a']],
    ['a?c', ['abc', 'a😀c'], ['ac', 'abbc']],
    ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
    ['[!a-c]x', ['dx'], ['ax']],
    ['[]]x', [']x'], ['x']],
    ['[!]]x', ['ax'], [']x']],
    ['[x', ['[x'], ['x']],
    ['a.b', ['a.b'], ['axb']],
    ['(a|b)+{1}$^', ['(a|b)+{1}$^'], ['a']],
    ['[\\]', ['\\'], ['a']],
    ['[a^-]', ['a', '^', '-'], ['b']],
  ])('%s', (pattern, matching, others) => {
    for (const name of matching) expect(nameMatcher(pattern)(name), name).toBe(true);
    for (const name of others) expect(nameMatcher(pattern)(name), name).toBe(false);
  });
});

describe('a directory means its data files', () => {
  it('in the order of their bytes, without what is hidden or unfinished', async () => {
    const expected = ['tree/B.parquet', 'tree/a.parquet', 'tree/b.parquet', 'tree/x/a.PARQUET', 'tree/x/y/c.parquet'];
    expect(await resolve('tree')).toEqual(expected);
    expect(await resolve('tree/')).toEqual(expected);
  });

  it('and one without any is an error that says what it holds', async () => {
    await fails('csvs').toMatchObject({ code: 'SOURCE_NOT_FOUND', hint: expect.stringContaining('.csv, .json') });
    await fails('nothing').toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  it('and so does a pattern, without what jobs have made and not yet published', async () => {
    const [ours, others] = ['shop/work/jobs/0123456789abcdef', 'shop/jobs/fedcba9876543210'];
    for (const job of [ours, 'shop/work/jobs/1123456789abcdef', others]) {
      mkdirSync(join(cwd, job, 'parts'), { recursive: true });
      writeFileSync(join(cwd, job, 'parts/part-0000000.parquet'), '');
    }
    writeFileSync(join(cwd, ours, 'job.json'), '{\n  "schema": "batch-core.job/1",\n');
    writeFileSync(join(cwd, 'shop/work/jobs/1123456789abcdef/job.lock'), 'pid 7 on host h since 2026');
    // Names alone make no job.
    writeFileSync(join(cwd, others, 'job.json'), '{"mine":1}');
    mkdirSync(join(cwd, others, 'job.lock'));
    const data = [`${others}/parts/part-0000000.parquet`];
    expect(await resolve('shop')).toEqual(data);
    expect(await resolve('shop/**/*.parquet')).toEqual(data);
    expect(await resolve(`${others}/parts/*`)).toEqual(data);
    for (const source of ['shop/work', `${ours}/parts`, 'shop/work/**/*.parquet', `${ours}/parts/*`])
      await fails(source).toMatchObject({
        code: 'SOURCE_NOT_FOUND',
        message: expect.stringMatching(/but those of jobs of batch-core, which are no source$/),
      });
    // What is asked for by its own name is meant.
    expect(await resolve(`${ours}/parts/part-0000000.parquet`)).toEqual([`${ours}/parts/part-0000000.parquet`]);
  });

  it('links to files are followed, links to directories are not', async () => {
    mkdirSync(join(cwd, 'links'));
    symlinkSync('../data1.parquet', join(cwd, 'links/one.parquet'));
    symlinkSync('..', join(cwd, 'links/up'));
    symlinkSync('../gone.parquet', join(cwd, 'links/broken.parquet'));
    expect(await resolve('links')).toEqual(['links/one.parquet']);
    expect(await resolve('links/**/*.parquet')).toEqual(['links/one.parquet']);
  });
});

describe('the same file twice is refused', () => {
  it.each([[['data1.parquet', './data1.parquet']], [['data1.parquet', 'data?.parquet']], [['tree', 'tree/a.parquet']]])(
    '%j',
    async (sources) => {
      await fails(...sources).toMatchObject({ code: 'USAGE', exitCode: 2 });
    },
  );

  it('under two names as well', async () => {
    symlinkSync('data1.parquet', join(cwd, 'alias.parquet'));
    await fails('data1.parquet', 'alias.parquet').toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining('are the same file'),
    });
  });
});

describe('a missing file', () => {
  it.each<[string, string]>([
    ['histroy.parquet', 'did you mean "history.parquet"?'],
    ['History.parquet', 'did you mean "history.parquet"?'],
    ['tree/c.parquet', 'did you mean "tree/B.parquet" or "tree/a.parquet" or "tree/b.parquet"?'],
    ['quite/another/place.parquet', `check the path: it is looked for from ${cwd}`],
    ['completelydifferent', `check the path: it is looked for from ${cwd}`],
    ['data1.parquet/below', `check the path: it is looked for from ${cwd}`],
    ['-', 'standard input is not read; write the table to a Parquet file'],
    ['s3://bucket/key.parquet', 'only files of this machine are read; download it first'],
    ['', 'name a Parquet file, a pattern or a directory'],
  ])('%s', async (source, hint) => {
    await fails(source).toMatchObject({ code: 'SOURCE_NOT_FOUND', exitCode: 74 });
    await fails(source).toSatisfy((error: { hint?: string }) => error.hint === hint, `hint ${hint}`);
  });

  it('of an absolute path has absolute neighbours, wherever one stands', async () => {
    const hint = (path: string) => resolveSource([path], '/').catch((error: BatchCoreError) => error.hint);
    const near = join(cwd, '..', 'plain.parquet');
    writeFileSync(near, '');
    expect(await hint(join(cwd, '..', 'plian.parquet'))).toBe(`did you mean "${near}"?`);
    expect(await hint('/quite/another/place.parquet')).toBe('check the path');
  });
});

describe('other formats are named, with the way to Parquet', () => {
  it.each<[string, string]>([
    ['table.csv', "COPY (FROM 'table.csv') TO 'table.parquet'"],
    ['old.pkl', 'pandas.read_pickle("old.pkl").to_parquet("old.parquet")'],
    ['frame.feather', 'pandas.read_feather("frame.feather").to_parquet("frame.parquet")'],
  ])('%s', async (name, hint) => {
    await fails(name).toMatchObject({ code: 'UNKNOWN_FORMAT', exitCode: 2, hint: expect.stringContaining(hint) });
  });

  it('a pickle is refused for what reading it would do', async () => {
    await fails('old.pkl').toMatchObject({ message: expect.stringContaining('executes') });
  });
});

it.runIf(process.getuid?.() === 0)('what may not be read is said to be so', () => {
  const secret = join(cwd, 'secret.parquet');
  writeFileSync(secret, '');
  chmodSync(secret, 0o000);
  const locked = join(cwd, 'locked');
  mkdirSync(locked, { mode: 0o700 });
  const module = new URL('../../dist/source/resolve.js', import.meta.url).href;
  const script = `process.setuid(65534);
    const { resolveSource } = await import(${JSON.stringify(module)});
    for (const path of ${JSON.stringify([secret, locked, join(locked, 'x.parquet')])})
      await resolveSource([path], '/').catch((error) => console.log(error.code));`;
  chmodSync(join(cwd, '..'), 0o755);
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(stdout.trim().split('\n')).toEqual(['SOURCE_UNREADABLE', 'SOURCE_UNREADABLE', 'SOURCE_UNREADABLE']);
});

it('edit distance', () => {
  expect(editDistance('abc', 'abc', 3)).toBe(0);
  expect(editDistance('abc', 'acb', 3)).toBe(1);
  expect(editDistance('', 'abc', 3)).toBe(3);
  expect(editDistance('kitten', 'sitting', 5)).toBe(3);
  expect(editDistance('a', 'abcdef', 2)).toBe(3);
});
