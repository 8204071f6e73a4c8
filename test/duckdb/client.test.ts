import { createHash, randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { literalPath, openFile, openMemory, quoteName, quoteText } from '../../src/duckdb/client.ts';
import { parquet, scratch } from '../cli/harness.ts';

const directory = scratch();
let files = 0;
const newFile = () => join(directory, `${files++}.duckdb`);

describe('values', () => {
  it('come back as they went in', async () => {
    const database = await openFile(newFile());
    await database.run('CREATE TABLE v(b BOOLEAN, i BIGINT, d DOUBLE, t VARCHAR, x BLOB)');
    const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
    const rows = [
      [true, 9_007_199_254_740_991, 0.1, 'a\u0000é文', bytes],
      [false, 9_223_372_036_854_775_807n, -0, "'; DROP TABLE v; --", new Uint8Array()],
      [null, -1, Number.NaN, '', null],
      [null, null, Number.NEGATIVE_INFINITY, null, Uint8Array.of(0, 255)],
    ];
    for (const row of rows) expect(await database.run('INSERT INTO v VALUES ($1, $2, $3, $4, $5)', row)).toBe(1);
    const stored = await database.all('SELECT * FROM v');
    expect(stored.map((row) => Object.values(row).map(plain))).toEqual(rows.map((row) => row.map(plain)));
    await database.close();
  });

  it('a column may bear any name', async () => {
    const database = await openMemory();
    const [row] = await database.all(`SELECT 1 AS ${quoteName('__proto__')}, 2 AS ${quoteName('a"b')}, 3 AS x, 4 AS x`);
    expect(Object.entries(row!)).toEqual([
      ['__proto__', 1],
      ['a"b', 2],
      ['x', 3],
      ['x:1', 4],
    ]);
    await database.close();
  });

  it('types without a plain form come as their text', async () => {
    const database = await openMemory();
    const [row] = await database.all(
      "SELECT DATE '2024-02-29' AS d, 1.50::DECIMAL(9,2) AS m, [1, 2] AS l, 2::HUGEINT AS h",
    );
    expect(row).toEqual({ d: '2024-02-29', m: '1.50', l: '[1, 2]', h: 2 });
    await database.close();
  });
});

describe('one statement at a time', () => {
  it('loses no update of 500 overlapping calls', async () => {
    const database = await openFile(newFile());
    await database.run('CREATE TABLE t(i BIGINT, hits BIGINT)');
    await database.run('INSERT INTO t SELECT i, 0 FROM range(500) r(i)');
    const changed = await Promise.all(
      Array.from({ length: 500 }, (_, i) => database.run('UPDATE t SET hits = hits + $1 WHERE i = $2', [1, i])),
    );
    expect(new Set(changed)).toEqual(new Set([1]));
    expect(await database.all('SELECT sum(hits)::BIGINT AS hits FROM t WHERE hits = 1')).toEqual([{ hits: 500 }]);
    await database.close();
  });

  it('a failing statement is its caller’s alone', async () => {
    const database = await openMemory();
    const [first, second] = await Promise.allSettled([
      database.all('SELECT * FROM nowhere'),
      database.all('SELECT 1 AS one'),
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'BUG' } });
    expect(second).toEqual({ status: 'fulfilled', value: [{ one: 1 }] });
    await database.close();
  });

  it('more statements than are kept prepared', async () => {
    const database = await openMemory();
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 100; i++)
        expect(await database.all(`SELECT $1 + ${i} AS sum`, [1])).toEqual([{ sum: i + 1 }]);
    }
    await database.close();
  });

  it('the wrong number of parameters is a bug, not a value left over from the last call', async () => {
    const database = await openMemory();
    await database.all('SELECT $1 + $2 AS sum', [1, 2]);
    await expect(database.all('SELECT $1 + $2 AS sum', [1])).rejects.toMatchObject({ code: 'BUG' });
    await database.close();
  });
});

describe('a transaction', () => {
  it('is all or nothing, and what is asked meanwhile waits', async () => {
    const database = await openFile(newFile());
    await database.run('CREATE TABLE t(i BIGINT)');
    const failed = database.transaction(async (statements) => {
      await statements.run('INSERT INTO t VALUES (1)');
      throw new Error('half way');
    });
    const meanwhile = database.run('INSERT INTO t VALUES (2)');
    await expect(failed).rejects.toThrow('half way');
    await meanwhile;
    expect(await database.transaction((statements) => statements.all('FROM t'))).toEqual([{ i: 2 }]);
    await database.close();
  });
});

describe('memory', () => {
  it('is locked to its files', async () => {
    const [mine, other] = [join(directory, 'mine.parquet'), join(directory, 'other.parquet')];
    for (const file of [mine, other]) await parquet(file, 'SELECT 1 AS a');
    const database = await openMemory({ files: [mine] });
    expect(await database.all('FROM read_parquet($1)', [mine])).toEqual([{ a: 1 }]);
    for (const sql of [
      `FROM read_parquet('${other}')`,
      `FROM read_text('/etc/passwd')`,
      `FROM glob('${directory}/*')`,
      `COPY (SELECT 1) TO '${join(directory, 'new.parquet')}'`,
      `COPY (SELECT 1) TO '${directory}/x.csv'`,
      `ATTACH '${join(directory, 'new.duckdb')}'`,
      'INSTALL httpfs',
      'LOAD httpfs',
      "FROM read_parquet('https://example.com/a.parquet')",
      'SET enable_external_access=true',
      `SET allowed_paths=['${other}']`,
      'SET threads=8',
      'CREATE PERSISTENT SECRET s (TYPE http)',
    ]) {
      await expect(database.all(sql), sql).rejects.toThrow();
    }
    await database.close();
  });

  it('takes paths with quotes as paths', async () => {
    const file = join(directory, `it's "so".parquet`);
    await parquet(file, 'SELECT 7 AS a');
    const database = await openMemory({ files: [file] });
    expect(await database.all(`FROM read_parquet(${quoteText(file)})`)).toEqual([{ a: 7 }]);
    await database.close();
  });
});

