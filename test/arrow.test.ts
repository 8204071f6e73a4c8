/** A model scores what a caller holds in Arrow as the command scores the same column of a Parquet file: to the bit. */
import { join, resolve } from 'node:path';
import {
  Bool,
  type Data,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMicrosecond,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  makeData,
  makeVector,
  Table,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  Timestamp,
  TimeUnit,
  tableFromArrays,
  tableFromIPC,
  tableToIPC,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Vector,
  vectorFromArray,
} from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../src/index.ts';
import { parquet, scratch, sql } from './cli/harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const root = resolve(import.meta.dirname, '..');
const { fit: fitModel, loadModel, score }: typeof Package = await import(`${root}/dist/index.js`);

const ROWS = 301;
type Cell = bigint | null;

/** Whole numbers of up to `bits` bits, every eleventh of them null. */
function cells(bits: number, signed = true): Cell[] {
  let state = 0x9e3779b97f4a7c15n + BigInt(bits);
  return Array.from({ length: ROWS }, (_, i) => {
    let number = 0n;
    for (let have = 0; have < bits; have += 32) {
      state = BigInt.asUintN(64, state * 6364136223846793005n + 1442695040888963407n);
      number = (number << 32n) | (state >> 32n);
    }
    return i % 11 === 5 ? null : signed ? BigInt.asIntN(bits, number) : BigInt.asUintN(bits, number);
  });
}

const scaled = (list: readonly Cell[], to: (cell: bigint) => bigint) =>
  list.map((cell) => (cell === null ? null : to(cell)));
const within = (list: readonly Cell[], low: bigint, high: bigint) =>
  scaled(list, (cell) => low + (BigInt.asUintN(128, cell) % (high - low)));

type Numbers = { [index: number]: number | bigint; length: number };

/** One piece of memory with these values, null where `list` is. */
function dataOf(type: DataType, list: readonly Cell[], values: Numbers, fill: (i: number, cell: bigint) => void): Data {
  const nullBitmap = new Uint8Array(Math.ceil(list.length / 8));
  for (const [i, cell] of list.entries()) {
    // What lies under a null is anything.
    fill(i, cell ?? 77n);
    if (cell !== null) nullBitmap[i >> 3]! |= 1 << (i % 8);
  }
  return makeData({ type, length: list.length, nullCount: -1, nullBitmap, data: values } as never) as Data;
}

function simple(type: DataType, list: readonly Cell[], values: Numbers): Data {
  const big = values instanceof BigInt64Array || values instanceof BigUint64Array;
  return dataOf(type, list, values, (i, cell) => {
    values[i] = big ? cell : Number(cell);
  });
}

function decimal(list: readonly Cell[], scale: number, bits: 128 | 256): Data {
  const values = new BigUint64Array((list.length * bits) / 64);
  const words = new Uint32Array(values.buffer);
  return dataOf(new Decimal(scale, bits === 128 ? 38 : 76, bits), list, words, (i, cell) => {
    for (let word = 0; word < bits / 64; word++)
      values[(i * bits) / 64 + word] = BigInt.asUintN(64, cell >> BigInt(64 * word));
  });
}

interface Case {
  name: string;
  cells: Cell[];
  /** The column in SQL, from `raw`: the cell as text. */
  sql: string;
  arrow: (list: readonly Cell[]) => Data;
}

const whole = (name: string, type: DataType, sqlType: string, bits: number, values: (n: number) => Numbers): Case => ({
  name,
  cells: cells(bits, !name.startsWith('uint')),
  sql: `raw::${sqlType}`,
  arrow: (list) => simple(type, list, values(list.length)),
});

const DAY = 86_400n;
const seconds = within(cells(64), 0n, 4_000_000_000n);
const millis = within(cells(64), -1_000_000_000_000n, 4_000_000_000_000n);
const micros = within(cells(64), -1_000_000_000_000_000n, 4_000_000_000_000_000n);
const nanos = within(cells(64), -1_000_000_000_000_000_000n, 4_000_000_000_000_000_000n);
const days = within(cells(32), -20_000n, 40_000n);
const longs = (n: number) => new BigInt64Array(n);
const decimals = within(cells(128), -(10n ** 30n), 10n ** 30n);

