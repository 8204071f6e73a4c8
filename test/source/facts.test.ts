import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { describeColumn, readFacts, sourceDifferences, statIdentity } from '../../src/source/facts.ts';
import { identityDifferences, mtimesOf } from '../../src/source/identity.ts';
import { parquet, scratch, sql } from '../cli/harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);

it('a file’s facts', async () => {
  const path = await parquet(
    at('plain.parquet'),
    "SELECT i, i * 0.5 AS x, i % 2 = 0 AS even, 'a' AS t FROM range(5000) r(i)",
  );
  const bytes = readFileSync(path);
  const footerBytes = bytes.readUInt32LE(bytes.length - 8);
  const { files, columns } = await readFacts([path]);
  const stat = statSync(path, { bigint: true });
  expect(files).toEqual([
    {
      kind: 'file',
      path,
      size: bytes.length,
      mtimeNs: String(stat.mtimeNs),
      inode: String(stat.ino),
      device: String(stat.dev),
      ctimeNs: String(stat.ctimeNs),
      footerBytes,
      footerSha256: createHash('sha256')
        .update(bytes.subarray(-8 - footerBytes, -8))
        .digest('hex'),
      rows: 5000,
      rowGroups: [
        { rows: 2048, bytes: expect.any(Number) },
        { rows: 2048, bytes: expect.any(Number) },
        { rows: 904, bytes: expect.any(Number) },
      ],
    },
  ]);
  expect(columns).toEqual([
    { name: 'i', type: 'BIGINT', usable: true, convertible: true },
    { name: 'x', type: 'DECIMAL(21,1)', usable: true, convertible: true },
    { name: 'even', type: 'BOOLEAN', usable: true, convertible: true },
    { name: 't', type: 'VARCHAR', usable: false, convertible: false, reason: 'VARCHAR' },
  ]);
});

it('tells of each row group that has rows, over all files, as far as they all do', async () => {
  const cell = (from: number) =>
    `SELECT if(i < 2048 OR i % 2 = 0, NULL, i + ${from})::DOUBLE AS x FROM range(5000) r(i)`;
  const none = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const files = [await parquet(at('groups-1.parquet'), cell(0)), await parquet(at('groups-2.parquet'), cell(0.5))];
  const { extents } = await readFacts(files, { groups: true });
  expect((await readFacts(files)).extents.get('x')).toEqual({ low: 2049, high: 4999.5 });
  expect(extents.get('x')).toEqual({
    low: 2049,
    high: 4999.5,
    groups: Float64Array.of(
      ...[...none, 1024, 2049, 4095, 452, 4097, 4999],
      ...[...none, 1024, 2049.5, 4095.5, 452, 4097.5, 4999.5],
    ),
  });
});

describe('a column', () => {
  it.each<[string, boolean, boolean]>([
    ...[
      'TINYINT',
      'SMALLINT',
      'INTEGER',
      'BIGINT',
      'HUGEINT',
      'UTINYINT',
      'USMALLINT',
      'UINTEGER',
      'UBIGINT',
      'UHUGEINT',
    ]
      .concat(['FLOAT', 'DOUBLE', 'DECIMAL(18,3)', 'BOOLEAN'])
      .map((type): [string, boolean, boolean] => [type, true, true]),
    ...[
      'DATE',
      'TIME',
      'TIME_NS',
      'TIME WITH TIME ZONE',
      'TIMESTAMP',
      'TIMESTAMP_S',
      'TIMESTAMP_MS',
      'TIMESTAMP_NS',
      'TIMESTAMP WITH TIME ZONE',
    ].map((type): [string, boolean, boolean] => [type, false, true]),
    ...['VARCHAR', 'BLOB', 'UUID', 'INTERVAL', 'DOUBLE[]', 'STRUCT(a DOUBLE)', 'MAP(BIGINT, DOUBLE)']
      .concat(["ENUM('DATE')", 'DOUBLE[3]', 'JSON'])
      .map((type): [string, boolean, boolean] => [type, false, false]),
  ])('%s', (type, usable, convertible) => {
    expect(describeColumn('c', type)).toMatchObject({ usable, convertible });
  });
});

