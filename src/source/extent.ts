/**
 * The least and the greatest cell of a column, as the statistics of a Parquet footer claim them.
 *
 * They are a hint and never an answer: writers may leave them out, cut them short or get them wrong, and none counts
 * NaN. Who uses one checks it against the cells.
 */

/** `low > high` where there is no cell. */
export interface Extent {
  low: number;
  high: number;
  /** Of whole numbers of 64 bits and more, which no double tells apart beyond 2^53: up to two ends that differ, as text. */
  integers?: readonly string[];
  /** Of each row group that has rows: its cells, the least and the greatest. Absent where they are too many to keep. */
  groups?: Float64Array;
}

/** Numbers that {@link Extent.groups} has for each row group. */
export const GROUP_NUMBERS = 3;

/** The extent over all of them; nothing where one does not say. */
export function unionOf(extents: readonly (Extent | undefined)[]): Extent | undefined {
  const [first] = extents;
  // Most sources are one file: what its footer says is what is said.
  if (extents.length === 1) return first;
  const told = extents.flatMap((extent) => extent ?? []);
  if (first === undefined || told.length < extents.length) return undefined;
  const union = told.reduce(joined);
  const groups = told.flatMap((extent) => extent.groups ?? []);
  return groups.length === told.length ? { ...union, groups: concatenated(groups) } : union;
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

function concatenated(parts: readonly Float64Array[]): Float64Array {
  const whole = new Float64Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