const cases: Case[] = [
  whole('int8', new Int8(), 'TINYINT', 8, (n) => new Int8Array(n)),
  whole('int16', new Int16(), 'SMALLINT', 16, (n) => new Int16Array(n)),
  whole('int32', new Int32(), 'INTEGER', 32, (n) => new Int32Array(n)),
  whole('int64', new Int64(), 'BIGINT', 64, longs),
  whole('uint8', new Uint8(), 'UTINYINT', 8, (n) => new Uint8Array(n)),
  whole('uint16', new Uint16(), 'USMALLINT', 16, (n) => new Uint16Array(n)),
  whole('uint32', new Uint32(), 'UINTEGER', 32, (n) => new Uint32Array(n)),
  whole('uint64', new Uint64(), 'UBIGINT', 64, (n) => new BigUint64Array(n)),
  whole('duration', new DurationMicrosecond(), 'BIGINT', 64, longs),
  {
    name: 'float16',
    cells: within(cells(16, false), 0n, 0x7c00n),
    sql: 'raw', // replaced below: SQL has no half floats
    arrow: (list) => simple(new Float16(), list, new Uint16Array(list.length)),
  },
  {
    name: 'float32',
    cells: cells(31),
    sql: '(raw::DOUBLE / 1000)::FLOAT',
    arrow: (list) => {
      const values = new Float32Array(list.length);
      return dataOf(new Float32(), list, values, (i, cell) => {
        values[i] = Number(cell) / 1000;
      });
    },
  },
  {
    name: 'float64',
    cells: cells(62),
    sql: 'raw::DOUBLE / 1000',
    arrow: (list) => {
      const values = new Float64Array(list.length);
      return dataOf(new Float64(), list, values, (i, cell) => {
        values[i] = Number(cell) / 1000;
      });
    },
  },
  {
    name: 'bool',
    cells: within(cells(32), 0n, 2n),
    sql: 'raw::TINYINT::BOOLEAN',
    arrow: (list) => {
      const values = new Uint8Array(Math.ceil(list.length / 8));
      return dataOf(new Bool(), list, values, (i, cell) => {
        if (cell === 1n) values[i >> 3]! |= 1 << (i % 8);
      });
    },
  },
  ...(
    [
      [4, 1],
      [9, 3],
      [18, 4],
      [38, 10],
    ] as const
  ).map(
    ([width, scale]): Case => ({
      name: `decimal${width}`,
      cells: within(decimals, -(10n ** BigInt(Math.min(width, 30))) + 1n, 10n ** BigInt(Math.min(width, 30))),
      // From text: the cast of a number would round.
      sql: `(CASE WHEN raw[1] = '-' THEN '-' ELSE '' END || regexp_replace(lpad(ltrim(raw, '-'), 40, '0'), '(.*)(.{${scale}})$', '\\1.\\2'))::DECIMAL(${width},${scale})`,
      arrow: (list) => decimal(list, scale, width === 18 ? 256 : 128),
    }),
  ),
  {
    name: 'date32',
    cells: days,
    sql: "DATE '1970-01-01' + raw::INTEGER",
    arrow: (list) => simple(new DateDay(), list, new Int32Array(list.length)),
  },
  {
    name: 'date64',
    cells: days,
    sql: "DATE '1970-01-01' + raw::INTEGER",
    arrow: (list) =>
      simple(
        new DateMillisecond(),
        scaled(list, (day) => day * DAY * 1000n),
        longs(list.length),
      ),
  },
  ...(
    [
      ['s', seconds, 'make_timestamp(raw::BIGINT * 1000000)::TIMESTAMP_S', TimeUnit.SECOND],
      ['ms', millis, 'make_timestamp(raw::BIGINT * 1000)::TIMESTAMP_MS', TimeUnit.MILLISECOND],
      ['us', micros, 'make_timestamp(raw::BIGINT)', TimeUnit.MICROSECOND],
      ['ns', nanos, 'make_timestamp_ns(raw::BIGINT)', TimeUnit.NANOSECOND],
    ] as const
  ).map(
    ([unit, list, text, timeUnit]): Case => ({
      name: `timestamp_${unit}`,
      cells: list,
      sql: text,
      arrow: (some) => simple(new Timestamp(timeUnit), some, longs(some.length)),
    }),
  ),
  {
    name: 'timestamp_tz',
    cells: micros,
    sql: "make_timestamp(raw::BIGINT)::TIMESTAMP AT TIME ZONE 'UTC'",
    arrow: (list) => simple(new Timestamp(TimeUnit.MICROSECOND, 'UTC'), list, longs(list.length)),
  },
  ...(
    [
      ['s', new TimeSecond(), DAY, "TIME '00:00:00' + to_seconds(raw::BIGINT)"],
      ['ms', new TimeMillisecond(), DAY * 1000n, "TIME '00:00:00' + to_milliseconds(raw::BIGINT)"],
      ['us', new TimeMicrosecond(), DAY * 1_000_000n, "TIME '00:00:00' + to_microseconds(raw::BIGINT)"],
      [
        'ns',
        new TimeNanosecond(),
        DAY * 1_000_000_000n,
        "strftime(make_timestamp_ns(raw::BIGINT), '%H:%M:%S.%n')::TIME_NS",
      ],
    ] as const
  ).map(
    ([unit, type, day, text]): Case => ({
      name: `time_${unit}`,
      cells: within(cells(64), 0n, day),
      sql: text,
      arrow: (list) => simple(type, list, 's ms'.includes(unit) ? new Int32Array(list.length) : longs(list.length)),
    }),
  ),
  {
    name: 'dictionary',
    cells: within(cells(32), 0n, 5n),
    sql: '[10.5, -3, NULL, 7, 1e9][raw::INTEGER + 1]',
    arrow: (list) => {
      const dictionary = vectorFromArray([10.5, -3, null, 7, 1e9], new Float64());
      const keys = simple(new Int8(), list, new Int8Array(list.length));
      return makeData({
        type: new Dictionary(new Float64(), new Int8()),
        length: keys.length,
        nullCount: -1,
        nullBitmap: keys.nullBitmap,
        data: keys.values,
        dictionary,
      } as never) as Data;
    },
  },
];

