/** `verify` compares with what the job recorded, and says what it could not compare. */
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
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
