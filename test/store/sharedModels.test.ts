/** Of the models that jobs of a home have in common the newest are kept, and nothing that is not one is touched. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { JobLock } from '../../src/bindings/native.ts';
import { keepShared, readShared, sweepShared } from '../../src/store/sharedModels.ts';
import { scratch } from '../cli/harness.ts';

const directory = scratch();
const JOB = '0123456789abcdef';
const hex = (text: string) => createHash('sha256').update(text).digest('hex');
const keyOf = (i: number) => hex(`key ${i}`);
const keep = (home: string, i: number) => keepShared(home, keyOf(i), JOB, Buffer.from(`model ${i}`));
/** A home that is there. */
const homeOf = (name: string) => {
  mkdirSync(join(directory, name));
  return join(directory, name);
};
const pathOf = (home: string, i: number) => join(home, '.models', `${keyOf(i)}.${hex(`model ${i}`)}.bcm`);
const textOf = (home: string, i: number) => readShared(home, keyOf(i)).map(({ bytes }) => bytes?.toString());

it('the sixteen newest', () => {
  const home = homeOf('newest');
  for (let i = 0; i < 20; i += 1) {
    keep(home, i);
    // Some of tomorrow too, by a clock that was wrong.
    const seconds = Date.now() / 1000 + (i === 3 ? 86_400 : i - 100);
    utimesSync(pathOf(home, i), seconds, seconds);
  }
  writeFileSync(join(home, '.models', 'notes.bcm'), 'of somebody');
  keep(home, 20);
  const there = Array.from({ length: 21 }, (_, i) => i).filter((i) => existsSync(pathOf(home, i)));
  expect(there).toEqual([3, ...Array.from({ length: 15 }, (_, i) => 6 + i)]);
  expect(readFileSync(join(home, '.models', 'notes.bcm'), 'utf8')).toBe('of somebody');
  expect(textOf(home, 20)).toEqual(['model 20']);
  expect(textOf(home, 0)).toEqual([]);
});

it('in a home that was taken away none is kept, and the home is not made again', () => {
  const home = join(directory, 'gone');
  expect(() => keep(home, 1)).toThrow();
  expect(existsSync(home)).toBe(false);
});

it('a file that does not hold what its name says is told, and makes room for the one that does', () => {
  const home = homeOf('damaged');
  keep(home, 1);
  writeFileSync(pathOf(home, 1), 'model 2');
  expect(readShared(home, keyOf(1))).toEqual([{ path: pathOf(home, 1), bytes: undefined }]);
  const foreign = join(home, '.models', `${keyOf(1)}.${hex('other')}.bcm`);
  symlinkSync('/dev/zero', foreign);
  expect(textOf(home, 1)).toEqual([undefined, undefined]);
  keep(home, 1);
  expect(textOf(home, 1)).toEqual(['model 1']);
  keep(home, 1);
  expect(textOf(home, 1)).toEqual(['model 1']);
});

it('what a dead job left half written goes, with it or with the next; what a living one writes stays', () => {
  const home = homeOf('dead');
  const temporary = (job: string) => join(home, '.models', `.${job}.tmp`);
  const [dead, living] = ['d'.repeat(16), 'a'.repeat(16)];
  keep(home, 1);
  for (const job of [JOB, dead, living]) writeFileSync(temporary(job), 'half');
  mkdirSync(join(home, 'jobs', living), { recursive: true });
  const lock = new JobLock(join(home, 'jobs', living, 'job.lock'), 'somebody');
  sweepShared(home, JOB);
  expect([JOB, dead, living].map((job) => existsSync(temporary(job)))).toEqual([false, true, true]);
  writeFileSync(temporary(JOB), 'half');
  keep(home, 2);
  expect([JOB, dead, living].map((job) => existsSync(temporary(job)))).toEqual([false, false, true]);
  lock.release();
  expect(readdirSync(join(home, '.models'))).toHaveLength(3);
});
