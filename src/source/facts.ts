/** What is known about a source before a row of it is read: its columns, rows and row groups, and who its files are. */
import { type Database, literalPath, openMemory } from '../duckdb/client.ts';
import { type ErrorCode, plainRemedy } from '../errorCodes.ts';
import { BatchCoreError } from '../errors.ts';
import { storage } from '../storage/sources.ts';
import type { Identity } from '../storage/storage.ts';
import { type Extent, unionOf, withoutGroups } from './extent.ts';
import { type Footer, type MisreadDecimal, parseFooter, type RowGroup, readFooter } from './footer.ts';
import type { FileIdentity } from './identity.ts';

export type { RowGroup } from './footer.ts';
export { type FieldDifference, type FileIdentity, sourceDifferences } from './identity.ts';

/** One file of a source. */
export type SourceFile = FileIdentity & {
  rows: number;
  rowGroups: RowGroup[];
};

/** One column of a source. */
export interface SourceColumn {
  name: string;
  /** The DuckDB type, as DuckDB writes it. */
  type: string;
  /** Whether it is scored when nobody chose columns: a number or a boolean. */
  usable: boolean;
  /** Whether it can be scored when it is chosen by name: dates and times too. */
  convertible: boolean;
  /** DuckDB misreads it in a way that the scan puts right. */
  shifted?: NonNullable<MisreadDecimal['shifted']>;
  /** Its values cannot be had at all: what DuckDB makes of them is not what the file says. */
  unreadable?: true;
  /** It cannot be copied to an output: Parquet written here has no such type. */
  uncopied?: true;
  /** DuckDB reads its nanoseconds in microseconds. */
  coarse?: true;
  /** Why it is not usable. */
  reason?: string;
  /** What the file calls it, where DuckDB calls it otherwise: it tells names apart without regard to case. */
  nameInFile?: string;
}

export interface SourceFacts {
  files: SourceFile[];
  columns: SourceColumn[];
  /** What the files' own statistics claim of some columns; who uses it checks it. */
  extents: Map<string, Extent>;
}

/**
 * Reads the facts of the Parquet files `paths` (absolute), which must all have the same columns.
 *
 * @param options - `groups`: extents tell of row groups too, unless those are too many to keep.
 */
export async function readFacts(paths: readonly string[], { groups = false } = {}): Promise<SourceFacts> {
  const read = await readFiles(paths, groups ? GROUP_EXTENTS_MAX : 0);
  // Whoever scans them needs a name for each that DuckDB can be told.
  for (const path of paths) literalPath(path);
  const [first] = read;
  if (first === undefined) throw new BatchCoreError('SOURCE_EMPTY', 'the source has no files');
  const columns = await columnsOf(read, first);
  for (const place of new Set(read.flatMap((one) => one.columns.flatMap(({ coarse }, at) => (coarse ? [at] : []))))) {
    const column = columns[place];
    if (column) column.coarse = true;
  }
  const extents = new Map<string, Extent>();
  for (const [place, { name }] of columns.entries()) {
    const union = unionOf(read.map((one) => one.columns[place]?.extent));
    if (union) extents.set(name, union);
  }
  return { files: read.map(({ file }) => file), columns, extents };
}

/** The columns of the first file, which all have. */
async function columnsOf(read: readonly ReadFile[], first: ReadFile): Promise<SourceColumn[]> {
  // Files whose footers spell the schema alike have the same columns.
  const others = read.filter(({ schema }) => Buffer.compare(schema, first.schema) !== 0);
  const asked = [first, ...others].filter(isAsked);
  const database = asked.length > 0 ? await openMemory({ files: asked.map(({ file }) => file.path) }) : undefined;
  try {
    const columns = await describe(database, first);
    for (const one of others)
      refuseOtherColumns(first.file.path, columns, one.file.path, await describe(database, one));
    return columns;
  } finally {
    await database?.close();
  }
}

/** What is cheap to read of a file's identity: asked after each chunk, to notice a file replaced under the run. */
export async function statIdentity(path: string): Promise<Identity> {
  return (await storage.stat(path)).identity;
}

/** What one file's footer tells. */
interface ReadFile extends Pick<Footer, 'schema' | 'columns' | 'plain'> {
  file: SourceFile;
}

/** As many as the pool has threads for, twice. */
const AT_ONCE = 8;

/** Of so many columns of row groups the extents are kept, 24 bytes each; of more, those of whole files. */
const GROUP_EXTENTS_MAX = 2 ** 20;

/** In order; of several that fail, the first is told. */
async function readFiles(paths: readonly string[], groupExtentsMax: number): Promise<ReadFile[]> {
  const read: ReadFile[] = [];
  let groupExtents = 0;
  for (let first = 0; first < paths.length; first += AT_ONCE) {
    const some = await Promise.allSettled(paths.slice(first, first + AT_ONCE).map(readFile));
    for (const one of some) {
      if (one.status === 'rejected') throw one.reason;
      const { file, columns } = one.value;
      groupExtents += file.rowGroups.length * columns.filter(({ extent }) => extent).length;
      read.push(groupExtents > groupExtentsMax ? coarsened(one.value) : one.value);
    }
  }
  return groupExtents > groupExtentsMax ? read.map(coarsened) : read;
}

function coarsened(file: ReadFile): ReadFile {
  const columns = file.columns.map(({ extent, ...column }) => ({
    ...column,
    ...(extent && { extent: withoutGroups(extent) }),
  }));
  return { ...file, columns };
}