it('decimals that DuckDB misreads are put right, or left out where that cannot be; others of as many digits are read', async () => {
  const path = resolve(import.meta.dirname, '../fixtures/pages/wide-decimals.parquet');
  const { columns } = await readFacts([path]);
  const wide = 'DECIMAL(50,2) of 21 bytes';
  expect(columns).toEqual([
    { name: 'x', type: 'DOUBLE', usable: true, convertible: true },
    { name: 'wide', type: wide, usable: true, convertible: true, shifted: { bits: 24, scale: 2 } },
    { name: 'words', type: 'DOUBLE', usable: true, convertible: true },
    { name: 'ok', type: 'DECIMAL(38,2)', usable: true, convertible: true },
    {
      ...{ name: 'inner', type: 'STRUCT(wide DOUBLE)', usable: false, convertible: false, unreadable: true },
      reason: `${wide}, which would be misread`,
    },
  ]);
  // Once the first of these is false, DuckDB has been mended, and what puts it right must go.
  const [row] = await sql(`SELECT max(abs(wide - row_number * 1e40)) > 1e39 AS wrong,
    max(abs(words - row_number * 1e60)) < 1e48 AS right FROM (SELECT *, row_number() OVER () - 1 AS row_number FROM '${path}')`);
  expect(row).toEqual({ wrong: true, right: true });
});

describe('a path is this one file', () => {
  // Each stands beside a file that it would match as a pattern.
  const names = [
    'data[1].parquet',
    'data1.parquet',
    'st*r.parquet',
    'stir.parquet',
    'q?.parquet',
    'qq.parquet',
    '[[].parquet',
  ];
  const plain = [
    "it's.parquet",
    '"so".parquet',
    'a b.parquet',
    'ünï-文.parquet',
    '{a,b}.parquet',
    '$1.parquet',
    'noextension',
  ];
  const more = [
    'year=2020/part.parquet',
    'dir[1]/*.parquet',
    'dir1/x.parquet',
    '~.parquet',
    '**.parquet',
    'new\nline.parquet',
    'a\\b.parquet',
  ];

  it('whatever its name', async () => {
    const all = [...names, ...plain, ...more];
    for (const [i, name] of all.entries()) {
      mkdirSync(join(at(name), '..'), { recursive: true });
      await parquet(at(name), `SELECT 1 AS "column ${i}"`);
    }
    for (const [i, name] of all.entries()) {
      const { columns } = await readFacts([at(name)]);
      expect(
        columns.map((column) => column.name),
        name,
      ).toEqual([`column ${i}`]);
    }
  });

  it('behind links too, and is called as it was named', async () => {
    symlinkSync('dir[1]', at('link[1]'));
    const path = at('link[1]/*.parquet');
    expect((await readFacts([path])).files[0]?.path).toBe(path);
  });

  it('hive partitions in a path are no columns', async () => {
    expect((await readFacts([at('year=2020/part.parquet')])).columns).toHaveLength(1);
  });
});

