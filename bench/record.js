// What was measured, where and of which commit, as a file that is committed: so that it shows what moved.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, totalmem } from 'node:os';
import { join } from 'node:path';

const git = (...words) => spawnSync('git', words, { encoding: 'utf8' }).stdout.trim();

/** Writes the lines of a table beside those of other days; the path. */
export function record(work, lines) {
  const processor = cpus()[0]?.model ?? 'unknown';
  const directory = join(import.meta.dirname, 'record', processor.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-'));
  const date = new Date().toISOString().slice(0, 10);
  const machine = {
    ...{ processor, cores: availableParallelism(), memoryBytes: totalmem() },
    ...{ platform: process.platform, node: process.version },
  };
  const commit =
    git('rev-parse', 'HEAD') + (git('status', '--porcelain', '--untracked-files=no') === '' ? '' : ' and changes');
  const cases = lines.map(([what, reach, measured, detail]) => ({ what, reach, measured, detail }));
  mkdirSync(directory, { recursive: true });
  const path = join(directory, `${date}.json`);
  writeFileSync(path, `${JSON.stringify({ date, commit, machine, work, cases }, null, 2)}\n`);
  return path;
}
