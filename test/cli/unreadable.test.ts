/** What may not be read, or has too long a name, is told as that: not as where nothing can be written, not as missing or damaged. */
import { chmodSync, cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, gaussian, parquet, run, scratch, shell } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const NOBODY = 'setpriv --reuid 65534 --regid 65534 --clear-groups';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(3000));
  await run(directory, 'fit', 'data.parquet', '-m', 'm.bcm', '-d', 'zscore');
  await run(directory, 'score', 'data.parquet', '-o', 'out.parquet', '-d', 'zscore');
  mkdirSync(at('locked'));
  for (const name of ['data.parquet', 'm.bcm', 'out.parquet']) {
    cpSync(at(name), at(`locked/${name}`));
    cpSync(at(name), at(`secret-${name}`));
    chmodSync(at(`secret-${name}`), 0);
  }
  chmodSync(directory, 0o755);
  chmodSync(at('locked'), 0o700);
});

describe.runIf(process.platform === 'linux' && process.getuid?.() === 0)('what may not be read', () => {
  // What cannot be looked at and is given as one of many kinds is taken for a source.
  it.each([
    ['SOURCE_UNREADABLE', 'inspect locked/data.parquet'],
    ['SOURCE_UNREADABLE', 'inspect locked/m.bcm'],
    ['SOURCE_UNREADABLE', 'inspect secret-data.parquet'],
    ['SOURCE_UNREADABLE', 'inspect secret-m.bcm'],
    ['SOURCE_UNREADABLE', 'score locked/data.parquet -o x.parquet'],
    ['SOURCE_UNREADABLE', 'score locked -o x.parquet'],
    ['UNREADABLE', 'inspect locked'],
    ['UNREADABLE', 'score data.parquet -m locked/m.bcm -o x.parquet'],
    ['UNREADABLE', 'score data.parquet -m secret-m.bcm -o x.parquet'],
    ['UNREADABLE', 'verify locked/out.parquet'],
    ['UNREADABLE', 'verify locked'],
    ['UNREADABLE', 'verify secret-out.parquet'],
    ['UNREADABLE', 'verify secret-m.bcm'],
    ['UNREADABLE', 'jobs --home locked'],
    ['UNREADABLE', 'status --home locked'],
    ['UNREADABLE', 'status x --home locked'],
    ['UNREADABLE', 'resume x --home locked'],
    ['UNREADABLE', 'cancel x --home locked'],
  ])('is %s: %s', async (code, line) => {
    const ended = await shell(directory, `${NOBODY} "$@" ${line} --json`);
    expect(ended.code).toBe(74);
    expect(errorOf(ended)).toMatchObject({
      code,
      message: expect.stringMatching(/^cannot read .*: permission denied$/),
      hint: `check its permissions and those of its directory${line.includes('--home') ? ', or name another home with --home' : ''}`,
    });
  });

  it('is still where nothing can be written, when it was to be', async () => {
    for (const line of ['fit data.parquet -m locked/n.bcm', 'score data.parquet -o locked/x.parquet']) {
      const ended = await shell(directory, `${NOBODY} "$@" ${line} --json`);
      expect(errorOf(ended).code, line).toBe('OUTPUT_UNWRITABLE');
    }
  });

  it('does not keep anybody from looking at an output of somebody else', async () => {
    const ended = await shell(directory, `${NOBODY} "$@" verify out.parquet --json`);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('"unchecked"') });
  });
});

describe('a name that is too long', () => {
  const long = 'a'.repeat(498);
  it.each([
    ['score', long],
    ['inspect', `${long}.parquet`],
    ['plan', long],
    ['score', 'data.parquet', '-m', `${long}.bcm`],
    ['fit', 'data.parquet', '-m', `${long}.bcm`],
    ['score', 'data.parquet', '--save-model', `${long}.bcm`],
    ['score', 'data.parquet', '-o', `${long}.parquet`],
    ['score', 'data.parquet', '--home', long],
  ])('%s %s %s %s', async (...args) => {
    const ended = await run(directory, ...args, '--json');
    expect(errorOf(ended)).toMatchObject({ code: 'NAME_TOO_LONG', hint: expect.stringMatching(/shorter/) });
    expect(ended.code).toBe(78);
  });
});

it('a model that is not there, or is none, is told so', async () => {
  for (const [model, words] of [
    ['nothing.bcm', 'no such file or directory'],
    ['data.parquet/m.bcm', 'something above it is not a directory'],
    ['locked', 'it is a directory'],
  ]) {
    const error = errorOf(await run(directory, 'score', 'data.parquet', '-m', model ?? '', '--json'));
    expect(error).toMatchObject({
      code: 'MODEL_NOT_FOUND',
      message: `cannot read the model ${at(model ?? '')}: ${words}`,
    });
  }
});
