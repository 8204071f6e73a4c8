/** A backup made of hard links keeps its bytes, whatever the job does afterwards, and what is restored of it goes on. */
import { cpSync, linkSync, mkdirSync, readdirSync, renameSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { gaussian, killAtPart, parquet, run, score, scratch, sha256 } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const COMMAND = ['data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', 'out.parquet'];
const ROWS = 200_000;

beforeAll(() => parquet(at('data.parquet'), gaussian(ROWS), 4096));

const entries = (path: string) => readdirSync(path, { recursive: true }) as string[];
const files = (path: string): string[] =>
  entries(path)
    .filter((name) => statSync(join(path, name)).isFile())
    .sort();
const digests = (path: string) => files(path).map((name) => [name, sha256(join(path, name))]);

/** What `cp -al` does. */
function linked(from: string, to: string): void {
  for (const name of readdirSync(from, { recursive: true, withFileTypes: true })) {
    const [source, target] = [
      join(name.parentPath, name.name),
      join(to, join(name.parentPath, name.name).slice(from.length)),
    ];
    if (name.isDirectory()) mkdirSync(target, { recursive: true });
    else {
      mkdirSync(join(target, '..'), { recursive: true });
      linkSync(source, target);
    }
  }
}

it('of a job that was killed', async () => {
  cpSync(at('data.parquet'), at('killed', 'data.parquet'), { recursive: true });
  await killAtPart(at('killed'), ['score', ...COMMAND], '.batch-core', 30);
  linked(at('killed'), at('backup'));
  const before = digests(at('backup'));
  expect((await score(at('killed'), ...COMMAND)).output.rows).toBe(ROWS);
  expect(digests(at('backup'))).toEqual(before);
  renameSync(at('killed'), at('gone'));
  renameSync(at('backup'), at('killed'));
  const restored = await score(at('killed'), ...COMMAND);
  expect(restored.chunks.resumed).toBeGreaterThan(0);
  expect(sha256(at('killed/out.parquet'))).toBe(sha256(at('gone/out.parquet')));
});

it('of a job that is finished, and runs again', async () => {
  cpSync(at('data.parquet'), at('done', 'data.parquet'), { recursive: true });
  await score(at('done'), ...COMMAND);
  linked(at('done'), at('kept'));
  const before = digests(at('kept'));
  // The link has touched the source.
  expect((await score(at('done'), ...COMMAND)).recalled).toBe(false);
  expect((await score(at('done'), ...COMMAND)).recalled).toBe(true);
  expect(digests(at('kept'))).toEqual(before);
  expect((await run(at('kept'), 'verify', 'out.parquet')).code).toBe(0);
});
