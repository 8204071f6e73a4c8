/** Writes footers in Thrift's compact protocol, field by field, and files that are hardly more; and takes statistics out of one. */
import { readFileSync, writeFileSync } from 'node:fs';

/** A structure without fields: `[]` is a list. */
export const EMPTY = { fields: [] } as const;

/** A whole number of 64 bits, a shorter one, a boolean, a text, a structure, or a list of structures. */
export type Value =
  | (number | { short: number } | { byte: number })
  | (boolean | string | Uint8Array)
  | (Field[] | Field[][] | typeof EMPTY);
export type Field = [id: number, value: Value];

const I32 = 5;
const I64 = 6;

export function struct(fields: readonly Field[]): number[] {
  let last = 0;
  const bytes = fields.flatMap(([id, value]) => {
    const head = (type: number) => (id - last < 16 ? [((id - last) << 4) | type] : [type, ...varint(zigzag(id))]);
    const field = encoded(value, head);
    last = id;
    return field;
  });
  return [...bytes, 0];
}

function encoded(value: Value, head: (type: number) => number[]): number[] {
  if (typeof value === 'number') return [...head(I64), ...varint(zigzag(value))];
  if (typeof value === 'boolean') return [...head(value ? 1 : 2)];
  if (typeof value === 'string') return encoded(Buffer.from(value), head);
  if (value instanceof Uint8Array) return [...head(8), ...varint(BigInt(value.length)), ...value];
  if ('short' in value) return [...head(I32), ...varint(zigzag(value.short))];
  if ('byte' in value) return [...head(3), value.byte];
  if ('fields' in value) return [...head(12), 0];
  if (isFields(value)) return [...head(12), ...struct(value)];
  return [...head(9), 0xfc, ...varint(BigInt(value.length)), ...value.flatMap(struct)];
}

const isFields = (value: Field[] | Field[][]): value is Field[] => typeof value[0]?.[0] === 'number';
const zigzag = (value: number) => (value < 0 ? -2n * BigInt(value) - 1n : 2n * BigInt(value));

function varint(value: bigint): number[] {
  return value < 128n ? [Number(value)] : [Number(value & 127n) | 128, ...varint(value >> 7n)];
}

/** A footer of no rows whose schema's columns are `columns`. */
export function footerOf(columns: readonly Field[][]): Buffer {
  const root: Field[] = [
    [4, 'schema'],
    [5, { short: columns.length }],
  ];
  return Buffer.from(
    struct([
      [1, { short: 1 }],
      [2, [root, ...columns]],
      [3, 0],
      [4, []],
    ]),
  );
}

/** Writes a file of nothing but this footer, and says how large it is. */
export function writeFile(path: string, footer: Uint8Array): number {
  const tail = Buffer.alloc(8, 'PAR1');
  tail.writeUInt32LE(footer.length);
  tail.write('PAR1', 4);
  const bytes = Buffer.concat([Buffer.from('PAR1'), footer, tail]);
  writeFileSync(path, bytes);
  return bytes.length;
}

/** Copies a file so that no column chunk has statistics: their fields get numbers that mean nothing. */
export function copyWithoutStatistics(from: string, to: string): void {
  const bytes = readFileSync(from);
  let at = bytes.length - 8 - bytes.readUInt32LE(bytes.length - 8);
  const byte = () => bytes[at++] ?? 0;
  const number = (): number => {
    const low = byte();
    return low < 128 ? low : low - 128 + 128 * number();
  };
  const list = (place: string) => {
    const head = byte();
    for (let left = head >> 4 === 15 ? number() : head >> 4; left > 0; left -= 1) value(head & 15, place);
  };
  const value = (type: number, place: string) => {
    if (type === 12) structure(place);
    else if (type === 9) list(place);
    else if (type === 8) {
      const length = number();
      at += length;
    } else if (type > 3) number();
    else if (type === 3) at += 1;
  };
  const structure = (place: string) => {
    // File, row groups, columns, metadata, statistics.
    if (place === '.4.1.3.12') bytes[at] = (bytes[at] ?? 0) + 0x80;
    let id = 0;
    for (let head = byte(); head !== 0; head = byte()) {
      id = head >> 4 === 0 ? number() / 2 : id + (head >> 4);
      value(head & 15, `${place}.${id}`);
    }
  };
  structure('');
  writeFileSync(to, bytes);
}
