/** `--config`: options from a file are those of the command line, which win. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, gaussian, parquet, run, score, scratch } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);

beforeAll(() => parquet(at('data.parquet'), gaussian(3000)));

/** A file of that name and content; its name. */
function config(name: string, content: string | object): string {
  writeFileSync(at(name), typeof content === 'string' ? content : JSON.stringify(content));
  return name;
}

async function jobOf(...words: string[]): Promise<{ jobId: string; report: Record<string, never> }> {
  const ended = await run(directory, 'plan', 'data.parquet', ...words, '--json');
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  const report = JSON.parse(ended.stdout);
  return { jobId: report.jobId, report };
}

const EVERY = {
  detector: 'hbos',
  set: { n_bins: 7, scale: 'raw' },
  columns: ['f0', 'f1'],
  exclude: ['f1'],
  missing: 'skip',
  contamination: '2%',
  seed: 7,
  out: 'every.parquet',
  keep: ['id'],
  explain: 1,
  compression: 'zstd:3',
  engine: 'sequential',
  memory: '1GiB',
  'chunk-rows': '1K',
  retries: 0,
  home: 'elsewhere',
};

const TYPED = [
  ...['-d', 'hbos', '--set', 'n_bins=7', '--set', 'scale=raw', '--columns', 'f0,f1', '--exclude', 'f1'],
  ...['--missing', 'skip', '--contamination', '0.02', '--seed', '7', '-o', 'every.parquet', '--keep', 'id'],
  ...['--explain', '1', '--compression', 'zstd:3', '-e', 'sequential', '--memory', '1GiB', '--chunk-rows', '1024'],
  ...['--retries', '0', '--home', 'elsewhere'],
];

describe('what a file says', () => {
  it('is what somebody typed, in JSON, in YAML, and by the names of the package', async () => {
    const typed = await jobOf(...TYPED);
    const { set, 'chunk-rows': chunkRows, ...rest } = EVERY;
    const yaml = Object.entries(EVERY).map(([key, value]) => `${key}: ${JSON.stringify(value)}  # of ${key}`);
    for (const file of [
      config('every.json', EVERY),
      config('every.yaml', ['# nightly', ...yaml].join('\n')),
      config('package.json', { ...rest, parameters: set, chunkRows }),
    ])
      expect(await jobOf('--config', file)).toEqual(typed);
  });

  it('gives way to what is typed', async () => {
    const file = config('some.yml', 'detector: hbos\ncontamination: 2%\nexclude: [f0, f1]\n');
    const typed = await jobOf('-d', 'zscore', '--contamination', '2%', '--exclude', 'f2');
    expect(await jobOf('--config', file, '-d', 'zscore', '--exclude', 'f2')).toEqual(typed);
  });

  it('gives way also where one rule for flagging is typed and another written', async () => {
    const file = config('rule.yaml', 'contamination: 2%\n');
    expect(await jobOf('--config', file, '--top', '5')).toEqual(await jobOf('--top', '5'));
    const both = await run(
      directory,
      'plan',
      'data.parquet',
      '--config',
      config('both.yaml', 'top: 5\nthreshold: 1\n'),
    );
    expect([both.code, both.stderr]).toEqual([2, expect.stringContaining('cannot be given together')]);
  });

  it('may be nothing', async () => {
    const plain = await jobOf();
    for (const content of ['', '# nothing\n', '{}'])
      expect(await jobOf('--config', config('x.yaml', content))).toEqual(plain);
  });

  it('counts for score and fit, with what is printed', async () => {
    const file = config('run.yaml', 'detector: zscore\nout: run.parquet\njson: true\nprogress: none\nfresh: false\n');
    const ended = await run(directory, 'score', 'data.parquet', '--config', file);
    expect(JSON.parse(ended.stdout)).toMatchObject({ detector: 'zscore', output: { path: at('run.parquet') } });
    expect(ended.stderr).toBe('');
    const model = config('fit.json', { model: 'm.bcm', detector: 'mad', json: true });
    const fitted = await run(directory, 'fit', 'data.parquet', '--config', model);
    expect(JSON.parse(fitted.stdout)).toMatchObject({ detector: 'mad', output: { path: at('m.bcm') } });
    expect((await score(directory, 'data.parquet', '-m', 'm.bcm', '-o', 'm.parquet')).detector).toBe('mad');
  });

  it('also decides how an error is told', async () => {
    const file = config('told.json', { json: true, contamination: 3 });
    expect(errorOf(await run(directory, 'score', 'data.parquet', '--config', file))).toMatchObject({
      code: 'USAGE',
      where: { option: '--contamination' },
    });
  });
});

describe('is refused, with the file and the key,', () => {
  it.each<[string, string, object]>([
    [
      'an unknown option',
      'contaminaton: 1',
      { message: /"contaminaton": plan has no such option/, hint: /"contamination"/ },
    ],
    ['another file', 'config: x.yaml', { message: /"config": plan has no such option/ }],
    ['an option of another command', 'watch: true', { message: /"watch"/, hint: /detector/ }],
    ['one that is not in this version', 'where: x > 1', { message: /"where": it is not in this version$/ }],
    ['a word that is none', 'top: many', { message: /"top": "many": It is not a count/ }],
    ['a list for a number', 'seed: [1]', { message: /"seed": an array is no value of it/ }],
    ['no value', 'seed:', { message: /"seed": null is no value of it/ }],
    ['a flag that is neither on nor off', 'force: maybe', { message: /"force": "maybe" is no value of it/ }],
    [
      'an option said twice',
      'set: {n_bins: 3}\nparameters: {n_bins: 3}',
      { message: /"parameters": it says the same as "set"/ },
    ],
    ['a list at the top', '- detector: hbos', { message: /it is an array/ }],
    ['a key twice', 'seed: 1\nseed: 2', { message: /not YAML: Map keys must be unique.*line 2/ }],
    ['what is no YAML', 'seed: "1', { message: /not YAML: .*line 1/ }],
  ])('%s', async (_, content, { message, hint }: { message?: RegExp; hint?: RegExp }) => {
    const ended = await run(directory, 'plan', 'data.parquet', '--config', config('bad.yaml', content), '--json');
    const error = errorOf(ended);
    expect(error.code).toBe('CONFIG');
    expect(ended.code).toBe(78);
    expect(error.message).toMatch(message ?? /./);
    expect(error.where?.['file']).toBe(at('bad.yaml'));
    expect(error.hint).toMatch(hint ?? /\w/);
  });

  it('what is no JSON, and what is not there', async () => {
    const broken = await run(
      directory,
      'plan',
      'data.parquet',
      '--config',
      config('bad.json', '{"seed": 1,}'),
      '--json',
    );
    expect(errorOf(broken)).toMatchObject({ code: 'CONFIG', where: { file: at('bad.json') } });
    const absent = await run(directory, 'plan', 'data.parquet', '--config', 'absent.yaml', '--json');
    expect(errorOf(absent)).toMatchObject({ code: 'CONFIG', where: { file: at('absent.yaml') } });
    expect(absent.code).toBe(78);
  });
});