async function readFile(path: string): Promise<ReadFile> {
  const opened = await storage.open(path);
  try {
    const { identity, size } = opened;
    const bytes = await readFooter(opened, path);
    const { rows, rowGroups, sha256: footerSha256, ...rest } = parseFooter(bytes, path, size);
    return { file: { path, ...identity, footerBytes: bytes.length, footerSha256, rows, rowGroups }, ...rest };
  } finally {
    await opened.close();
  }
}

/**
 * Whether DuckDB has to be asked what columns a file has: its footer does not tell plainly, or DuckDB finds the file by a
 * pattern, for which it must be let to look at what lies beside it.
 */
function isAsked({ file: { path }, plain }: ReadFile): boolean {
  return !plain || literalPath(path) !== path;
}

/** The columns of a file, of which `database` is asked where the footer does not tell. */
async function describe(database: Database | undefined, file: ReadFile): Promise<SourceColumn[]> {
  const { columns } = file;
  if (database === undefined || !isAsked(file))
    return columns.map(({ name, type = '', misread }) => describeColumn(name, type, misread));
  const { path } = file.file;
  try {
    const rows = await database.all('DESCRIBE SELECT * FROM read_parquet($1, hive_partitioning=false)', [
      literalPath(path),
    ]);
    return rows.map(({ column_name, column_type }, place) => {
      const { name, misread } = columns[place] ?? {};
      const column = describeColumn(String(column_name), String(column_type), misread);
      return name === undefined || name === column.name ? column : { ...column, nameInFile: name };
    });
  } catch (cause) {
    throw describeError(path, BatchCoreError.from(cause));
  }
}

/** What the system refused is not what is wrong with the file. */
function describeError(path: string, error: BatchCoreError): BatchCoreError {
  if (error.code === 'SOURCE_INVALID') return error;
  if (/at least one non-root column/.test(error.message))
    return new BatchCoreError('NO_USABLE_COLUMN', `"${path}" has no columns`, {
      where: { file: path },
      hint: 'check what wrote the file',
    });
  const [message = ''] = error.message.split('\n', 1);
  const [, code] = REFUSALS.find(([said]) => said.test(message.replaceAll(path, ''))) ?? [];
  const plain = code ?? (REFUSED.includes(error.code) ? error.code : 'SOURCE_INVALID');
  const what = plain === 'SOURCE_INVALID' ? 'cannot be read as Parquet' : 'cannot be read';
  return new BatchCoreError(plain, `"${path}" ${what}: ${message}`, {
    where: { file: path },
    hint: plain === 'SOURCE_INVALID' ? 'copy or write the file again' : plainRemedy(plain),
    cause: error,
  });
}

/** DuckDB takes a file that it may not look at for a pattern, and then is not let to look for what matches. */
const REFUSALS: readonly (readonly [RegExp, ErrorCode])[] = [
  [/Stale file handle/, 'TRANSIENT_IO'],
  [/Permission denied|Operation not permitted|file system operations are disabled/, 'SOURCE_UNREADABLE'],
  [/No such file or directory|Not a directory/, 'SOURCE_NOT_FOUND'],
];

/** Codes that are the same of whatever is read. */
const REFUSED: readonly ErrorCode[] = ['DISK_ERROR', 'TOO_MANY_FILES', 'OUT_OF_MEMORY', 'NAME_TOO_LONG'];

const NUMERIC = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\)|BOOLEAN)$/;
const TEMPORAL = /^(DATE|TIME(_NS| WITH TIME ZONE)?|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?)$/;

/** What a column of this name and DuckDB type is good for; `misread` is what of it DuckDB misreads. */
export function describeColumn(name: string, type: string, misread?: MisreadDecimal): SourceColumn {
  if (misread?.shifted) return { name, type: misread.type, usable: true, convertible: true, shifted: misread.shifted };
  if (misread) {
    const reason = `${misread.type}, which would be misread`;
    return { name, type, usable: false, convertible: false, unreadable: true, reason };
  }
  if (NUMERIC.test(type)) return { name, type, usable: true, convertible: true };
  // Not a field of a struct that has that name.
  const uncopied = /\bINTERVAL\b(?! [A-Z])/.test(type.replaceAll(/"(?:[^"]|"")*"/g, '""'));
  return {
    ...{ name, type, usable: false, convertible: TEMPORAL.test(type), reason: type },
    ...(uncopied && { uncopied }),
  };
}

function refuseOtherColumns(path: string, columns: SourceColumn[], other: string, others: SourceColumn[]): void {
  const at = Array.from({ length: Math.max(columns.length, others.length) }).findIndex(
    (_, i) => columns[i]?.name !== others[i]?.name || columns[i]?.type !== others[i]?.type,
  );
  if (at < 0) return;
  const say = (column: SourceColumn | undefined) => (column ? `"${column.name}" ${column.type}` : 'none');
  throw new BatchCoreError(
    'SCHEMA_MISMATCH',
    `the files differ in column ${at + 1}: ${say(columns[at])} in "${path}", ${say(others[at])} in "${other}"`,
    {
      where: { file: other, column: (others[at] ?? columns[at])?.name ?? '' },
      hint: isOutput(columns)
        ? outputHint(path)
        : isOutput(others)
          ? outputHint(other)
          : 'score files of one schema together, the others in a run of their own',
    },
  );
}

/** Whether these are the columns of what a run wrote: the usual way for it to be taken for a source is `*.parquet`. */
function isOutput(columns: readonly SourceColumn[]): boolean {
  const names = columns.map(({ name }) => name);
  return ['row', 'score', 'anomaly'].every((name) => names.includes(name));
}

function outputHint(path: string): string {
  return `"${path}" is an output of batch-core: name the sources without it, or keep outputs in another directory (--out)`;
}
