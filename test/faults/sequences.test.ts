/**
 * What people do, in any order: score, kill, resume, change the source, damage a job or an output, put files in the way. A
 * seed leads; `BATCH_CORE_SEQUENCE=<seed>:<steps>` leads elsewhere, and further.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { gaussian, parquet, score, scratch } from '../cli/harness.ts';
import { DETECTORS, Dice, digestOf, OUTPUTS, referenceKey, World } from './sequences/world.ts';

const [seed = 1, steps = 25] = (process.env['BATCH_CORE_SEQUENCE'] ?? '').split(':').filter(Boolean).map(Number);
const directory = scratch();
const references = new Map<string, string>();

beforeAll(async () => {
  for (const [version, rows] of [
    ['v0', 60_000],
    ['v1', 61_000],
  ] as const) {
    await parquet(join(directory, `${version}.parquet`), gaussian(rows));
    for (const detector of DETECTORS)
      for (const output of OUTPUTS)
        references.set(referenceKey(version, detector, output), await reference(version, detector, output));
  }
});

async function reference(version: string, detector: string, output: string): Promise<string> {
  const cwd = join(directory, `${version}-${detector}-${output.replace('/', '')}`);
  mkdirSync(cwd);
  await score(cwd, `../${version}.parquet`, '-o', output, '-d', detector, '--chunk-rows', '4096');
  return digestOf(join(cwd, output));
}

it('in any order, nothing is lost, nothing is stuck, nothing is said that is not so', {
  timeout: 36_000_000,
}, async () => {
  const world = new World(join(directory, 'world'), directory, references, new Dice(seed));
  for (let step = 0; step < steps; step += 1) await world.step();
  // Something was done.
  expect(world.log.filter((line) => line.startsWith('score ')).length).toBeGreaterThan(steps / 5);
});
