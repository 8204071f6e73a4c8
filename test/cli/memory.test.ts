/** `--memory` and the limits of the system, on the built command. */
import { spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, run, score, scratch, sql } from './harness.ts';

const directory = scratch();
const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');
const MIB = 2 ** 20;

beforeAll(async () => {
  const columns = Array.from({ length: 8 }, (_, j) => `(hash(i * 10 + ${j}) >> 11)::DOUBLE AS c${j}`).join(', ');
  await sql(
    `COPY (SELECT ${columns} FROM range(500000) r(i)) TO '${join(directory, 's.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 61440)`,
  );
});

describe('--memory', () => {
  it('below the least is refused before anything is made, naming the least; the least holds', async () => {
    const tight = ['s.parquet', '--chunk-rows', '64K', '-w', '4', '--memory'];
    const refused = await run(directory, 'score', ...tight, '100MiB', '--json', '--home', 'none');
    expect(refused.code).toBe(78);
    const error = errorOf(refused);
    expect(error.code).toBe('MEMORY_TOO_SMALL');
    const least = Number(/needs (\d+) MiB/.exec(error.message)?.[1]);
    expect(least).toBeGreaterThan(100);
    expect(await sql(`SELECT * FROM glob('${join(directory, 'none')}/**')`)).toEqual([]);

    const { resources } = await score(directory, ...tight, `${least}MiB`, '-o', 'a.parquet', '--home', 'a');
    expect(resources.workers).toBe(1);
    expect(resources.peakRssBytes).toBeLessThan(least * MIB);
    expect(resources.memoryBudgetBytes).toBe(least * MIB);
  });

  // The least that is named, and what of it is more than a run without kept columns needs.
  it.each<[string, string, number, number]>([
    ['a long text that many rows share', 'repeat(chr(97 + (i % 5)::INT), 20000)', 16_384, 180],
    ['texts of a dictionary', "repeat('long value ' || i % 50, 200)", 40_000, 60],
    ['long lists', '[(i * j % 1000)::INT FOR j IN range(2000)]', 8192, 500],
    ['lists of texts', "[repeat('q', 100) FOR j IN range(50)]", 20_000, 150],
    ['text and lists in a struct', "{a: repeat('z', 3000), b: [1.5 FOR j IN range(100)]}", 20_000, 120],
    ['texts that are all different', 'repeat(md5(i::VARCHAR), 30)', 60_000, 200],
  ])('bounds what is kept: %s', async (_, expression, rows, most) => {
    const file = `${rows}.parquet`;
    await sql(
      `COPY (SELECT (hash(i) >> 11)::DOUBLE AS x, ${expression} AS k FROM range(${rows}) r(i)) TO '${join(directory, file)}' (FORMAT parquet, ROW_GROUP_SIZE 122880)`,
    );
    const least = async (...keep: string[]) => {
      const { hint } = errorOf(await run(directory, 'score', file, ...keep, '--memory', '1MiB', '--json', '--fresh'));
      return Number(/give --memory (\d+)MiB/.exec(hint ?? '')?.[1]);
    };
    const [bare, named] = [await least('--columns', 'x'), await least('--keep', 'k')];
    expect(named - bare).toBeLessThan(most);
    const flags = ['--keep', 'k', '--memory', `${named}MiB`, '--force', '--fresh', '-o', 'k.parquet', '--home', 'k'];
    const { resources } = await score(directory, file, ...flags);
    expect(resources.peakRssBytes / MIB).toBeLessThan(named);
  });

  it('that a few rows are too large for is told as such, and a larger one goes on', async () => {
    await sql(
      `COPY (SELECT (hash(i) >> 11)::DOUBLE AS x, CASE WHEN i < 2048 THEN range(8000) ELSE [] END AS k FROM range(120000) r(i)) TO '${join(directory, 'uneven.parquet')}' (FORMAT parquet, ROW_GROUP_SIZE 122880)`,
    );
    const flags = ['uneven.parquet', '--keep', 'k', '-o', 'u.parquet', '--home', 'u'];
    const { hint } = errorOf(await run(directory, 'score', ...flags, '--memory', '1MiB', '--json'));
    const least = Number(/give --memory (\d+)MiB/.exec(hint ?? '')?.[1]);
    const refused = await run(directory, 'score', ...flags, '--memory', `${least}MiB`, '--json');
    expect(refused.code).toBe(78);
    const { code, message } = errorOf(refused);
    expect(code).toBe('MEMORY_TOO_SMALL');
    expect(message).toMatch(/rows 0 to 2047 take 25\d MiB in the columns that are kept/);
    const more = Number(/give it (\d+) MiB more/.exec(message)?.[1]);
    const { resources, output } = await score(directory, ...flags, '--memory', `${least + more}MiB`);
    expect(output.rows).toBe(120_000);
    expect(resources.peakRssBytes / MIB).toBeLessThan(least + more);
  });

  it('that is ample has as many workers as were asked for', async () => {
    const args = ['s.parquet', '--chunk-rows', '64K', '-w', '3', '--memory', '1GiB', '-o', 'b.parquet', '--home', 'b'];
    expect((await score(directory, ...args)).resources.workers).toBe(3);
  });

  it('is refused by plan too', async () => {
    expect(errorOf(await run(directory, 'plan', 's.parquet', '--memory', '1MiB', '--json')).code).toBe(
      'MEMORY_TOO_SMALL',
    );
  });
});

describe.runIf(process.platform === 'linux')('a limit of the system', () => {
  const limited = (limit: string) => {
    const command = `ulimit ${limit}; exec "$0" "$@"`;
    const args = ['score', 's.parquet', '-w', '1', '--json', '--progress', 'none', '-o', 'c.parquet', '--home', 'c'];
    return spawnSync('sh', ['-c', command, process.execPath, MAIN, ...args], { cwd: directory, encoding: 'utf8' });
  };

  // Below some 800 MB Node itself does not start.
  it.each([800_000, 900_000, 1_000_000, 1_500_000, 2_000_000])('of %i KiB of address space is told as such', (kib) => {
    const { status, stdout, stderr } = limited(`-v ${kib}`);
    expect([74, 78], `${stdout}${stderr}`).toContain(status);
    expect(['MEMORY_TOO_SMALL', 'OUT_OF_MEMORY'], stdout).toContain(JSON.parse(stdout).error.code);
  });

  it('of 200 MB of data is told as such, and of 400 MB is enough', () => {
    const { status, stdout } = limited('-d 200000');
    expect([status, JSON.parse(stdout).error.code]).toEqual([78, 'MEMORY_TOO_SMALL']);
    expect(JSON.parse(stdout).error.message).toMatch(/^there are \d+ MiB to work with/);
    expect(limited('-d 400000').status).toBe(0);
  });
});
