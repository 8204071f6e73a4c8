/**
 * A Parquet file's footer, read before DuckDB sees the path: where the file's row groups lie, and whether what it
 * declares can be true at all.
 *
 * DuckDB would tell the same through `parquet_metadata`, one row for each column of each row group, and takes seconds
 * for 3,000 columns of 163 row groups. The bytes are in memory already, for their digest.
 */
import { createHash } from 'node:crypto';
import { BatchCoreError } from '../errors.ts';
import type { Ranges } from '../storage/storage.ts';
import {
  type Extent,
  ExtentBuilder,
  hasPlainNumbers,
  type LeafType,
  readStatistics,
  type Statistics,
} from './extent.ts';
import { ThriftError, ThriftReader } from './thrift.ts';

/** One row group: its rows and the compressed bytes of all its columns. */
export interface RowGroup {
  rows: number;
  bytes: number;
}

/** What a footer declares, checked against the size of its file. */
export interface Footer {
  rows: number;
  rowGroups: RowGroup[];
  /** The schema as the footer spells it: files that spell it alike have the same columns. */
  schema: Uint8Array;
  /** What the statistics claim of each column that is a plain number and of which they claim something. */
  extents: Map<string, Extent>;
  /** Decimals that DuckDB misreads, by the place of the top-level column that is one or holds one. */
  misread: Map<number, MisreadDecimal>;
  /** Places of top-level columns with nanoseconds and a time zone, which DuckDB reads in microseconds. */
  coarse: Set<number>;
}

/**
 * A decimal of more than 38 digits. DuckDB 1.5 makes it a double, word by word of 8 bytes, and takes the bytes of a last
 * word that is not whole for its upper ones (`ParquetDecimalUtils::ReadDecimalValue<double>`).
 */
export interface MisreadDecimal {
  type: string;
  /** By how many bits it comes shifted to the left, and its digits behind the point; nothing where that cannot be known. */
  shifted?: { bits: number; scale: number };
}

/** What a 128-bit integer holds. */
const DECIMAL_DIGITS_MAX = 38;
/** Parquet's physical type of values that have one length. */
const FIXED_BYTES_PHYSICAL = 7;
const WORD_BYTES = 8;
/** Parquet's converted type of decimals; writers of logical types spell it too. */
const DECIMAL_CONVERTED = 5;
const TIMESTAMP_LOGICAL = 8;
const NANOSECONDS_UNIT = 3;

const TAIL_BYTES = 8;
const HEAD_BYTES = 4;
// The footers of the widest tables seen have some 100 MB; a gigabyte is an attack or an accident.
const FOOTER_BYTES_MAX = 2 ** 30;
// An all-null column of 64 M rows takes some 60 bytes, about 2^20 rows a byte. Sixteen times that is not a real file.
const ROWS_PER_BYTE_MAX = 2 ** 24;

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

/** The digest of a footer, by which a source is known again. */
export function footerDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** What the footer `bytes` of the file at `path` declare. `size` is the file's. */
export function parseFooter(bytes: Uint8Array, path: string, size: number): Footer {
  const footer: Footer = {
    rows: 0,
    rowGroups: [],
    schema: new Uint8Array(),
    extents: new Map(),
    misread: new Map(),
    coarse: new Set(),
  };
  const dataEnd = size - TAIL_BYTES - bytes.length;
  try {
    const reader = new ThriftReader(bytes);
    let leaves: Leaf[] = [];
    reader.begin();
    while (reader.next()) {
      if (reader.id === 2) {
        const start = reader.position;
        leaves = readLeaves(reader);
        footer.schema = bytes.slice(start, reader.position);
      } else if (reader.id === 3) footer.rows = reader.number();
      else if (reader.id === 4) {
        const groups = reader.list();
        for (let i = 0; i < groups; i++)
          footer.rowGroups.push(checked(readRowGroup(reader, leaves), leaves, i, dataEnd));
      } else if (reader.id === 8) throw encrypted(path);
      else reader.skip();
    }
    for (const { name, column, extent, misread, coarse } of leaves) {
      if (coarse) footer.coarse.add(column);
      if (extent?.extent) footer.extents.set(name, extent.extent);
      if (misread) footer.misread.set(column, misread);
    }
  } catch (error) {
    if (error instanceof ThriftError) throw corrupt(path, error.message, error);
    throw error;
  }
  const sum = footer.rowGroups.reduce((rows, group) => rows + group.rows, 0);
  if (sum !== footer.rows) throw corrupt(path, `declares ${footer.rows} rows, but its row groups hold ${sum}`);
  return footer;
}