describe('what is no Parquet is refused, saying what it is', () => {
  const make = (name: string, bytes: Uint8Array | string) => {
    writeFileSync(at(name), bytes);
    return at(name);
  };
  const refused = (path: string, message: string) =>
    expect(readFacts([path])).rejects.toMatchObject({
      code: 'SOURCE_INVALID',
      exitCode: 65,
      message: expect.stringContaining(message),
      where: { file: path },
      hint: expect.any(String),
    });

  it('by its bytes', async () => {
    const whole = readFileSync(await parquet(at('whole.parquet'), 'SELECT i FROM range(1000) r(i)'));
    const changed = (change: (bytes: Buffer) => void) => {
      const bytes = Buffer.from(whole);
      change(bytes);
      return bytes;
    };
    await refused(make('empty.parquet', ''), 'is empty (0 bytes)');
    await refused(make('short.parquet', 'PAR1PAR1'), 'too short for Parquet (8 bytes)');
    await refused(make('text.parquet', 'a,b\n1,2\n3,4\n5,6\n'), 'does not begin with PAR1');
    await refused(make('cut.parquet', whole.subarray(0, whole.length - 1)), 'was cut short, or something was appended');
    await refused(
      make('half.parquet', whole.subarray(0, whole.length / 2)),
      'was cut short, or something was appended',
    );
    await refused(
      make(
        'long.parquet',
        changed((b) => b.writeUInt32LE(b.length, b.length - 8)),
      ),
      'declares',
    );
    await refused(
      make(
        'huge.parquet',
        changed((b) => b.writeUInt32LE(2 ** 32 - 1, b.length - 8)),
      ),
      'declares 4294967295 bytes',
    );
    await refused(
      make(
        'none.parquet',
        changed((b) => b.writeUInt32LE(0, b.length - 8)),
      ),
      'declares 0 bytes',
    );
    await refused(
      make(
        'noise.parquet',
        changed((b) => b.fill(0xab, b.length - 60, b.length - 8)),
      ),
      'is damaged',
    );
    await refused(
      make(
        'secret.parquet',
        changed((b) => b.write('PARE', b.length - 4)),
      ),
      'is encrypted',
    );
    await refused(
      make(
        'secret2.parquet',
        changed((b) => b.write('PARE', 0)),
      ),
      'is encrypted',
    );
  });

  it('a schema that only DuckDB can judge', async () => {
    const whole = readFileSync(await parquet(at('typed.parquet'), 'SELECT i AS column_i FROM range(1000) r(i)'));
    // The physical type of the column (INT64, zigzag 4) becomes one that there is not.
    const type = whole.indexOf('column_i', whole.length - 8 - whole.readUInt32LE(whole.length - 8));
    const bytes = Buffer.from(whole);
    const field = bytes.subarray(0, type).lastIndexOf(Buffer.of(0x15, 0x04));
    bytes[field + 1] = 0x7e;
    await refused(make('typed2.parquet', bytes), 'cannot be read as Parquet');
  });

  it.skipIf(process.platform === 'win32')('a pipe, without waiting for a writer; a directory', async () => {
    execFileSync('mkfifo', [at('pipe.parquet')]);
    await refused(at('pipe.parquet'), 'is not a regular file');
    await refused(directory, 'is not a regular file');
  });

  it('a file that is gone', async () => {
    await expect(readFacts([at('gone.parquet')])).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
    await expect(statIdentity(at('gone.parquet'))).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' });
  });

  it('no rows are no error here', async () => {
    const path = await parquet(at('norows.parquet'), 'SELECT 1 AS a LIMIT 0');
    expect(await readFacts([path])).toMatchObject({ files: [{ rows: 0 }], columns: [{ name: 'a' }] });
  });
});

describe('several files', () => {
  it('of one schema, in the order given', async () => {
    const paths: string[] = [];
    for (let i = 0; i < 5; i++)
      paths.push(await parquet(at(`same${i}.parquet`), `SELECT i, i / 2 AS x FROM range(${i * 10}) r(i)`));
    const { files } = await readFacts(paths.reverse());
    expect(files.map((file) => [file.path, file.rows])).toEqual(paths.map((path, i) => [path, (4 - i) * 10]));
  });

  it.each<[string, string, string]>([
    ['SELECT 1::BIGINT AS a, 2.0::DOUBLE AS b', 'SELECT 1::BIGINT AS a, 2::BIGINT AS b', 'column 2: "b" DOUBLE in'],
    ['SELECT 1 AS a', 'SELECT 1 AS a, 2 AS more', 'column 2: none in'],
    ['SELECT 1 AS a, 2 AS b', 'SELECT 2 AS b, 1 AS a', 'column 1: "a" INTEGER in'],
    ['SELECT 1 AS a', 'SELECT 1 AS "A"', 'column 1: "a" INTEGER in'],
  ])('%s and %s differ', async (one, other, message) => {
    const [a, b] = [await parquet(at('one.parquet'), one), await parquet(at('other.parquet'), other)];
    const error = await readFacts([a, b]).catch((error: unknown) => error);
    expect(error).toMatchObject({ code: 'SCHEMA_MISMATCH', exitCode: 65, message: expect.stringContaining(message) });
    expect((error as Error).message).toContain(a);
    expect((error as Error).message).toContain(b);
  });

  it('whose footers spell one schema differently are alike', async () => {
    // Another writer's version of the same table: Parquet V2 and other encodings change the footer, not the columns.
    const a = await parquet(at('v1.parquet'), 'SELECT i, i * 0.5 AS x FROM range(3000) r(i)');
    const b = at('v2.parquet');
    await sql(`COPY (FROM '${a}') TO '${b}' (FORMAT parquet, PARQUET_VERSION v2, COMPRESSION zstd, FIELD_IDS {i: 7})`);
    expect((await readFacts([a, b])).files).toHaveLength(2);
  });

  it('one damaged among them is named', async () => {
    const good = await parquet(at('good.parquet'), 'SELECT 1 AS a');
    writeFileSync(at('bad.parquet'), 'no');
    await expect(readFacts([good, at('bad.parquet')])).rejects.toMatchObject({ where: { file: at('bad.parquet') } });
  });
});

