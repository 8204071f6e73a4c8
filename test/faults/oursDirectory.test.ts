/** In a directory a file is the job's by what is in it: its name does not say so. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorOf, run, score, sha256 } from '../cli/harness.ts';
import { at, directory, done, PARTS, QUIET, taken } from './cases.ts';

const parts = () => readdirSync(at('d')).filter((name) => name.startsWith('part-'));

describe('in a directory', () => {
  it.each(['part-0000000.parquet', 'manifest.json', '_SUCCESS'])(
    "a user's %s stays, with --force it goes where a manifest lists it",
    async (name) => {
      await done(PARTS);
      const whole = sha256(at('d', name));
      copyFileSync(at('in2.parquet'), at('d', name));
      for (const args of [PARTS, [...PARTS, '--fresh']])
        expect(await taken(args, at('d', name))).not.toContain('--force');
      if (name === 'manifest.json') {
        await taken([...PARTS, '--force'], at('d', name));
        rmSync(at('d', name));
      }
      await done([...PARTS, '--force']);
      expect(sha256(at('d', name))).toBe(whole);
      expect((await run(directory, 'verify', 'd')).code).toBe(0);
    },
  );

  it.each<[string, () => void]>([
    ['gone', () => rmSync(at('d', 'manifest.json'))],
    ['cut short', () => truncateSync(at('d', 'manifest.json'), 300)],
    ['emptied', () => truncateSync(at('d', 'manifest.json'), 0)],
    [
      'edited',
      () =>
        writeFileSync(at('d', 'manifest.json'), readFileSync(at('d', 'manifest.json'), 'utf8').replace('7000', '9000')),
    ],
    ['not said to be whole', () => rmSync(at('d', '_SUCCESS'))],
  ])('a manifest that is %s is noticed and made again', async (_, damage) => {
    await done(PARTS);
    const whole = sha256(at('d', 'manifest.json'));
    damage();
    const verified = await run(directory, 'verify', 'd', '--json');
    expect([verified.code, errorOf(verified).code]).toEqual([65, 'OUTPUT_DAMAGED']);
    await done(PARTS);
    expect(sha256(at('d', 'manifest.json'))).toBe(whole);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
  });

  it('of a killed publication, known by its parts alone', async () => {
    await done(PARTS);
    for (const name of ['manifest.json', '_SUCCESS']) rmSync(at('d', name));
    writeFileSync(at('d', '.batch-core-publishing.json'), '{"schema":"batch-core.publ');
    rmSync(at('.batch-core'), { recursive: true });
    await done(PARTS);
    expect(readdirSync(at('d')).sort()).toEqual(['_SUCCESS', 'manifest.json', ...parts()]);
  });

  it('a model never lies among parts', async () => {
    for (const path of ['d/part-0000001.parquet', 'd/manifest.json', 'd/m.bcm'])
      for (const flags of [[], ['--force'], ['--fresh']]) {
        const ended = await run(directory, ...PARTS, '--save-model', path, ...flags, ...QUIET);
        expect([ended.code, errorOf(ended).code], path).toEqual([78, 'OUTPUT_EXISTS']);
      }
    expect(existsSync(at('d'))).toBe(false);
  });
});

it('two homes that force one directory at once never leave a mixture', async () => {
  await done(['score', 'in.parquet', '-d', 'hbos', '--chunk-rows', '2048', '-o', 'd/']);
  for (let round = 0; round < 3; round += 1) {
    const one = (detector: string) =>
      run(
        directory,
        ...PARTS.map((word) => (word === 'zscore' ? detector : word)),
        '--home',
        `home-${detector}`,
        '--force',
        '--fresh',
      );
    const ended = await Promise.all([one('zscore'), one('mad')]);
    const codes = ended.map(({ code }) => code);
    expect(codes, JSON.stringify(ended)).toContain(0);
    const last = codes.map((code, i) => (code === 0 ? ['home-zscore', 'home-mad'][i]! : '')).filter(Boolean);
    const verified = await Promise.all(last.map((home) => run(directory, 'verify', 'd', '--home', home)));
    expect(verified.map(({ code }) => code)).toContain(0);
  }
  expect((await score(directory, ...PARTS.slice(1), '--force')).status).toBe('completed');
});

describe('with another job', () => {
  const OTHER = PARTS.map((word) => (word === 'zscore' ? 'mad' : word));

  it.each<[string, (path: string) => void]>([
    ['a whole file', (path) => copyFileSync(at('in2.parquet'), path)],
    ['a note', (path) => writeFileSync(path, 'mine')],
  ])("no hint offers --force where a part is a user's: %s", async (_, change) => {
    await done(PARTS);
    const part = at('d', 'part-0000001.parquet');
    change(part);
    for (const args of [PARTS, OTHER]) expect(await taken(args, part)).not.toContain('--force');
  });

  it('it does where all is ours', async () => {
    await done(PARTS);
    expect(await taken(OTHER, at('d', 'manifest.json'))).toContain('--force');
    await done([...OTHER, '--force']);
  });
});

it.each([undefined, 'mytool/1'])('a manifest of schema %s is no manifest of ours', async (schema) => {
  mkdirSync(at('d'));
  copyFileSync(at('in2.parquet'), at('d', 'part-0000000.parquet'));
  writeFileSync(at('d', '_SUCCESS'), '');
  const manifest = { schema, fingerprint: 'abc', parts: [{ name: 'part-0000000.parquet' }] };
  writeFileSync(at('d', 'manifest.json'), JSON.stringify(manifest));
  for (const more of [[], ['--force'], ['--fresh']])
    expect(await taken([...PARTS, ...more], at('d', 'part-0000000.parquet'))).not.toContain('--force');
});

it('a file where the directory was is told as one', async () => {
  await done(PARTS);
  rmSync(at('d'), { recursive: true });
  writeFileSync(at('d'), 'mine');
  expect(await taken(PARTS, at('d'))).not.toContain('--force');
});
