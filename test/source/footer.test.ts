import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseFooter, readFooter } from '../../src/source/footer.ts';
import { parquet, scratch, sql } from '../cli/harness.ts';
import { type Field, struct } from './thrift.ts';

const directory = scratch();

/** The footer of a Parquet file on disk, and the file's size. */
function footerOf(path: string): { bytes: Buffer; size: number } {
  const file = readFileSync(path);
  const length = file.readUInt32LE(file.length - 8);
  return { bytes: file.subarray(file.length - 8 - length, file.length - 8), size: file.length };
}

describe('says the same as DuckDB', () => {
  it.each<[string, string, number]>([
    ['many row groups', 'SELECT i, i * 0.5 AS x, CASE WHEN i % 3 = 0 THEN i END AS n FROM range(20000) r(i)', 2048],
    [
      'nested columns',
      "SELECT [i, i + 1, NULL] AS l, {'a': i, 'b': [i::VARCHAR]} AS s, MAP {i: i} AS m FROM range(5000) r(i)",
      2048,
    ],
    [
      'empty lists and nulls',
      'SELECT CASE WHEN i % 2 = 0 THEN [] END AS l, NULL::DOUBLE AS n FROM range(3000) r(i)',
      2048,
    ],
    ['no rows', 'SELECT 1 AS a LIMIT 0', 2048],
    [
      '300 columns',
      `SELECT ${Array.from({ length: 300 }, (_, i) => `i + ${i} AS c${i}`).join(', ')} FROM range(4096) r(i)`,
      2048,
    ],
  ])('%s', async (name, select, rowGroupRows) => {
    const path = await parquet(join(directory, `${name}.parquet`), select, rowGroupRows);
    const { bytes, size } = footerOf(path);
    const { rows, rowGroups } = parseFooter(bytes, path, size);
    const expected = await sql(
      `SELECT row_group_num_rows AS rows, sum(total_compressed_size)::BIGINT AS bytes
       FROM parquet_metadata('${path}') GROUP BY row_group_id, 1 ORDER BY row_group_id`,
    );
    expect(rowGroups).toEqual(expected.map(({ rows, bytes }) => ({ rows: Number(rows), bytes: Number(bytes) })));
    expect(rows).toBe(rowGroups.reduce((sum, group) => sum + group.rows, 0));
  });
});

const SCHEMA: Field = [
  2,
  [
    [
      [4, 'schema'],
      [5, 1],
    ],
    [
      [3, 1],
      [4, 'x'],
    ],
  ],
];

/** A file of one column and one row group, but for what a test makes of it. */
function footer(change: {
  rows?: number;
  declared?: number;
  values?: number;
  bytes?: number;
  start?: number;
  path?: string;
  extra?: Field[];
  schema?: Field;
}) {
  const {
    rows = 100,
    declared = rows,
    values = rows,
    bytes = 400,
    start = 4,
    path,
    schema = SCHEMA,
    extra = [],
  } = change;
  const column: Field[] = [
    ...(path === undefined ? [] : [[1, path] as Field]),
    [
      3,
      [
        [5, values],
        [7, bytes],
        [9, start],
      ],
    ],
  ];
  return Buffer.from(
    struct([
      schema,
      [3, declared],
      [
        4,
        [
          [
            [1, [column]],
            [3, rows],
          ],
        ],
      ],
      ...extra,
    ]),
  );
}