describe('a path with pattern characters', () => {
  it.each<[string, string]>([
    ['/a/b.parquet', '/a/b.parquet'],
    ['/a/data[1].parquet', '/a/data[[]1].parquet'],
    ['/a*/?.parquet', '/a[*]/[?].parquet'],
    ['/a/b]c{d}.parquet', '/a/b]c{d}.parquet'],
  ])('%s -> %s', (path, expected) => {
    expect(literalPath(path)).toBe(expected);
  });

  it.skipIf(process.platform === 'win32')('beside a backslash is refused: DuckDB cannot spell it', () => {
    expect(literalPath('/a\\b.parquet')).toBe('/a\\b.parquet');
    expect(() => literalPath('/a\\b*.parquet')).toThrow(expect.objectContaining({ code: 'SOURCE_INVALID' }));
  });
});

describe('a second open of one file', () => {
  const busy = { code: 'JOB_BUSY', exitCode: 75 };

  it('is refused under every name of the file', async () => {
    const path = newFile();
    const database = await openFile(path);
    const [link, hard] = [join(directory, 'link.duckdb'), join(directory, 'hard.duckdb')];
    symlinkSync(path, link);
    linkSync(path, hard);
    for (const name of [
      path,
      join(directory, '.', `../${directory.split('/').at(-1)}`, path.split('/').at(-1)!),
      link,
      hard,
    ]) {
      await expect(openFile(name), name).rejects.toMatchObject(busy);
    }
    // The refusals have not cost the first owner anything: DuckDB's lock still holds against other processes.
    await database.run('CREATE TABLE t(i BIGINT)');
    await database.close();
    const again = await openFile(link);
    expect(await again.all('FROM t')).toEqual([]);
    await again.close();
  });

  it('of twenty at once, one wins', async () => {
    const path = newFile();
    const opened = await Promise.allSettled(Array.from({ length: 20 }, () => openFile(path)));
    const winners = opened.filter((result) => result.status === 'fulfilled');
    expect(winners).toHaveLength(1);
    for (const result of opened) if (result.status === 'rejected') expect(result.reason).toMatchObject(busy);
    await winners[0]!.value.close();
  });

  it.runIf(process.platform === 'linux')('is refused in another thread', async () => {
    const path = newFile();
    const database = await openFile(path);
    const client = new URL('../../dist/duckdb/client.js', import.meta.url).href;
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       import(${JSON.stringify(client)}).then(({ openFile }) => openFile(${JSON.stringify(path)}))
         .then(() => parentPort.postMessage('opened'), (error) => parentPort.postMessage(error.code));`,
      { eval: true },
    );
    expect(await new Promise((resolve) => worker.once('message', resolve))).toBe('JOB_BUSY');
    await worker.terminate();
    await database.close();
  });

  it('a path with a question mark is refused: DuckDB would put the log elsewhere', async () => {
    const home = join(directory, 'what?');
    mkdirSync(home);
    const refused = { code: 'CONFIG', where: { option: '--home' }, hint: expect.stringContaining('--home') };
    for (let i = 0; i < 2; i++) await expect(openFile(join(home, 'job.duckdb'))).rejects.toMatchObject(refused);
    expect(readdirSync(home)).toEqual([]);
  });

  it('a failed open leaves the file free', async () => {
    const path = newFile();
    writeFileSync(path, 'not a database, but longer than nothing at all'.repeat(100));
    await expect(openFile(path)).rejects.toMatchObject({ code: 'JOB_DAMAGED' });
    await expect(openFile(path)).rejects.toMatchObject({ code: 'JOB_DAMAGED' });
    await expect(openFile(join(directory, 'no/such/directory.duckdb'))).rejects.toMatchObject({ code: 'PATH_LOST' });
  });
});

it.each([
  { bytes: 1000, leaves: 'in the log what is short' },
  { bytes: 2_000_000, leaves: 'nothing in a long log' },
])('closing leaves $leaves, and all is there again', async ({ bytes }) => {
  const path = newFile();
  const value = randomBytes(bytes);
  const logBytes = () => statSync(`${path}.wal`, { throwIfNoEntry: false })?.size ?? 0;
  const database = await openFile(path);
  await database.run('CREATE TABLE t(x BLOB)');
  await database.run('INSERT INTO t VALUES ($1)', [value]);
  await database.close();
  const log = logBytes();
  if (bytes < 1 << 20) expect(log).toBeGreaterThan(bytes);
  else expect(log).toBe(0);
  for (const readOnly of [true, false]) {
    const again = await openFile(path, { readOnly });
    const [row] = await again.all('FROM t');
    expect(Buffer.from(row!['x'] as Uint8Array).equals(value)).toBe(true);
    await again.close();
    expect(logBytes()).toBe(log);
  }
});

it('after close nothing is accepted, and closing again is no error', async () => {
  const database = await openFile(newFile());
  const last = database.all('SELECT 1 AS one');
  await database.close();
  await database.close();
  expect(await last).toEqual([{ one: 1 }]);
  await expect(database.all('SELECT 1')).rejects.toMatchObject({ code: 'BUG' });
});

function plain(value: unknown): unknown {
  // A digest: the bytes themselves would drown the report of a failure.
  return value instanceof Uint8Array ? createHash('sha256').update(value).digest('hex') : value;
}
