/** A database in memory that may hold only so much there: what is more lies where it was told to, until it is closed. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openMemory } from '../../src/duckdb/client.ts';
import { parquet, scratch, smallDisk } from '../cli/harness.ts';

const directory = scratch();
const disk = smallDisk();
const SORT =
  'SELECT count(*) AS n, sum(x) AS sum FROM (SELECT hash(i) % 1000003 AS x FROM range(6000000) r(i) ORDER BY x OFFSET 1)';
const MEMORY_BYTES = 64 * 2 ** 20;

const spillTo = (place: string, threads = 2) => ({ spill: { directory: place, memoryBytes: MEMORY_BYTES, threads } });

describe('a database with a limit', () => {
  it('sorts more than that, in its directory, whose files it removes', async () => {
    const place = join(directory, 'spill');
    mkdirSync(place);
    const database = await openMemory(spillTo(place));
    const [settings] = await database.all(
      "SELECT current_setting('threads') AS threads, current_setting('memory_limit') AS memory",
    );
    expect(settings).toEqual({ threads: 2, memory: '64.0 MiB' });
    const sorting = database.all(SORT);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, readdirSync(place).length);
    }, 2);
    const [row] = await sorting;
    clearInterval(watch);
    expect(row).toMatchObject({ n: 5_999_999 });
    expect(most).toBeGreaterThan(0);
    await database.close();
    expect(readdirSync(place)).toEqual([]);
  });

  it('reads no other file for that', async () => {
    const place = join(directory, 'locked');
    mkdirSync(place);
    const [mine, other] = [join(directory, 'mine.parquet'), join(directory, 'other.parquet')];
    for (const path of [mine, other]) await parquet(path, 'SELECT 1 AS x');
    const database = await openMemory({ files: [mine], ...spillTo(place) });
    expect(await database.all('FROM read_parquet($1)', [mine])).toEqual([{ x: 1 }]);
    await expect(database.all('FROM read_parquet($1)', [other])).rejects.toThrow(/disabled by configuration/);
    await database.close();
  });

  it.skipIf(disk === undefined)('says that the disk is full where it is', async () => {
    const database = await openMemory(spillTo(disk ?? ''));
    await expect(database.all(SORT)).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(await database.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
    await database.close();
  });
});

it('a statement that is interrupted ends, and the next one runs', async () => {
  const database = await openMemory();
  database.interrupt();
  const running = database.all(
    'SELECT count(*) AS n FROM range(1000000000) r(i), range(1000000) s(j) WHERE hash(i + j) = 1',
  );
  const timer = setInterval(() => database.interrupt(), 20);
  await expect(running).rejects.toThrow(/Interrupted/);
  clearInterval(timer);
  expect(await database.all('SELECT 1 AS one')).toEqual([{ one: 1 }]);
  await database.close();
  database.interrupt();
});
