// What was measured, where and of which commit, as a file that is committed: so that it shows what moved.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

const git = (...words) => spawnSync('git', words, { encoding: 'utf8' }).stdout.trim();

/** Writes `cases` beside those of other days, of another bench under its `name`; the path. */
export function record(work, cases, name) {
  const processor = cpus()[0]?.model ?? 'unknown';
  const directory = join(import.meta.dirname, 'record', processor.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'));
  const date = new Date().toISOString().slice(0, 10);
  const machine = {
    ...{ processor, cores: availableParallelism(), memoryBytes: totalmem() },
    ...{ platform: process.platform, node: process.version },
  };
  const commit =
    git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' and changes');
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${name === undefined ? date : `${date}.${name}`}.json`);
  writeFileSync(path, `${JSON.stringify({ date, commit, machine, work, cases }, null, 2)}\n`);
  return path;
}
