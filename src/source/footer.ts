/**
 * A Parquet file's footer, read before DuckDB sees the path: where the file's row groups lie, what its columns are, and
 * whether what it declares can be true at all. Here its bytes are found; what they say is read in Rust
 * (`crates/parts/src/source/facts.rs`).
 */
import { type FooterColumn as Declared, footerFacts } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { Ranges } from '../storage/storage.ts';
import { type Extent, GROUP_NUMBERS } from './extent.ts';

/** One row group: its rows and the compressed bytes of all its columns. */
export interface RowGroup {
  rows: number;
  bytes: number;
}

/** A decimal of more than 38 digits, which DuckDB misreads: by what it can be put right, where that can be known. */
export type MisreadDecimal = NonNullable<Declared['misread']>;

/** A column of the table, as the footer has it. */
export interface FooterColumn extends Omit<Declared, 'extent'> {
  /** What the statistics claim of it. */
  extent?: Extent;
}

/** What a footer declares, checked against the size of its file. */
export interface Footer {
  sha256: string;
  rows: number;
  rowGroups: RowGroup[];
  /** The schema as the footer spells it: files that spell it alike have the same columns. */
  schema: Uint8Array;
  columns: FooterColumn[];
  /** Whether all columns are to DuckDB what is said here, under the same names. Else it has to be asked. */
  plain: boolean;
}

const TAIL_BYTES = 8;
const HEAD_BYTES = 4;
// The footers of the widest tables seen have some 100 MB; a gigabyte is an attack or an accident.
const FOOTER_BYTES_MAX = 2 ** 30;

/** The bytes of the footer of the Parquet file at `path`, without the length and the magic that follow them. */
export async function readFooter(file: Ranges, path: string): Promise<Buffer> {
  const { size } = file;
  if (size === 0) throw invalid(path, 'is empty (0 bytes)', 'it may still be in writing; write it again');
  if (size < HEAD_BYTES + TAIL_BYTES) throw invalid(path, `is too short for Parquet (${size} bytes)`, NOT_PARQUET);

  const head = await readAt(file, path, 0, HEAD_BYTES);
  const tail = await readAt(file, path, size - TAIL_BYTES, TAIL_BYTES);
  const [first, last] = [head.toString('latin1'), tail.toString('latin1', 4)];
  if (first === 'PARE' || (first === 'PAR1' && last === 'PARE')) throw encrypted(path);
  if (first !== 'PAR1') throw invalid(path, 'is not Parquet (it does not begin with PAR1)', NOT_PARQUET);
  if (last !== 'PAR1') {
    throw invalid(
      path,
      'begins as Parquet but does not end with PAR1: it was cut short, or something was appended to it',
      'copy or write it again',
    );
  }
  const length = tail.readUInt32LE(0);
  if (length === 0 || length > size - HEAD_BYTES - TAIL_BYTES || length > FOOTER_BYTES_MAX) {
    throw corrupt(path, `declares ${length} bytes in a file of ${size}`);
  }
  return readAt(file, path, size - TAIL_BYTES - length, length);
}

/** What the footer `bytes` of the file at `path` declare. `size` is the file's. */
export function parseFooter(bytes: Uint8Array, path: string, size: number): Footer {
  const { rowGroups: numbers, schema, columns, extents, ...facts } = footerFacts(bytes, path, size);
  const rowGroups: RowGroup[] = [];
  for (let i = 0; i < numbers.length; i += 2) rowGroups.push({ rows: numbers[i] ?? 0, bytes: numbers[i + 1] ?? 0 });
  const extentNumbers = GROUP_NUMBERS * rowGroups.filter((group) => group.rows > 0).length;
  let at = 0;
  const withGroups = ({ extent, ...column }: Declared): FooterColumn => {
    if (!extent) return column;
    const groups = extents.subarray(at, at + extentNumbers);
    at += extentNumbers;
    return { ...column, extent: { ...extent, groups } };
  };
  // A copy: the footer may be large, and is not kept.
  const spelled = new Uint8Array(bytes.subarray(schema[0], schema[1]));
  return { ...facts, rowGroups, schema: spelled, columns: columns.map(withGroups) };
}

async function readAt(file: Ranges, path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = await file.read(offset, length);
  if (bytes.length !== length) throw invalid(path, 'grew shorter while it was read', 'run again once it is complete');
  return bytes;
}

const NOT_PARQUET = "only Parquet is read; DuckDB converts: COPY (FROM 'data.csv') TO 'data.parquet'";

function invalid(path: string, what: string, hint: string): BatchCoreError {
  return new BatchCoreError('SOURCE_INVALID', `"${path}" ${what}`, { where: { file: path }, hint });
}

function corrupt(path: string, what: string): BatchCoreError {
  return invalid(path, `is damaged: its footer ${what}`, 'copy or write the file again');
}

function encrypted(path: string): BatchCoreError {
  return invalid(path, 'is encrypted', 'encrypted Parquet is not read; decrypt it first');
}
