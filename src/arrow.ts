/**
 * Arrow columns that a caller holds, as the kernels take them; and scores as the caller's own kind of vector.
 *
 * Columns are read by their shape, not by `instanceof`: the caller's `apache-arrow` need not be ours. Ours is loaded only
 * where the caller's data has no Float64 type to take, and never when this module is.
 */
import { createRequire } from 'node:module';
import type * as Arrow from 'apache-arrow';
import type { ColumnPiece, Scores } from './bindings/native.ts';

export type { RecordBatch, Table, Vector } from 'apache-arrow';

/** What the addon is told of how a column's values are written down. */
type Layout = Pick<ColumnPiece, 'encoding' | 'width' | 'scale' | 'times' | 'over'>;

/** Arrow's own numbers, so that reading a column loads no Arrow. */
const TYPE = {
  dictionary: -1,
  none: 1,
  int: 2,
  float: 3,
  bool: 6,
  decimal: 7,
  date: 8,
  time: 9,
  timestamp: 10,
  duration: 18,
} as const;
const UNIT = { day: 0, second: 0, millisecond: 1, nanosecond: 3 } as const;
const DOUBLE = 2;
const MILLISECONDS_PER_DAY = 86_400_000;

/** What of Arrow's types is looked at. */
interface TypeShape {
  typeId: number;
  isSigned?: boolean;
  bitWidth?: number;
  precision?: number;
  scale?: number;
  unit?: number;
  timezone?: string | null;
  dictionary?: TypeShape;
}

/** A column in its pieces, or undefined when it holds no numbers. */
export function piecesOf(vector: Arrow.Vector): ColumnPiece[] | undefined {
  const type = vector.type as unknown as TypeShape;
  const keys = type.typeId === TYPE.dictionary;
  const own = keys ? keyLayout(vector) : layoutOf(type);
  if (!own || (keys && !layoutOf(type.dictionary))) return undefined;
  return vector.data.map((data) => {
    // Arrow pads a short column with pieces that have nulls, and no values behind them.
    if (data.length > 0 && data.nullCount === data.length)
      return { ...layout('absent', 0), offset: 0, rows: data.length, values: new Uint8Array(0) };
    const piece = pieceOf(data, own);
    // Every piece brings its own dictionary: a batch may have replaced it.
    return keys ? { ...piece, dictionary: data.dictionary ? (piecesOf(data.dictionary) ?? []) : [] } : piece;
  });
}

function pieceOf(data: Arrow.Data, layout: Layout): ColumnPiece {
  return {
    ...layout,
    offset: data.offset,
    rows: data.length,
    values: bytesOf(data.values as ArrayBufferView | undefined),
    ...(data.nullCount > 0 && data.nullBitmap?.byteLength > 0 && { validity: bytesOf(data.nullBitmap) }),
  };
}

function bytesOf(view: ArrayBufferView | undefined): Uint8Array {
  // A buffer that was transferred away has no bytes, and allows no view of them.
  return view && view.buffer.byteLength > 0
    ? new Uint8Array(view.buffer, view.byteOffset, view.byteLength)
    : new Uint8Array(0);
}

function layout(encoding: string, width: number, more: Partial<Layout> = {}): Layout {
  return { encoding, width, scale: 0, times: 1, over: 1, ...more };
}

function keyLayout(vector: Arrow.Vector): Layout | undefined {
  return layoutOf((vector.type as unknown as { indices: TypeShape }).indices);
}

/** The unit is that which a scan has: times and timestamps count microseconds, but those of nanoseconds without a zone. */
function layoutOf(type: TypeShape | undefined): Layout | undefined {
  switch (type?.typeId) {
    case TYPE.none:
      return layout('absent', 0);
    case TYPE.int:
      return layout(type.isSigned ? 'signed' : 'unsigned', (type.bitWidth ?? 0) / 8);
    case TYPE.float:
      return layout('float', 2 << (type.precision ?? 0));
    case TYPE.bool:
      return layout('bit', 0);
    case TYPE.decimal:
      return layout('decimal', (type.bitWidth ?? 128) / 8, { scale: type.scale ?? 0 });
    case TYPE.date:
      return type.unit === UNIT.day ? layout('signed', 4) : layout('counted', 8, { over: MILLISECONDS_PER_DAY });
    case TYPE.time:
      return layout('counted', (type.bitWidth ?? 64) / 8, microseconds(type.unit));
    case TYPE.timestamp:
      return layout(
        'counted',
        8,
        type.timezone && type.unit === UNIT.nanosecond ? { over: 1000 } : microseconds(type.unit),
      );
    case TYPE.duration:
      return layout('signed', 8);
    default:
      return undefined;
  }
}

function microseconds(unit: number | undefined): Partial<Layout> {
  if (unit === UNIT.second) return { times: 1_000_000 };
  return unit === UNIT.millisecond ? { times: 1000 } : {};
}

/** Scores as a vector of the caller's own Arrow, null where a row has none. `like` is one of the caller's vectors. */
export function vectorOf(scores: Scores, like: Arrow.Vector, schema: Arrow.Schema): Arrow.Vector<Arrow.Float64> {
  const Vector = baseClass(like) as unknown as typeof Arrow.Vector;
  const Data = baseClass(like.data[0] as object) as unknown as typeof Arrow.Data;
  const type = schema.fields.map((field) => field.type).find(isFloat64) ?? new (arrowOf(Vector).Float64)();
  const { scores: values, validity, nulls } = scores;
  const buffers = [undefined, values, nulls > 0 ? validity : undefined] as unknown as Arrow.Data['buffers'];
  return new Vector([new Data(type, 0, values.length, nulls, buffers) as Arrow.Data<Arrow.Float64>]);
}

function isFloat64(type: Arrow.DataType): type is Arrow.Float64 {
  return type.typeId === TYPE.float && (type as unknown as TypeShape).precision === DOUBLE;
}

/** The class of `object` that extends no other: a memoized vector's is a vector's. */
function baseClass(object: object): object {
  let found = object.constructor;
  for (let above = Object.getPrototypeOf(found); above !== Function.prototype && above !== null; ) {
    found = above;
    above = Object.getPrototypeOf(found);
  }
  return found;
}

/** `apache-arrow` as the caller has it loaded, as CommonJS or ESM; its types of one copy are not those of another. */
function arrowOf(Vector: typeof Arrow.Vector): typeof Arrow {
  const require = createRequire(import.meta.url);
  const path = require.resolve('apache-arrow');
  const loaded = require.cache[path]?.exports as typeof Arrow | undefined;
  if (loaded?.Vector === Vector) return loaded;
  try {
    const module = require(path.replace(/\.js$/, '.mjs')) as typeof Arrow;
    if (module.Vector === Vector) return module;
  } catch {
    // No such file in another version of Arrow: any copy's Float64 reads the same.
  }
  return require('apache-arrow') as typeof Arrow;
}