describe('identity', () => {
  it('changes with the file', async () => {
    const path = await parquet(at('watched.parquet'), 'SELECT i FROM range(100) r(i)');
    const before = (await readFacts([path])).files;
    expect(sourceDifferences('resume', before, before)).toEqual([]);
    expect(sourceDifferences('resume', before, [await statIdentity(path)])).toEqual([]);

    utimesSync(path, 1, 1);
    const touched = await statIdentity(path);
    expect(sourceDifferences('resume', before, [touched])).toEqual([
      { file: path, field: 'mtimeNs', old: mtimesOf(before)[0], new: '1000000000' },
    ]);
    appendFileSync(path, 'x');
    const fields = sourceDifferences('resume', before, [await statIdentity(path)]).map(
      (difference) => difference.field,
    );
    expect(fields).toEqual(['size', 'mtimeNs']);

    await parquet(path, 'SELECT i + 1 AS i FROM range(100) r(i)');
    const after = (await readFacts([path])).files;
    expect(sourceDifferences('resume', before, after).map((difference) => difference.field)).toContain('footerSha256');
  });

  it('around a chunk whatever touched it tells, and for a recall everything must be as it was', async () => {
    const path = await parquet(at('touched.parquet'), 'SELECT i FROM range(100) r(i)');
    const [before] = (await readFacts([path])).files;
    const { atime, mtime } = statSync(path);
    const bytes = readFileSync(path);
    bytes[40] = (bytes[40] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    utimesSync(path, atime, mtime);
    const now = { ...(await statIdentity(path)), mtimeNs: mtimesOf([before!])[0]! };
    expect(identityDifferences('resume', before!, now)).toEqual([]);
    for (const when of ['chunk', 'recall'] as const)
      expect(identityDifferences(when, before!, now).map(({ field }) => field)).toEqual(['ctimeNs']);
  });

  it('counts files that came and went', async () => {
    const [a, b] = [await parquet(at('a.parquet'), 'SELECT 1 AS a'), await parquet(at('b.parquet'), 'SELECT 1 AS a')];
    const { files } = await readFacts([a, b]);
    expect(sourceDifferences('resume', files, files.slice(0, 1))).toEqual([
      { file: b, field: 'path', old: b, new: 'none' },
    ]);
    expect(sourceDifferences('resume', files.slice(0, 1), files)).toEqual([
      { file: b, field: 'path', old: 'none', new: b },
    ]);
    expect(sourceDifferences('resume', files, [...files].reverse()).map(({ field }) => field)).toContain('path');
  });
});

it('knows columns of nanoseconds and a time zone, which are read in microseconds', async () => {
  const { columns } = await readFacts([resolve(import.meta.dirname, '../fixtures/pages/nanoseconds.parquet')]);
  expect(columns.filter(({ coarse }) => coarse).map(({ name }) => name)).toEqual(['zoned']);
});
