/** What a footer is taken to say of its columns is what DuckDB makes of them, whoever wrote it and however it was damaged. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Footer, parseFooter } from '../../src/source/footer.ts';
import { parquet, scratch, sql } from '../cli/harness.ts';
import { EMPTY, type Field, footerOf, type Value, writeFile } from './thrift.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const fixtures = resolve(import.meta.dirname, '../fixtures/pages');

let ask: (path: string) => Promise<{ name: string; type: string }[] | string>;
let close: () => void;

beforeAll(async () => {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1', enable_external_file_cache: 'false' });
  const connection = await instance.connect();
  ask = async (path) => {
    try {
      const query = `DESCRIBE SELECT * FROM read_parquet('${path.replaceAll("'", "''")}', hive_partitioning=false)`;
      const rows = (await connection.runAndReadAll(query)).getRowObjects();
      return rows.map((row) => ({ name: String(row['column_name']), type: String(row['column_type']) }));
    } catch (error) {
      return String(error);
    }
  };
  close = () => {
    connection.closeSync();
    instance.closeSync();
  };
});
afterAll(() => close());

/** What is said of the columns without DuckDB; nothing where it is asked. */
function told({ columns, plain }: Footer): { name: string; type: string }[] | undefined {
  return plain ? columns.map(({ name, type }) => ({ name, type: String(type) })) : undefined;
}

/** The same of a file. */
function plain(path: string): ReturnType<typeof told> {
  const file = readFileSync(path);
  const length = file.readUInt32LE(file.length - 8);
  return told(parseFooter(file.subarray(file.length - 8 - length, file.length - 8), path, file.length));
}

describe('of what DuckDB writes', () => {
  const values: Record<string, string> = {
    'BOOLEAN TINYINT SMALLINT INTEGER BIGINT UTINYINT USMALLINT UINTEGER UBIGINT HUGEINT UHUGEINT FLOAT DOUBLE': '1',
    'DECIMAL(1,0) DECIMAL(4,2) DECIMAL(9,3) DECIMAL(18,6) DECIMAL(19,0) DECIMAL(38,10) DECIMAL(38,37)': '1',
    'VARCHAR BLOB': "'a'",
    UUID: "'00000000-0000-0000-0000-000000000001'",
    DATE: "'2020-01-02'",
    'TIME TIMETZ': "'01:02:03.456789'",
    'TIMESTAMP TIMESTAMP_S TIMESTAMP_MS TIMESTAMP_NS TIMESTAMPTZ': "'2020-01-02 03:04:05'",
  };
  const cases = Object.entries(values).flatMap(([types, value]) => types.split(/ /).map((type) => [type, value]));
  const versions = ['v1', 'v2'].flatMap((version) => cases.map(([type, value]) => [version, type!, value!] as const));

  it.each(versions)('%s: %s, without asking', async (version, type, value) => {
    const path = at('one.parquet');
    await sql(`COPY (SELECT ${value}::${type} AS x, NULL::${type} AS n) TO '${path}' (PARQUET_VERSION ${version})`);
    expect(plain(path)).toEqual(await ask(path));
  });

  it.each([
    'INTERVAL 1 DAY',
    "'{}'::JSON",
    "'a'::ENUM('a')",
    '[1.5]',
    "{'a': 1}",
    'MAP {1: 2}',
    "'101'::BIT",
    'NULL',
    "'01:02:03.456789123'::TIME_NS",
    '[1, 2]::INTEGER[2]',
    '123::BIGNUM',
  ])('%s, and asks where it is not plain', async (value) => {
    const path = await parquet(at('odd.parquet'), `SELECT ${value} AS x`);
    expect([undefined, await ask(path)]).toContainEqual(plain(path));
  });
});

it.each(readdirSync(fixtures).filter((name) => name.endsWith('.parquet')))(
  'of what pyarrow wrote: %s',
  async (name) => {
    const path = join(fixtures, name);
    expect([undefined, await ask(path)]).toContainEqual(plain(path));
    if (/nanoseconds/.test(name)) expect(plain(path)).toBeDefined();
  },
);