/** One leaf column of the schema. */
interface Leaf {
  name: string;
  /** Whether it holds exactly one value (or null) a row. */
  flat: boolean;
  /** For a top-level column of plain numbers. */
  extent: ExtentBuilder | undefined;
  /** Place of the top-level column it belongs to. */
  column: number;
  /** Where it is a decimal that DuckDB misreads. */
  misread: MisreadDecimal | undefined;
  coarse: boolean;
}

function readLeaves(reader: ThriftReader): Leaf[] {
  const elements: SchemaElement[] = [];
  const count = reader.list();
  for (let i = 0; i < count; i++) elements.push(readElement(reader));

  // The schema is a tree written depth first; the path to the element at hand is a stack of (children left, flat).
  const leaves: Leaf[] = [];
  const path: { left: number; flat: boolean }[] = [];
  let column = -1;
  elements.forEach((element, i) => {
    const parent = path.at(-1);
    if (path.length === 1) column += 1;
    if (parent) parent.left--;
    else if (i > 0) throw new ThriftError('holds a schema that is no tree');
    const flat = (parent?.flat ?? true) && !element.repeated;
    if (element.children > 0) path.push({ left: element.children, flat });
    else if (i > 0) {
      const plain = flat && path.length === 1 && hasPlainNumbers(element);
      const extent = plain ? new ExtentBuilder(element.physical ?? 0) : undefined;
      const misread = misreadDecimal(element, path.length === 1);
      leaves.push({ name: element.name, column, flat, extent, misread, coarse: element.coarse });
    }
    while (path.at(-1)?.left === 0) path.pop();
  });
  if (path.length > 0) throw new ThriftError('holds a schema that is no tree');
  return leaves;
}

interface SchemaElement extends LeafType {
  name: string;
  repeated: boolean;
  children: number;
  /** Of values of one length: their bytes. */
  typeBytes: number;
  /** Of decimals: digits behind the point, and digits. */
  scale: number;
  precision: number;
  /** Nanoseconds with a time zone. */
  coarse: boolean;
}

function readElement(reader: ThriftReader): SchemaElement {
  const element: SchemaElement = {
    name: '',
    repeated: false,
    children: 0,
    logical: false,
    typeBytes: 0,
    scale: 0,
    precision: 0,
    coarse: false,
  };
  reader.beginElement();
  while (reader.next()) {
    if (reader.id === 1) element.physical = reader.number();
    else if (reader.id === 2) element.typeBytes = reader.number();
    else if (reader.id === 3) element.repeated = reader.number() === 2;
    else if (reader.id === 4) element.name = reader.text();
    else if (reader.id === 5) element.children = reader.number();
    else if (reader.id === 6) element.converted = reader.number();
    else if (reader.id === 7) element.scale = reader.number();
    else if (reader.id === 8) element.precision = reader.number();
    else if (reader.id === 10) {
      element.logical = true;
      element.coarse = readsNanosecondsWithZone(reader);
    } else reader.skip();
  }
  return element;
}

/** Reads a logical type: whether it is a timestamp adjusted to UTC, in nanoseconds. */
function readsNanosecondsWithZone(reader: ThriftReader): boolean {
  let coarse = false;
  reader.begin();
  while (reader.next()) {
    if (reader.id === TIMESTAMP_LOGICAL) coarse = readTimestamp(reader);
    else reader.skip();
  }
  return coarse;
}

function readTimestamp(reader: ThriftReader): boolean {
  let [zone, nanoseconds] = [false, false];
  reader.begin();
  while (reader.next()) {
    if (reader.id === 1) zone = reader.boolean();
    else if (reader.id === 2) nanoseconds = isInNanoseconds(reader);
    else reader.skip();
  }
  return zone && nanoseconds;
}

/** Reads a unit of time, a union. */
function isInNanoseconds(reader: ThriftReader): boolean {
  let nanoseconds = false;
  reader.begin();
  while (reader.next()) {
    nanoseconds = reader.id === NANOSECONDS_UNIT;
    reader.skip();
  }
  return nanoseconds;
}

