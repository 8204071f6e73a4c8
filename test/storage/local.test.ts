import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, realpathSync, renameSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { linkTarget, local } from '../../src/storage/local.ts';
import { scratch } from '../cli/harness.ts';

const directory = realpathSync(scratch());
const at = (name: string) => join(directory, name);
mkdirSync(at('in/below'), { recursive: true });
writeFileSync(at('in/file'), '0123456789');
symlinkSync('file', at('in/link'));
symlinkSync('nowhere', at('in/dead'));
symlinkSync('circle', at('in/circle'));

it('says what lies at a path, wherever links lead', async () => {
  const { size, ino, dev, mtimeNs, ctimeNs } = statSync(at('in/file'), { bigint: true });
  const identity = {
    ...{ kind: 'file', size: Number(size), mtimeNs: `${mtimeNs}`, ctimeNs: `${ctimeNs}` },
    ...{ device: `${dev}`, inode: `${ino}` },
  };
  expect(await local.stat(at('in/file'))).toEqual({ kind: 'file', identity });
  expect(await local.stat(at('in/link'))).toEqual({ kind: 'file', identity });
  expect(await local.stat(at('in'))).toMatchObject({ kind: 'directory' });
  expect(await local.realPath(at('in/link'))).toBe(at('in/file'));
  expect(await linkTarget(at('in/dead'))).toBe('nowhere');
  expect(await linkTarget(at('in/file'))).toBeUndefined();
});

it('lists a directory, and follows no link', async () => {
  const entries = await local.list(at('in'));
  expect(Object.fromEntries(entries.map(({ name, kind }) => [name, kind]))).toEqual({
    ...{ below: 'directory', file: 'file' },
    ...{ link: 'link', dead: 'link', circle: 'link' },
  });
});

it.each([
  ['in/none', 'SOURCE_NOT_FOUND'],
  ['in/dead', 'SOURCE_NOT_FOUND'],
  ['in/file/below', 'SOURCE_NOT_FOUND'],
  ['in/circle', 'SOURCE_UNREADABLE'],
  ['n'.repeat(300), 'NAME_TOO_LONG'],
])('%.20s: %s, whatever is asked of it', async (name, code) => {
  for (const ask of [local.stat, local.list, local.open, local.realPath])
    await expect(ask(at(name)), ask.name).rejects.toMatchObject({ code, where: { file: at(name) } });
});

describe('an open file', () => {
  it('is read in ranges, which end where it ends', async () => {
    const file = await local.open(at('in/link'));
    expect(file.identity).toEqual((await local.stat(at('in/file'))).identity);
    expect(file.size).toBe(10);
    const read = async (offset: number, length: number) => (await file.read(offset, length)).toString();
    expect(await Promise.all([read(7, 3), read(0, 4), read(8, 5), read(10, 1)])).toEqual(['789', '0123', '89', '']);
    await file.close();
  });

  it('stays the one that was opened, whatever gets its name', async () => {
    writeFileSync(at('one'), 'one');
    const file = await local.open(at('one'));
    writeFileSync(at('other'), 'other');
    renameSync(at('other'), at('one'));
    appendFileSync(at('one'), '!');
    expect((await file.read(0, 9)).toString()).toBe('one');
    expect(file.identity).not.toEqual((await local.stat(at('one'))).identity);
    await file.close();
  });

  it.skipIf(process.platform === 'win32')('is no pipe and no directory; nobody waits for a writer', async () => {
    execFileSync('mkfifo', [at('pipe')]);
    expect(await local.stat(at('pipe'))).toMatchObject({ kind: 'pipe' });
    for (const name of ['pipe', 'in'])
      await expect(local.open(at(name))).rejects.toMatchObject({ code: 'SOURCE_INVALID', where: { file: at(name) } });
  });
});
