/**
 * The least and the greatest cell of a column, as the statistics of a Parquet footer claim them.
 *
 * They are a hint and never an answer: writers may leave them out, cut them short or get them wrong, and none counts
 * NaN. Who uses one checks it against the cells.
 */
import { DOUBLE_PHYSICAL, FLOAT_PHYSICAL, INT32_PHYSICAL, INT64_PHYSICAL, type ThriftReader } from './thrift.ts';

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

const INT_8 = 15;
const INT_64 = 18;

const NUMBERS = [INT32_PHYSICAL, INT64_PHYSICAL, FLOAT_PHYSICAL, DOUBLE_PHYSICAL];

/** Whether a column of this type holds the very numbers that its statistics spell: no decimals, dates or unsigned. */
export function hasPlainNumbers({ physical, converted, logical }: LeafType): boolean {
  if (physical === undefined || !NUMBERS.includes(physical)) return false;
  return converted === undefined ? !logical : converted >= INT_8 && converted <= INT_64;
}

/** Gathers the extent of one column over row groups. */
export class ExtentBuilder {
  readonly physical: number;
  readonly #groups: number[] = [];
  #extent: Extent | undefined;

  constructor(physical: number) {
    this.physical = physical;
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
    const { min, max } = statistics ?? {};
    if (min === undefined || max === undefined || !(Number(min) <= Number(max))) {
      this.#extent = undefined;
      return;
    }
    const [low, high] = [Number(min), Number(max)];
    this.#groups.push(Math.min(rows, rows - (statistics?.nulls ?? 0)), low, high);
    this.#extent.low = Math.min(this.#extent.low, low);
    this.#extent.high = Math.max(this.#extent.high, high);
    if (typeof min === 'bigint' && typeof max === 'bigint')
      this.#extent.integers = twoOf([...(this.#extent.integers ?? []), min, max]);
  }

  /** Nothing where a row group does not say. */
  get extent(): Extent | undefined {
    return this.#extent && { ...this.#extent, groups: this.#groups };
  }
}

/** Statistics of one column in one row group. */
export interface Statistics {
  /** Integers of 64 bits as they are. */
  min?: number | bigint | undefined;
  max?: number | bigint | undefined;
  nulls?: number;
}

/** Reads a Statistics struct. The fields of old writers are read too: for signed numbers they mean the same. */
export function readStatistics(reader: ThriftReader, physical: number): Statistics {
  const statistics: Statistics = {};
  reader.begin();
  while (reader.next()) {
    if (reader.id === 3) statistics.nulls = reader.number();
    else if (reader.id === 1 || reader.id === 5) statistics.max = reader.spelled(physical);
    else if (reader.id === 2 || reader.id === 6) statistics.min = reader.spelled(physical);
    else reader.skip();
  }
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
    ...(a.integers && b.integers && { integers: twoOf([...a.integers, ...b.integers]) }),
  };
}

const twoOf = (integers: readonly bigint[]): bigint[] => [...new Set(integers)].slice(0, 2);
