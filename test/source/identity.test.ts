/** What a file and an object of a store are known by. */
import { describe, expect, it } from 'vitest';
import { differencesText, type FileIdentity, identityDifferences, mtimesOf } from '../../src/source/identity.ts';

const file: FileIdentity = {
  ...{ kind: 'file', path: '/in.parquet', size: 10, mtimeNs: '1', ctimeNs: '2', device: '3', inode: '4' },
  ...{ footerBytes: 5, footerSha256: 'ab' },
};
const object: FileIdentity = {
  ...{ kind: 'object', path: 's3://bucket/in.parquet', size: 10, etag: '"e1"', version: 'v1' },
  ...{ footerBytes: 5, footerSha256: 'ab' },
};
const MOMENTS = ['resume', 'chunk', 'touched', 'recall'] as const;
const fields = (when: (typeof MOMENTS)[number], stored: FileIdentity, now: Partial<FileIdentity>) =>
  identityDifferences(when, stored, { ...stored, ...now } as FileIdentity).map(({ field }) => field);

describe.each([
  ['a file', file],
  ['an object', object],
])('%s', (_, one) => {
  it('is what it was', () => {
    for (const when of MOMENTS) expect(identityDifferences(when, one, { ...one })).toEqual([]);
  });
});

it.each<[Partial<FileIdentity>, ...(typeof MOMENTS)[number][]]>([
  [{ etag: '"e2"' }, 'resume', 'chunk', 'recall'],
  [{ version: 'v2' }, 'resume', 'chunk', 'recall'],
  [{ version: null }, 'resume', 'chunk', 'recall'],
  [{ size: 11 }, 'resume', 'chunk', 'recall'],
  [{ footerSha256: 'cd' }, 'resume', 'recall'],
  [{ path: 's3://bucket/other.parquet' }, 'resume', 'recall'],
])('an object of which differs %o is noticed at %s, %s, %s and at no other time', (now, ...noticed) => {
  for (const when of MOMENTS) expect(fields(when, object, now)).toEqual(noticed.includes(when) ? Object.keys(now) : []);
});

it.each<[Partial<FileIdentity>, ...(typeof MOMENTS)[number][]]>([
  [{ mtimeNs: '9' }, 'resume', 'chunk', 'recall'],
  [{ ctimeNs: '9' }, 'chunk', 'touched', 'recall'],
  [{ inode: '9' }, 'chunk', 'touched', 'recall'],
  [{ device: '9' }, 'chunk', 'recall'],
])('a file of which differs %o is noticed at %s, %s, %s and at no other time', (now, ...noticed) => {
  for (const when of MOMENTS) expect(fields(when, file, now)).toEqual(noticed.includes(when) ? Object.keys(now) : []);
});

it('a file is no object, whenever that is asked', () => {
  for (const when of MOMENTS)
    expect(identityDifferences(when, file, object)).toEqual([
      { file: '/in.parquet', field: 'kind', old: 'file', new: 'object' },
    ]);
});

it('of what only one of them knows nothing is said', () => {
  expect(identityDifferences('resume', { size: 10, mtimeNs: '1' }, file)).toEqual([]);
  expect(identityDifferences('resume', { size: 10, mtimeNs: '2' }, file).map(({ field }) => field)).toEqual([
    'mtimeNs',
  ]);
  expect(identityDifferences('chunk', object, { kind: 'object', size: 10, etag: '"e1"', version: 'v1' })).toEqual([]);
});

it('in words', () => {
  const differences = identityDifferences('chunk', object, { ...object, etag: '"e2"', version: null } as FileIdentity);
  expect(differencesText(differences)).toBe('etag: "e1" -> "e2"; version: v1 -> null');
});

it('a record keeps the time of a file, and none of an object', () => {
  expect(mtimesOf([file, object])).toEqual(['1', '']);
});