function half(bits: number): number {
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  return exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15);
}
const float16 = cases.find(({ name }) => name === 'float16')!;
float16.sql = `[${Array.from({ length: 0x7c00 }, (_, bits) => half(bits)).join()}][raw::INTEGER + 1]::FLOAT`;

/** The column cut in pieces, at rows that are no multiple of eight. */
function inPieces(data: Data): Vector {
  const cuts = [0, 3, 3, 70, 201, 202, data.length];
  return new Vector(cuts.slice(1).map((end, i) => data.slice(cuts[i]!, end - cuts[i]!)));
}

async function scoresIn(path: string): Promise<number[]> {
  const rows = await sql(`SELECT score FROM '${path}' ORDER BY row`);
  return rows.map((row) => Number(row['score']));
}

describe('scores of a column that a caller holds are those of the command', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', async (name, one) => {
    const list = one.cells.map((cell, i) => `(${i}, ${cell === null ? 'NULL' : `'${cell}'`})`);
    const select = `SELECT ${one.sql} AS x FROM (VALUES ${list.join()}) v(i, raw) ORDER BY i`;
    await parquet(at(`${name}.parquet`), select);
    const [model, out] = [at(`${name}.bcm`), at(`${name}.scores.parquet`)];
    await score(at(`${name}.parquet`), {
      columns: ['x'],
      detector: 'zscore',
      saveModel: model,
      out,
      home: at(`${name}.home`),
    });
    const expected = await scoresIn(out);
    expect(new Set(expected).size).toBeGreaterThan(1);
    const loaded = await loadModel(model);
    const data = one.arrow(one.cells);
    const whole = loaded.score(new Table({ x: new Vector([data]) }));
    expect(Array.from(whole.toArray() as Float64Array)).toEqual(expected);
    expect(Array.from(loaded.score(new Table({ x: inPieces(data) })))).toEqual(expected);
    // Sliced, so that bits begin inside a byte; and twice over, as offsets add up.
    const sliced = new Table({ x: new Vector([data]) }).slice(5).slice(6, 250);
    expect(Array.from(loaded.score(sliced))).toEqual(expected.slice(11, 255));
    const travelled = tableFromIPC(tableToIPC(new Table({ x: inPieces(data) }), 'stream'));
    expect(Array.from(loaded.score(travelled))).toEqual(expected);
  });
});