function misreadDecimal(element: SchemaElement, top: boolean): MisreadDecimal | undefined {
  const { physical, typeBytes, converted, precision, scale } = element;
  if (converted !== DECIMAL_CONVERTED || precision <= DECIMAL_DIGITS_MAX) return undefined;
  const type = `DECIMAL(${precision},${scale})`;
  if (physical !== FIXED_BYTES_PHYSICAL) return { type: `${type} of any length` };
  const bytesMissing = (WORD_BYTES - (typeBytes % WORD_BYTES)) % WORD_BYTES;
  if (bytesMissing === 0) return undefined;
  return { type: `${type} of ${typeBytes} bytes`, ...(top && { shifted: { bits: 8 * bytesMissing, scale } }) };
}

interface ColumnChunk {
  elsewhere: boolean;
  values: number;
  bytes: number;
  start: number;
  statistics?: Statistics;
}

interface RawRowGroup {
  rows: number;
  columns: ColumnChunk[];
}

function readRowGroup(reader: ThriftReader, leaves: readonly Leaf[]): RawRowGroup {
  const group: RawRowGroup = { rows: 0, columns: [] };
  reader.beginElement();
  while (reader.next()) {
    if (reader.id === 1) {
      const columns = reader.list();
      for (let i = 0; i < columns; i++) group.columns.push(readColumnChunk(reader, leaves[i]?.extent?.physical));
    } else if (reader.id === 3) group.rows = reader.number();
    else reader.skip();
  }
  return group;
}

/** Reads a column chunk, with its statistics where they are of numbers of the type `physical`. */
function readColumnChunk(reader: ThriftReader, physical: number | undefined): ColumnChunk {
  const chunk: ColumnChunk = { elsewhere: false, values: 0, bytes: 0, start: 0 };
  reader.beginElement();
  while (reader.next()) {
    if (reader.id === 1) chunk.elsewhere = reader.text() !== '';
    else if (reader.id === 3) readColumnMetadata(reader, physical, chunk);
    else reader.skip();
  }
  return chunk;
}

function readColumnMetadata(reader: ThriftReader, physical: number | undefined, chunk: ColumnChunk): void {
  let dictionary = 0;
  reader.begin();
  while (reader.next()) {
    if (reader.id === 5) chunk.values = reader.number();
    else if (reader.id === 7) chunk.bytes = reader.number();
    else if (reader.id === 9) chunk.start = reader.number();
    else if (reader.id === 11) dictionary = reader.number();
    else if (reader.id === 12 && physical !== undefined) chunk.statistics = readStatistics(reader, physical);
    else reader.skip();
  }
  // Some writers put 0 where there is no dictionary page.
  if (dictionary > 0) chunk.start = Math.min(chunk.start, dictionary);
}

/** The row group, once what it declares has been found possible. */
function checked({ rows, columns }: RawRowGroup, leaves: Leaf[], index: number, dataEnd: number): RowGroup {
  const says = (what: string) => new ThriftError(`is not plausible: row group ${index} ${what}`);
  if (columns.length !== leaves.length) throw says(`has ${columns.length} columns, the schema ${leaves.length}`);
  let bytes = 0;
  columns.forEach((column, i) => {
    if (column.elsewhere) throw says('keeps its data in another file');
    if (rows > 0 && !(column.bytes >= 0 && column.start >= HEAD_BYTES && column.start + column.bytes <= dataEnd)) {
      throw says(`declares data outside the file (${column.bytes} bytes at ${column.start})`);
    }
    if (leaves[i]?.flat && column.values !== rows)
      throw says(`declares ${rows} rows and a column of ${column.values} values`);
    leaves[i]?.extent?.add(column.statistics, rows);
    bytes += column.bytes;
  });
  if (!(rows >= 0 && rows <= bytes * ROWS_PER_BYTE_MAX)) throw says(`declares ${rows} rows in ${bytes} bytes`);
  return { rows, bytes };
}

async function readAt(file: Ranges, path: string, offset: number, length: number): Promise<Buffer> {
  const bytes = await file.read(offset, length);
  if (bytes.length !== length) throw invalid(path, 'grew shorter while it was read', 'run again once it is complete');
  return bytes;
}

const NOT_PARQUET = "only Parquet is read; DuckDB converts: COPY (FROM 'data.csv') TO 'data.parquet'";

function invalid(path: string, what: string, hint: string, cause?: unknown): BatchCoreError {
  return new BatchCoreError('SOURCE_INVALID', `"${path}" ${what}`, { where: { file: path }, hint, cause });
}

function corrupt(path: string, what: string, cause?: unknown): BatchCoreError {
  return invalid(path, `is damaged: its footer ${what}`, 'copy or write the file again', cause);
}

function encrypted(path: string): BatchCoreError {
  return invalid(path, 'is encrypted', 'encrypted Parquet is not read; decrypt it first');
}
