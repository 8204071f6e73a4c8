/** A directory of its own for each case of a test file, with two sources in it, and what the cases do there. */
import { copyFileSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, beforeEach, expect } from 'vitest';
import { errorOf, gaussian, parquet, type Running, run, scratch, sha256, start } from '../cli/harness.ts';

export const QUIET = ['--json', '--progress', 'none'];
export const FILE = ['score', 'in.parquet', '-d', 'zscore', '-o', 'o.parquet'];
export const PARTS = ['score', 'in.parquet', '-d', 'zscore', '--chunk-rows', '2048', '-o', 'd/'];

const root = scratch();
/** Of the case that runs. */
export let directory = '';
export const at = (...names: string[]): string => join(directory, ...names);

beforeAll(async () => {
  await parquet(join(root, 'in.parquet'), gaussian(7000));
  await parquet(join(root, 'in2.parquet'), gaussian(2500));
});

beforeEach(() => {
  directory = join(root, `case-${readdirSync(root).length}`);
  mkdirSync(directory);
  for (const name of ['in.parquet', 'in2.parquet']) copyFileSync(join(root, name), at(name));
});

export async function done(args: string[]): Promise<void> {
  const { code, stdout } = await run(directory, ...args, ...QUIET);
  expect(code, stdout).toBe(0);
}

/** Runs `args`, expects that `path` is found taken, and that what lies there stays. */
export async function taken(args: string[], path: string): Promise<string> {
  const before = sha256(path);
  const ended = await run(directory, ...args, ...QUIET);
  expect([ended.code, errorOf(ended).code], ended.stdout).toEqual([78, 'OUTPUT_EXISTS']);
  expect(sha256(path)).toBe(before);
  return errorOf(ended).hint ?? '';
}

/** A run that has said something. */
export async function begun(args: string[]): Promise<Running> {
  const running = start(directory, [...args, '--progress', 'json']);
  await new Promise((told) => running.child.stderr?.once('data', told));
  return running;
}

/** Begins a run and kills it. */
export async function killed(args: string[]): Promise<void> {
  const { child, ended } = await begun(args);
  child.kill('SIGKILL');
  await ended;
}

export function flip(path: string, place: number): void {
  const bytes = readFileSync(path);
  bytes[place < 0 ? bytes.length + place : place]! ^= 1;
  writeFileSync(path, bytes);
}