describe('refuses what cannot be true', () => {
  const parse = (bytes: Uint8Array, dataBytes = 404) => parseFooter(bytes, 'f.parquet', dataBytes + bytes.length + 8);

  it('and nothing else', () => {
    expect(parse(footer({}))).toMatchObject({ rows: 100, rowGroups: [{ rows: 100, bytes: 400 }] });
    expect(parse(footer({ rows: 64 * 2 ** 20, bytes: 60 })), 'an all-null column').toBeDefined();
    expect(parse(footer({ rows: 0, bytes: 0, start: 0 })), 'an empty row group').toBeDefined();
  });

  it.each<[string, Parameters<typeof footer>[0]]>([
    ['declares 99 rows, but its row groups hold 100', { declared: 99 }],
    ['is not plausible: row group 0 declares 100 rows and a column of 7 values', { values: 7 }],
    ['declares 1000000000000 rows in 400 bytes', { rows: 1e12 }],
    ['declares Infinity rows', { rows: 2 ** 60 }],
    ['declares -5 rows', { rows: -5 }],
    ['declares data outside the file (401 bytes at 4)', { bytes: 401 }],
    ['declares data outside the file (400 bytes at 0)', { start: 0 }],
    ['declares data outside the file (-1 bytes at 4)', { bytes: -1 }],
    ['declares data outside the file (Infinity bytes at 4)', { bytes: 2 ** 62 }],
    ['keeps its data in another file', { path: 'other.parquet' }],
    ['has 1 columns, the schema 0', { schema: [2, [[[4, 'schema']]]] }],
    ['holds a schema that is no tree', { schema: [2, [[[5, 3]], [[4, 'x']]]] }],
    ['holds a schema that is no tree', { schema: [2, [[[5, 1]], [[4, 'x']], [[4, 'y']]]] }],
    ['is encrypted', { extra: [[8, []]] }],
  ])('%s', (message, change) => {
    expect(() => parse(footer(change))).toThrow(
      expect.objectContaining({
        code: 'SOURCE_INVALID',
        message: expect.stringContaining(message),
        where: { file: 'f.parquet' },
      }),
    );
  });

  it.each<[string, number[]]>([
    ['ends in the middle of a value', [0x36]],
    ['holds a number that never ends', [0x36, ...Array(12).fill(0xff), 0]],
    ['declares a value longer than itself', [0x18, 0xff, 0x7f, 0]],
    ['declares a list longer than itself', [0x19, 0xfc, 0xff, 0xff, 0xff, 0x7f]],
    ['declares a map longer than itself', [0x1b, 0xff, 0xff, 0x7f, 0x88]],
    ['is nested too deeply', Array(5000).fill(0x1c)],
    ['is nested too deeply', [0x19, ...Array(5000).fill(0x19)]],
    ['holds a field of an unknown type', [0x1d, 0]],
    ['holds a field of a wrong type', [0x38, 1, 65, 0]],
  ])('%s: %j', (message, bytes) => {
    expect(() => parse(Buffer.from(bytes))).toThrow(
      expect.objectContaining({ code: 'SOURCE_INVALID', message: expect.stringContaining(message) }),
    );
  });

  it('or falls over no damage at all: 5,000 changed and cut footers', async () => {
    const path = await parquet(
      join(directory, 'damaged.parquet'),
      "SELECT i, 'x' AS t, [i] AS l FROM range(5000) r(i)",
    );
    const { bytes, size } = footerOf(path);
    // A fixed sequence, so that a failure can be run again.
    let state = 1;
    const random = (below: number) => {
      state = Math.imul(state, 1_103_515_245) + 12_345;
      return ((state >>> 8) % below) as number;
    };
    for (let i = 0; i < 5000; i++) {
      const damaged = Buffer.from(bytes.subarray(0, i % 5 === 0 ? random(bytes.length) : bytes.length));
      for (let n = 0; n <= i % 3 && damaged.length > 0; n++) damaged[random(damaged.length)] = random(256);
      try {
        parseFooter(damaged, path, size);
      } catch (error) {
        expect(error).toMatchObject({ code: 'SOURCE_INVALID' });
      }
    }
  });
});

it('is found by ranges alone: the first bytes, the last ones, and what they say of themselves', async () => {
  const path = await parquet(join(directory, 'ranges.parquet'), 'SELECT i FROM range(20_000) r(i)');
  const whole = readFileSync(path);
  const asked: [offset: number, length: number][] = [];
  const ranges = {
    size: whole.length,
    async read(offset: number, length: number) {
      asked.push([offset, length]);
      return whole.subarray(offset, offset + length);
    },
  };
  const { bytes, size } = footerOf(path);
  expect(Buffer.compare(await readFooter(ranges, path), bytes)).toBe(0);
  expect(asked).toEqual([
    [0, 4],
    [size - 8, 8],
    [size - 8 - bytes.length, bytes.length],
  ]);
  const cut = { size, read: (offset: number, length: number) => ranges.read(offset, length - 1) };
  await expect(readFooter(cut, path)).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: /grew shorter/ });
});
