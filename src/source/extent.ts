/**
 * The least and the greatest cell of a column, as the statistics of a Parquet footer claim them.
 *
 * They are a hint and never an answer: writers may leave them out, cut them short or get them wrong, and none counts
 * NaN. Who uses one checks it against the cells.
 */
import type { ThriftReader } from './thrift.ts';

/** `low > high` where there is no cell. */
export interface Extent {
  low: number;
  high: number;
  /** Of 64-bit integers, which no double tells apart beyond 2^53: up to two ends that differ. */
  integers?: bigint[];
  /** Of each row group that has rows: its cells, the least and the greatest. Absent where they are too many to keep. */
  groups?: readonly number[];
}

/** Numbers that {@link Extent.groups} has for each row group. */
export const GROUP_NUMBERS = 3;

/** What a footer's schema says of a leaf column that bears on how its statistics are read. */
export interface LeafType {
  /** Parquet's physical type; absent for a group. */
  physical?: number;
  /** Parquet's converted type, which says what the number stands for. */
  converted?: number;
  /** Whether it has a logical type. */
  logical: boolean;
}

/** The physical type of 64-bit integers. */
const INT64_PHYSICAL = 2;
const INT_8 = 15;
const INT_64 = 18;

/** How a number of each physical type is spelled in statistics. */
const DECODERS: Readonly<Record<number, { bytes: number; decode: (bytes: Buffer) => number }>> = {
  1: { bytes: 4, decode: (bytes) => bytes.readInt32LE() },
  2: { bytes: 8, decode: (bytes) => Number(bytes.readBigInt64LE()) },
  4: { bytes: 4, decode: (bytes) => bytes.readFloatLE() },
  5: { bytes: 8, decode: (bytes) => bytes.readDoubleLE() },
};

/** Whether a column of this type holds the very numbers that its statistics spell: no decimals, dates or unsigned. */
export function hasPlainNumbers({ physical, converted, logical }: LeafType): boolean {
  if (physical === undefined || !(physical in DECODERS)) return false;
  return converted === undefined ? !logical : converted >= INT_8 && converted <= INT_64;
}

/** Gathers the extent of one column over row groups. */
export class ExtentBuilder {
  readonly #physical: number;
  readonly #groups: number[] = [];
  #extent: Extent | undefined;

  constructor(physical: number) {
    this.#physical = physical;
    const integers = physical === INT64_PHYSICAL && { integers: [] };
    this.#extent = { low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY, ...integers };
  }

  /** Adds the statistics of one row group; none where it has none. */
  add(statistics: Statistics | undefined, rows: number): void {
    if (!this.#extent || rows === 0) return;
    if (statistics?.nulls === rows) {
      this.#groups.push(0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
      return;
    }
    const [low, high] = [this.#decode(statistics?.min), this.#decode(statistics?.max)];
    if (low === undefined || high === undefined || !(low <= high)) {
      this.#extent = undefined;
      return;
    }
    this.#groups.push(Math.min(rows, rows - (statistics?.nulls ?? 0)), low, high);
    const integers =
      this.#physical === INT64_PHYSICAL && statistics?.min && statistics.max
        ? [...new Set([statistics.min.readBigInt64LE(), statistics.max.readBigInt64LE()])]
        : undefined;
    this.#extent = joined(this.#extent, { low, high, ...(integers && { integers }) });
  }

  /** Nothing where a row group does not say. */
  get extent(): Extent | undefined {
    return this.#extent && { ...this.#extent, groups: this.#groups };
  }

  #decode(spelled: Buffer | undefined): number | undefined {
    const decoder = DECODERS[this.#physical];
    return spelled && spelled.length === decoder?.bytes ? decoder.decode(spelled) : undefined;
  }
}

/** Statistics of one column in one row group, undecoded. */
export interface Statistics {
  min?: Buffer;
  max?: Buffer;
  nulls?: number;
}

/** Reads a Statistics struct. The fields of old writers are read too: for signed numbers they mean the same. */
export function readStatistics(reader: ThriftReader, type: number): Statistics {
  const statistics: Statistics = {};
  reader.struct((id, type) => {
    if (id === 3) statistics.nulls = reader.number(type);
    else if (id === 1 || id === 5) statistics.max = reader.binary(type);
    else if (id === 2 || id === 6) statistics.min = reader.binary(type);
    else return false;
    return true;
  }, type);
  return statistics;
}

/** The extent over all of them; nothing where one does not say. */
export function unionOf(extents: readonly (Extent | undefined)[]): Extent | undefined {
  let union: Extent | undefined;
  for (const extent of extents) {
    if (!extent) return undefined;
    union = union ? joined(union, extent) : extent;
  }
  const groups = extents.flatMap((extent) => (extent?.groups ? [extent.groups] : []));
  return union && groups.length === extents.length ? { ...union, groups: groups.flat() } : union;
}

/** The same without what it says of row groups. */
export function withoutGroups({ low, high, integers }: Extent): Extent {
  return { low, high, ...(integers && { integers }) };
}

function joined(a: Extent, b: Extent): Extent {
  return {
    low: Math.min(a.low, b.low),
    high: Math.max(a.high, b.high),
    ...(a.integers && b.integers && { integers: [...new Set([...a.integers, ...b.integers])].slice(0, 2) }),
  };
}
