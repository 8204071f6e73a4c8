/** An output is staged from parts that come in any order, and nothing is left of one that is given up. */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type PublishedPart, Watch } from '../../src/bindings/native.ts';
import { Staging } from '../../src/sink/staging.ts';
import { gaussian, parquet, score, scratch, sha256 } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const ROWS = 30_000;
let parts: PublishedPart[] = [];

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(ROWS), 2048);
  await score(directory, 'data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '-o', 'parts/');
  const { parts: listed } = JSON.parse(readFileSync(at('parts', 'manifest.json'), 'utf8'));
  parts = listed.map(({ name, ...receipt }: { name: string } & PublishedPart['receipt']) => ({
    ...{ source: at('parts', name), name, receipt },
  }));
  expect(parts.length).toBeGreaterThan(5);
});

const left = () => readdirSync(directory).filter((name) => name.endsWith('.tmp'));

/** Stages what `feed` gives; the bytes, by their digest. */
async function staged(name: string, feed: (staging: Staging, watch: Watch) => unknown): Promise<string> {
  const watch = new Watch();
  const staging = new Staging(at(name), [['key', 'value']], watch);
  try {
    await feed(staging, watch);
    const { receipt } = await staging.finish();
    expect([receipt.rows, watch.rows, sha256(at(name))]).toEqual([ROWS, ROWS, receipt.sha256]);
    return receipt.sha256;
  } finally {
    await staging.discard();
    watch.close();
  }
}

describe('staging', () => {
  it('has the same bytes in whatever order parts are added, and leaves nothing when it is given up', async () => {
    const all = await staged('forth.tmp', (staging) => {
      for (const [i, part] of parts.entries()) staging.add(i, part);
    });
    const reversed = await staged('back.tmp', async (staging, watch) => {
      for (const [i, part] of [...parts.entries()].reverse()) {
        expect([watch.rows, existsSync(at('back.tmp'))]).toEqual([0, false]);
        staging.add(i, part);
      }
    });
    expect(reversed).toBe(all);
    expect(left()).toEqual([]);
  });

  it('tells a damaged part when it comes to it, takes no more, and is gone', async () => {
    const [first, second, ...rest] = parts;
    const bytes = readFileSync(second!.source);
    const damaged = Buffer.from(bytes);
    damaged[bytes.length >> 1]! ^= 4;
    writeFileSync(second!.source, damaged);
    const error = { class: 'DATA', where: { file: second!.source } };
    const feed = async (staging: Staging, watch: Watch) => {
      staging.add(0, first!);
      staging.add(1, second!);
      for (const [i, part] of rest.entries()) staging.add(i + 2, part);
      await expect(staging.finish()).rejects.toMatchObject(error);
      expect([watch.rows, left()]).toEqual([first!.receipt.rows, []]);
      staging.add(parts.length, first!);
    };
    await expect(staged('damaged.tmp', feed)).rejects.toMatchObject(error);
    writeFileSync(second!.source, bytes);
    expect(left()).toEqual([]);
  });

  it('stops when its watch is cancelled', async () => {
    const feed = (staging: Staging, watch: Watch) => {
      for (const [i, part] of parts.entries()) staging.add(i, part);
      watch.cancel();
    };
    await expect(staged('cancelled.tmp', feed)).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(left()).toEqual([]);
  });
});