describe('Model.score', () => {
  let model: Awaited<ReturnType<typeof fitModel>>;
  beforeAll(async () => {
    await parquet(at('two.parquet'), 'SELECT (i % 97)::DOUBLE AS a, (i % 89)::INTEGER AS b FROM range(5000) r(i)');
    model = await fitModel(at('two.parquet'), { detector: 'zscore', columns: ['a', 'b'], home: at('home') });
  });
  const both = (a: (number | null)[], b: (number | null)[]) =>
    new Table({ a: vectorFromArray(a, new Float64()), b: vectorFromArray(b, new Int32()) });

  it('takes the nulls of Arrow, whose bitmaps are padded to any length', async () => {
    const scores = model.score(both([1, null, 3], [1, 2, null]));
    expect(scores.length).toBe(3);
    expect(scores.nullCount).toBe(0);
    const full = Array.from({ length: 200 }, (_, i) => (i % 7 === 0 ? null : i));
    expect(model.score(both(full, full)).length).toBe(200);
  });

  it('gives the same scores however each column is cut', () => {
    const data = (type: DataType, values: Float64Array | Int32Array) =>
      makeData({ type, length: values.length, data: values } as never) as Data;
    const a = data(
      new Float64(),
      Float64Array.from({ length: 40_000 }, (_, i) => (i * 7) % 301),
    );
    const b = data(
      new Int32(),
      Int32Array.from({ length: 40_000 }, (_, i) => (i * 11) % 503),
    );
    const cut = (one: Data, ...ends: number[]) =>
      new Vector([...ends, one.length].map((end, i) => one.slice([0, ...ends][i]!, end - [0, ...ends][i]!)));
    const whole = { a: new Vector([a]), b: new Vector([b]) };
    // As a program may hold them: not re-cut by a table, each column in its own chunks.
    const columns: Record<string, Vector> = { a: cut(a, 1, 17_000, 39_999), b: cut(b, 16_384, 16_385) };
    const asTable = { schema: new Table(whole).schema, getChild: (name: string) => columns[name] ?? null };
    const expected = Array.from(model.score(new Table(whole)));
    expect(Array.from(model.score(asTable as unknown as Table))).toEqual(expected);
    expect(Array.from(model.score(new Table(columns)))).toEqual(expected);
    const [batch] = new Table(whole).batches;
    expect(Array.from(model.score(batch!))).toEqual(expected);
  });

  it('skip makes the row null, in the vector and in what is made of it', async () => {
    await parquet(
      at('gaps.parquet'),
      'SELECT CASE WHEN i % 10 <> 3 THEN (i % 97)::DOUBLE END AS a, (i % 89)::INTEGER AS b FROM range(700) r(i)',
    );
    const options = { detector: 'zscore', missing: 'skip', home: at('home') } as const;
    const skipping = await fitModel(at('gaps.parquet'), options);
    await skipping.save(at('skip.bcm'));
    const a = Array.from({ length: 700 }, (_, i) => (i % 10 !== 3 ? i % 97 : null));
    const b = Array.from({ length: 700 }, (_, i) => i % 89);
    const scores = skipping.score(both(a, b), { missing: 'skip' });
    expect(scores.nullCount).toBe(70);
    expect([scores.get(2), scores.get(3), scores.get(13)].map((score) => score === null)).toEqual([false, true, true]);
    const again = tableFromIPC(tableToIPC(new Table({ scores }))).getChild('scores')!;
    expect(Array.from(again)).toEqual(Array.from(scores));
    // NaN is missing too.
    const nan = tableFromArrays({ a: Float64Array.of(1, Number.NaN), b: Int32Array.of(1, 1) });
    expect(Array.from(skipping.score(nan, { missing: 'skip' })).map((score) => score === null)).toEqual([false, true]);
  });

  it('error names the column and the row of the first missing cell', async () => {
    const options = { detector: 'zscore', columns: ['a', 'b'], missing: 'error', home: at('home') } as const;
    const strict = await fitModel(at('two.parquet'), options);
    const a = Array.from({ length: 20_000 }, (_, i) => (i === 17_003 ? null : i % 97));
    const table = both(
      a,
      a.map((_, i) => i % 89),
    );
    expect(() => strict.score(table, { missing: 'error' })).toThrow(
      expect.objectContaining({
        code: 'DATA',
        where: { column: 'a' },
        message: expect.stringContaining('row 17003'),
      }),
    );
  });

  it('an empty table has no scores', () => {
    const empty = new Table({ a: vectorFromArray([], new Float64()), b: vectorFromArray([], new Int32()) });
    expect(model.score(empty).length).toBe(0);
  });

  it('a column of nothing but nulls is missing, whatever its type', () => {
    const table = new Table({ a: vectorFromArray([null, null]), b: vectorFromArray([4, 5], new Int32()) });
    const likewise = both([null, null], [4, 5]);
    expect(Array.from(model.score(table))).toEqual(Array.from(model.score(likewise)));
  });

  it('refuses text, absent columns, columns of other lengths and memory that is gone', () => {
    const refused = (data: unknown) => {
      try {
        model.score(data as Table);
      } catch (error) {
        return error;
      }
      return undefined;
    };
    const b = vectorFromArray([1, 2], new Int32());
    expect(refused(new Table({ a: vectorFromArray(['x', 'y']), b }))).toMatchObject({
      code: 'MODEL_MISMATCH',
      where: { column: 'a' },
    });
    expect(refused(new Table({ b }))).toMatchObject({ code: 'MODEL_MISMATCH', where: { column: 'a' } });
    const columns: Record<string, Vector> = { a: vectorFromArray([1, 2, 3], new Float64()), b };
    const uneven = { schema: new Table({ b }).schema, getChild: (name: string) => columns[name] ?? null };
    expect(refused(uneven)).toMatchObject({ code: 'DATA', where: { column: 'b' } });
    const gone = Float64Array.of(1, 2);
    const table = new Table({ a: makeVector(gone), b });
    structuredClone(gone, { transfer: [gone.buffer] });
    expect(refused(table)).toMatchObject({ code: 'DATA', where: { column: 'a' } });
    for (const data of [undefined, null, [1, 2], { a: [1] }])
      expect(refused(data)).toMatchObject({ code: 'USAGE', where: { option: 'data' } });
  });

  it('borrows columns of doubles: scoring takes no memory of their size', async () => {
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    await model.save(at('borrow.bcm'));
    const script = `
      import { makeVector, Table } from '${root}/node_modules/apache-arrow/Arrow.node.mjs';
      import { loadModel } from '${root}/dist/index.js';
      const model = await loadModel('${at('borrow.bcm')}');
      const column = () => new Float64Array(20_000_000).map((_, i) => i % 100);
      const table = new Table({ a: makeVector(column()), b: makeVector(column()) });
      model.score(table.slice(0, 1000));
      const before = process.resourceUsage().maxRSS;
      const scores = model.score(table);
      console.log(process.resourceUsage().maxRSS - before, scores.length);`;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script]);
    const [grownKiB, rows] = stdout.trim().split(' ').map(Number);
    expect(rows).toBe(20_000_000);
    // 320 MB of columns, 160 MB of scores.
    expect(grownKiB).toBeLessThan(200_000);
  });

  it("scores are of the caller's Arrow, loaded as CommonJS or ESM, with a column of doubles or without", async () => {
    const { execFile } = await import('node:child_process');
    const { promisify } = await import('node:util');
    await model.save(at('kind.bcm'));
    const body = (type: string) => `
      const table = new arrow.Table({ a: arrow.vectorFromArray([1, 2], new arrow.${type}()), b: arrow.vectorFromArray([1, 2], new arrow.Int32()) });
      for (const data of [table, table.batches[0]]) {
        const scores = model.score(data);
        console.log(scores.constructor === arrow.Vector, scores.type.constructor === arrow.Float64, scores.data[0].constructor === arrow.Data);
      }
      const memoized = new arrow.Table({ a: table.getChild('a').memoize(), b: table.getChild('b').memoize() });
      console.log(model.score(memoized).constructor === arrow.Vector);`;
    for (const type of ['Float64', 'Float32']) {
      const esm = `import { createRequire } from 'node:module'; import * as arrow from 'apache-arrow'; import { loadModel } from 'batch-core';
        const model = await loadModel('${at('kind.bcm')}');${body(type)}
        const { cache } = createRequire('${root}/x.js');
        if (Object.keys(cache).some((path) => /apache-arrow.*\\.js$/.test(path))) console.log('a second Arrow was loaded');`;
      const cjs = `const arrow = require('apache-arrow'); const { loadModel } = require('batch-core');
        loadModel('${at('kind.bcm')}').then((model) => {${body(type)}});`;
      for (const args of [
        ['--input-type=module', '-e', esm],
        ['--input-type=commonjs', '-e', cjs],
      ]) {
        const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root });
        expect(stdout.trim().split('\n')).toEqual(['true true true', 'true true true', 'true']);
      }
    }
  });
});