describe('of what nobody should write', () => {
  const logicals: Value[] = [
    ...Array.from({ length: 18 }, (_, i): Field[] => [[i + 1, EMPTY]]),
    ...[7, 8].flatMap((id) =>
      [1, 2, 3].flatMap((unit) =>
        [true, false].map((zone): Field[] => [
          [
            id,
            [
              [1, zone],
              [2, [[unit, EMPTY]]],
            ],
          ],
        ]),
      ),
    ),
    [
      [
        5,
        [
          [1, { short: 2 }],
          [2, { short: 9 }],
        ],
      ],
    ],
    [
      [
        10,
        [
          [1, { byte: 16 }],
          [2, true],
        ],
      ],
    ],
  ];
  const lengths = [undefined, 0, 2, 12, 16];
  const none = <T>(values: T[]): (T | undefined)[] => [undefined, ...values];

  it('every physical type with every meaning', async () => {
    let [said, tried] = [0, 0];
    const differ: unknown[] = [];
    for (let physical = 0; physical <= 8; physical += 1)
      for (const length of physical === 7 ? lengths : [undefined])
        for (const converted of none(Array.from({ length: 24 }, (_, i) => i)))
          for (const logical of none(logicals))
            for (const [precision, scale] of converted === 5 ? [[9, 2], [38, 0], [40, 2], [2, 3], [0, 0], []] : [[]]) {
              const number = (id: number, value: number | undefined): Field[] =>
                value === undefined ? [] : [[id, { short: value }]];
              const column: Field[] = [
                ...[...number(1, physical), ...number(2, length), ...number(3, 1)],
                [4, 'x'],
                ...[...number(6, converted), ...number(7, scale), ...number(8, precision)],
                ...(logical === undefined ? [] : [[10, logical] as Field]),
              ];
              const footer = footerOf([column]);
              const ours = told(parseFooter(footer, 'f.parquet', footer.length + 12));
              tried += 1;
              if (ours === undefined) continue;
              said += 1;
              writeFile(at('annotated.parquet'), footer);
              const asked = await ask(at('annotated.parquet'));
              if (JSON.stringify(asked) !== JSON.stringify(ours)) differ.push({ column, ours, asked });
            }
    expect(differ).toEqual([]);
    expect(tried).toBeGreaterThan(10_000);
    expect(said).toBeGreaterThan(80);
  }, 120_000);

  it.each([
    [['a', 'A']],
    [['x', 'x', 'x_1']],
    [['']],
    [['a', '']],
    [['a\0b']],
    [['É', 'é']],
    [['filename', 'file_row_number', 'file_index', 'rowid', 'count']],
    [['n'.repeat(3000), 'a.b', 'a"b', ' a ', '\n', '*', 'select', '😀', 'ａ']],
    [['a\u0301', 'á']],
    [[Buffer.from([0x61, 0xff])]],
  ])('names: %j', async (names) => {
    const columns = names.map((name): Field[] => [
      [1, { short: 5 }],
      [3, { short: 0 }],
      [4, name],
    ]);
    writeFile(at('names.parquet'), footerOf(columns));
    expect([undefined, await ask(at('names.parquet'))]).toContainEqual(plain(at('names.parquet')));
  });

  it('no damage to a footer makes a difference: 1,200 changed files', async () => {
    const select = `SELECT i::INTEGER AS int_column, i * 0.5 AS dec, i::DOUBLE AS d, i % 2 = 0 AS b, 'x' || i AS t,
      make_timestamp(i) AS ts FROM range(100) r(i)`;
    await sql(`COPY (${select}) TO '${at('whole.parquet')}' (FORMAT parquet, KV_METADATA {owner: 'somebody'})`);
    const differ: string[] = [];
    let said = 0;
    for (const source of [at('whole.parquet'), join(fixtures, 'nanoseconds.parquet')]) {
      const whole = readFileSync(source);
      const start = whole.length - 8 - whole.readUInt32LE(whole.length - 8);
      // A fixed sequence, so that a failure can be run again.
      let state = 1;
      const random = (below: number) => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
        return (state >>> 8) % below;
      };
      for (let i = 0; i < 600; i += 1) {
        const damaged = Buffer.from(whole);
        const place = start + random(whole.length - 8 - start);
        damaged[place] = i % 2 === 0 ? (damaged[place] ?? 0) ^ (1 << random(8)) : random(256);
        const path = at('damaged.parquet');
        writeFileSync(path, damaged);
        let ours: ReturnType<typeof told>;
        try {
          ours = plain(path);
        } catch {
          continue;
        }
        if (ours === undefined) continue;
        said += 1;
        const asked = await ask(path);
        if (JSON.stringify(asked) !== JSON.stringify(ours))
          differ.push(`${basename(source)}, byte ${place - start}: ${damaged[place]} for ${whole[place]}: ${asked}`);
      }
    }
    expect(differ).toEqual([]);
    expect(said).toBeGreaterThan(200);
  }, 120_000);
});
