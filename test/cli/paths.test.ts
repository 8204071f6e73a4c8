/** Paths as people give them: what is written lies under the name that was meant, or nowhere. */
import { lstatSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { strangersTo } from '../store/strangers.ts';
import { errorOf, gaussian, parquet, run, score, scratch, shell } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(3000));
});

describe.skipIf(process.platform !== 'linux')('a name that is not UTF-8', () => {
  it.each([
    [`score data.parquet -o $'o\\xfe.parquet'`, 'USAGE', '--out'],
    [`score data.parquet -o $'o\\xfe/'`, 'USAGE', '--out'],
    [`score data.parquet -o $'o\\xfe/x.parquet'`, 'USAGE', '--out'],
    [`score data.parquet --home $'h\\xfe'`, 'USAGE', '--home'],
    [`score data.parquet --save-model $'m\\xfe.bcm'`, 'USAGE', '--save-model'],
    [`fit data.parquet -m $'m\\xfe.bcm'`, 'USAGE', '--model'],
    [`plan data.parquet -o $'o\\xfe.parquet'`, 'USAGE', '--out'],
    [`jobs --home $'h\\xfe'`, 'USAGE', '--home'],
    [`status --home $'h\\xfe'`, 'USAGE', '--home'],
    [`resume x --home $'h\\xfe'`, 'USAGE', '--home'],
    [`verify $'o\\xfe.parquet'`, 'SOURCE_NOT_FOUND', undefined],
    [`verify data.parquet --home $'h\\xfe'`, 'USAGE', '--home'],
    [`inspect $'o\\xfe.parquet'`, 'SOURCE_NOT_FOUND', undefined],
    [`score data.parquet -m $'m\\xfe.bcm'`, 'MODEL_NOT_FOUND', undefined],
  ])('%s is refused, and nothing is made', async (line, code, option) => {
    const before = readdirSync(directory);
    const error = errorOf(await shell(directory, `"$@" ${line} --json`));
    expect(error).toMatchObject({ code, message: expect.stringMatching(/name ".*\ufffd.*" is not UTF-8/) });
    expect(error.where?.['option']).toBe(option);
    expect(readdirSync(directory)).toEqual(before);
  });

  it('of BATCH_CORE_HOME', async () => {
    const ended = await shell(directory, `BATCH_CORE_HOME=$'h\\xfe' "$@" score data.parquet --json`);
    expect(errorOf(ended)).toMatchObject({ code: 'USAGE', where: { option: 'BATCH_CORE_HOME' } });
  });

  it('of the working directory is told as that, and is no matter to absolute paths', async () => {
    const here = (line: string) => shell(directory, `mkdir -p $'cw\\xfe'; cd $'cw\\xfe'; "$@" ${line} --json`);
    for (const line of [
      'score data.parquet',
      `score ${at('data.parquet')}`,
      `fit ${at('data.parquet')} -m m.bcm`,
      'jobs',
    ])
      expect(errorOf(await here(line)), line).toMatchObject({
        code: 'CONFIG',
        message: expect.stringMatching(/^the working directory's name ".*" is not UTF-8$/),
      });
    const out = at('absolute.parquet');
    expect((await here(`score ${at('data.parquet')} -o ${out}`)).code).toBe(0);
    expect(await here(`verify ${out}`)).toMatchObject({ code: 0, stdout: expect.stringContaining('"whole"') });
  });

  it('among those that a pattern meets is refused, not left out', async () => {
    const made = `mkdir -p glob/$'d\\xfe'; cp data.parquet glob/a.parquet; cp data.parquet glob/$'x\\xfe.parquet'; cp data.parquet glob/$'d\\xfe'/a.parquet`;
    await shell(directory, made);
    for (const pattern of ['glob/*.parquet', 'glob/*/a.parquet', 'glob/**/a.parquet']) {
      const error = errorOf(await shell(directory, `"$@" score '${pattern}' --json`));
      expect(error, pattern).toMatchObject({
        code: 'SOURCE_NOT_FOUND',
        message: expect.stringContaining('is not UTF-8'),
      });
    }
    expect((await shell(directory, `"$@" score 'glob/a*.parquet' -o glob.parquet`)).code).toBe(0);
  });

  it('is any other where it holds U+FFFD itself and is there', async () => {
    expect((await shell(directory, `cp data.parquet '\ufffd.parquet'; "$@" inspect '\ufffd.parquet'`)).code).toBe(0);
  });
});

it.skipIf(process.platform !== 'linux')('a working directory that is gone is no matter to absolute paths', async () => {
  const gone = (line: string) => shell(directory, `mkdir gone && cd gone && rmdir ../gone && "$@" ${line} --json`);
  const [data, out] = [at('data.parquet'), at('gone.parquet')];
  for (const line of [
    `score ${data} -o ${out}`,
    `fit ${data} -m ${at('gone.bcm')}`,
    `inspect ${out}`,
    `verify ${at('gone.bcm')}`,
  ])
    expect((await gone(line)).code, line).toBe(0);
  expect(await gone(`verify ${out}`)).toMatchObject({ code: 0, stdout: expect.stringContaining('"whole"') });
  for (const line of [`score ${data}`, 'score data.parquet', 'verify gone.parquet', 'jobs'])
    expect(errorOf(await gone(line)).code, line).toBe('PATH_LOST');
});

describe('the default output of a directory', () => {
  it.each([
    ['.', 'inner', 'inner.scores.parquet'],
    ['./', 'inner', 'inner.scores.parquet'],
    ['..', 'inner/deeper', 'inner.scores.parquet'],
    ['inner/', '', 'inner.scores.parquet'],
    ['inner//', '', 'inner.scores.parquet'],
    ['inner/.', '', 'inner.scores.parquet'],
    ['inner/deeper/..', '', 'inner.scores.parquet'],
    ['inner/*.parquet', '', '_.scores.parquet'],
  ])('%s in %s has its name', async (source, cwd, name) => {
    mkdirSync(at('inner/deeper'), { recursive: true });
    await parquet(at('inner/a.parquet'), gaussian(2000));
    const ended = await run(at(cwd), 'plan', source, '--json');
    expect(JSON.parse(ended.stdout).output.path).toBe(at(join(cwd, name)));
  });

  it('is no source of the same command when it is run again', async () => {
    const place = at('again');
    mkdirSync(place);
    await parquet(join(place, 'a.parquet'), gaussian(2000));
    for (const args of [['.'], ['*.parquet', '-o', 'pattern.parquet'], ['.', '-o', 'parts/']]) {
      const first = await score(place, ...args);
      const second = await score(place, ...args);
      expect([first.recalled, second.recalled, second.jobId], args.join(' ')).toEqual([false, true, first.jobId]);
      for (const name of ['again.scores.parquet', 'pattern.parquet', 'parts'])
        rmSync(join(place, name), { recursive: true, force: true });
    }
    expect((await score(place, '.')).source.files).toBe(1);
    expect(errorOf(await run(place, 'score', '.', '-o', 'other.parquet', '--json')).code).toBe('SCHEMA_MISMATCH');
    const named = await run(place, 'score', 'again.scores.parquet', '-o', 'again.scores.parquet', '--json');
    expect(errorOf(named).code).toBe('OUTPUT_EXISTS');
  });
});

it.skipIf(process.platform === 'win32')(
  'a home with a question mark is refused before anything is made, and the cure works',
  async () => {
    const place = at('d_a[1]*?b');
    mkdirSync(place);
    await parquet(at('d_a[1]*?b/in?.parquet'), gaussian(2000));
    const args = ['score', 'd_a[1]*?b/in?.parquet', '-o', 'd_a[1]*?b/x.parquet'];
    for (const command of [args, ['plan', ...args.slice(1)]]) {
      const ended = await run(directory, ...command, '--json');
      expect(ended.code).toBe(78);
      expect(errorOf(ended)).toMatchObject({
        code: 'CONFIG',
        message: expect.stringContaining(`the home ${join(place, '.batch-core')}: DuckDB takes no path with a "?"`),
        hint: expect.stringContaining('--home'),
      });
      expect(readdirSync(place)).toEqual(['in?.parquet']);
    }
    symlinkSync(place, at('link-to-it'));
    expect(errorOf(await run(directory, 'score', 'data.parquet', '--home', 'link-to-it', '--json')).message).toContain(
      place,
    );
    expect((await run(directory, ...args, '--home', 'home-elsewhere')).code).toBe(0);
    expect(await run(directory, 'verify', 'd_a[1]*?b/x.parquet', '--home', 'home-elsewhere')).toMatchObject({
      code: 0,
    });
  },
);

it.skipIf(process.platform === 'win32')('what lies where the home is to be is named, and stays', async () => {
  const makers = strangersTo(at('data.parquet')).filter((_, i) => i < 3);
  for (const make of [...makers, (path: string) => symlinkSync('home-taken', path)]) {
    make(at('home-taken'));
    const ended = await run(directory, 'score', 'data.parquet', '--home', 'home-taken', '--json');
    expect([ended.code, errorOf(ended).code]).toEqual([74, 'OUTPUT_UNWRITABLE']);
    expect(errorOf(ended).message).toMatch(/^a directory is needed at .*home-taken, where a .* lies$/);
    expect(lstatSync(at('home-taken')).isDirectory()).toBe(false);
    rmSync(at('home-taken'));
  }
});

it.skipIf(process.platform === 'win32')(
  'an output that is a link to itself is taken, and goes with --force',
  async () => {
    symlinkSync('loop.parquet', at('loop.parquet'));
    const args = ['score', 'data.parquet', '-d', 'zscore', '-o', 'loop.parquet', '--home', 'home-loop', '--json'];
    const refused = await run(directory, ...args);
    expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
    expect((await run(directory, ...args, '--force')).code).toBe(0);
  },
);
