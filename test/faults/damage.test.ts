/** What was damaged is made again by the same command, without a flag; what somebody changed is theirs, and stays. */
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { errorOf, run, score, sha256 } from '../cli/harness.ts';
import { at, directory } from './cases.ts';

const args = (out: string) => ['in.parquet', '-d', 'zscore', '--chunk-rows', '2048', '-o', out];

/** Writes `change` of a file's bytes over it, in place. */
function rewrite(path: string, change: (bytes: Buffer) => Buffer | undefined): void {
  const bytes = readFileSync(path);
  writeFileSync(path, change(bytes) ?? bytes);
}

function flip(path: string, text: string): void {
  rewrite(path, (bytes) => {
    const place = bytes.lastIndexOf(text);
    expect(place).toBeGreaterThan(0);
    bytes[place] = (bytes[place] ?? 0) ^ 1;
    return bytes;
  });
}

const zeroed = (bytes: Buffer) => bytes.fill(0, 0, 64);

describe('damage', () => {
  it.each<[string, (path: string) => void]>([
    ['the head of the manifest is zeroed', (path) => rewrite(path, zeroed)],
    ['the manifest is cut short', (path) => rewrite(path, (bytes) => bytes.subarray(0, 100))],
    ['the manifest is empty', (path) => writeFileSync(path, '')],
    ['a bit of the manifest flipped', (path) => flip(path, '"fingerprint"')],
  ])('%s', async (_, damage) => {
    await score(directory, ...args('d/'));
    const before = sha256(at('d', 'manifest.json'));
    damage(at('d', 'manifest.json'));
    expect((await run(directory, 'verify', 'd')).code).toBe(65);
    expect((await score(directory, ...args('d/'))).recalled).toBe(false);
    expect(sha256(at('d', 'manifest.json'))).toBe(before);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
  });

  it.each(['batch-core', 'batch_core.fingerprint'])('a bit of %s in the footer flipped', async (text) => {
    const { output } = await score(directory, ...args('o.parquet'));
    flip(at('o.parquet'), text);
    const verified = await run(directory, 'verify', 'o.parquet', '--json');
    expect([verified.code, errorOf(verified).code]).toEqual([65, 'OUTPUT_DAMAGED']);
    expect((await score(directory, ...args('o.parquet'))).recalled).toBe(false);
    expect(sha256(at('o.parquet'))).toBe(output.sha256);
  });
});

describe('a change', () => {
  const noted = (bytes: Buffer) => Buffer.from(JSON.stringify({ ...JSON.parse(`${bytes}`), note: 'mine' }, null, 2));

  it.each<[string, (bytes: Buffer) => Buffer]>([
    ['a note', noted],
    ['another order', (bytes) => Buffer.from(`${JSON.stringify(JSON.parse(`${bytes}`), null, 4)}\n`)],
    ['another file', () => Buffer.from('{"mine": true}')],
  ])('%s in the manifest', async (_, change) => {
    await score(directory, ...args('d/'));
    rewrite(at('d', 'manifest.json'), change);
    const mine = readFileSync(at('d', 'manifest.json'));
    for (const home of ['.batch-core', 'other']) {
      const refused = await run(directory, 'score', ...args('d/'), '--home', home, '--json');
      expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
      expect(errorOf(refused).message).toContain('"manifest.json"');
      expect(errorOf(refused).hint).not.toContain('--force');
    }
    expect(readFileSync(at('d', 'manifest.json'))).toEqual(mine);
    copyFileSync(at('d', 'manifest.json'), at('mine'));
    rmSync(at('d', 'manifest.json'));
    expect((await score(directory, ...args('d/'))).recalled).toBe(false);
    expect(existsSync(at('d', '_SUCCESS'))).toBe(true);
  });
});
