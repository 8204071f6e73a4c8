/** From what the user wrote to the files that are meant, in the order in which they are read. */
import { basename, dirname, extname, isAbsolute, join, relative, resolve } from 'node:path';
import { editDistance } from '../distance.ts';
import { quoteText } from '../duckdb/client.ts';
import { BatchCoreError, type ErrorCode } from '../errors.ts';
import { tooLong } from '../files/names.ts';
import { isLost, notUtf8 } from '../files/paths.ts';
import { INTENT } from '../sink/look.ts';
import { linkTarget } from '../storage/local.ts';
import { storage } from '../storage/sources.ts';
import type { Kind } from '../storage/storage.ts';
import { glob, isPattern } from './glob.ts';
import { exceptJobs } from './jobFiles.ts';

/**
 * The absolute paths of the files of `sources`. A path that exists is that file or directory, whatever characters it
 * holds; only one that does not may be a pattern. The files of a directory or pattern are sorted by their bytes, and are
 * none of a job's. `except` takes out what is not meant, before any of it is refused for what it is.
 */
export async function resolveSource(
  sources: readonly string[],
  cwd: string,
  except: (files: string[]) => string[] = (files) => files,
): Promise<string[]> {
  const found: string[] = [];
  for (const source of sources) for (const file of await resolveOne(source, cwd)) found.push(file);
  const files = except(found);
  for (const file of files) refuseFormat(file);
  const named = new Set(sources.map((source) => resolve(cwd, source)));
  await refuseUnpublished(files.filter((file) => !named.has(file)));
  await refuseDuplicates(files);
  return files;
}

/** A directory of parts that is not finished has not all its rows. */
async function refuseUnpublished(files: readonly string[]): Promise<void> {
  for (const directory of new Set(files.map((file) => dirname(file)))) {
    if ((await storage.stat(join(directory, INTENT)).catch(() => undefined)) === undefined) continue;
    throw new BatchCoreError('SOURCE_INVALID', `${directory} is an output that is not finished`, {
      where: { file: directory },
      hint: 'run the command again that writes it, or name the sources without it',
    });
  }
}

async function resolveOne(source: string, cwd: string): Promise<string[]> {
  const path = resolve(cwd, source);
  const found = source === '' ? undefined : await look(path);
  if (found === 'directory') return dataFiles(path, source);
  if (found !== undefined) {
    refuseSpecial(source, path, found);
    // Whether it may be read is known once it is open.
    await (await storage.open(path)).close();
    return [path];
  }
  if (!isPattern(source)) throw await notFound(source, path, cwd);
  const all = await glob(source, cwd);
  const matched = sortByBytes(exceptJobs(all));
  if (matched.length === 0) {
    throw new BatchCoreError('SOURCE_NOT_FOUND', `no file matches "${source}"${all.length > 0 ? OF_JOBS : ''}`, {
      where: { file: path },
      hint: 'quote the pattern if the shell should not see it; ** matches any directories',
    });
  }
  return matched;
}

/**
 * Only a file can be read twice and in parts. The others are refused by their kind, before anything opens them: opening a
 * pipe waits for whoever writes into it.
 */
function refuseSpecial(source: string, path: string, kind: Kind): void {
  if (kind === 'file') return;
  const words = kind === 'other' || kind === 'directory' ? 'no regular file' : `a ${kind}`;
  throw new BatchCoreError('SOURCE_INVALID', `"${source}" is ${words}`, {
    where: { file: path },
    hint: 'a source is read more than once and in parts: write the table to a Parquet file first',
  });
}

/** No file has such a name, so that it may be a pattern. */
const ABSENT: readonly ErrorCode[] = ['SOURCE_NOT_FOUND', 'NAME_TOO_LONG'];

async function look(path: string): Promise<Kind | undefined> {
  try {
    return (await storage.stat(path)).kind;
  } catch (error) {
    if (ABSENT.includes(BatchCoreError.from(error).code)) return undefined;
    throw error;
  }
}

/** The Parquet files under a directory, without those that other programs hide or have not finished. */
async function dataFiles(directory: string, source: string): Promise<string[]> {
  const files: string[] = [];
  const others = new Set<string>();
  const pending = [directory];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    for (const entry of await storage.list(path)) {
      if (entry.name.startsWith('.') || entry.name.startsWith('_')) continue;
      const child = join(path, entry.name);
      if (isLost(entry.name, child)) throw notUtf8(entry.name, child);
      if (entry.kind === 'directory') pending.push(child);
      else if (extname(entry.name).toLowerCase() === '.parquet') {
        if (entry.kind === 'file' || (await look(child)) === 'file') files.push(child);
      } else others.add(extname(entry.name) || 'no extension');
    }
  }
  const data = exceptJobs(files);
  if (data.length > 0) return sortByBytes(data);
  const ofJobs = files.length > 0 ? OF_JOBS : '';
  throw new BatchCoreError('SOURCE_NOT_FOUND', `the directory "${source}" holds no *.parquet file${ofJobs}`, {
    where: { file: directory },
    hint:
      others.size > 0
        ? `it holds files with ${[...others].sort().slice(0, 5).join(', ')}; name them one by one`
        : 'name a directory with Parquet files in it, or the files one by one',
  });
}

/** Said where all there is was left out. */
const OF_JOBS = ' but those of jobs of batch-core, which are no source';

// Not by locale, or the same directory would be read in another order on another machine.
function sortByBytes(paths: string[]): string[] {
  return paths
    .map((path) => ({ path, bytes: Buffer.from(path) }))
    .sort((a, b) => Buffer.compare(a.bytes, b.bytes))
    .map(({ path }) => path);
}

async function refuseDuplicates(files: readonly string[]): Promise<void> {
  const seen = new Map<string, string>();
  for (const file of files) {
    const real = await storage.realPath(file);
    const other = seen.get(real);
    if (other !== undefined) {
      const what = other === file ? `"${file}" is named twice` : `"${other}" and "${file}" are the same file`;
      throw new BatchCoreError('USAGE', what, { where: { file }, hint: 'name each file once' });
    }
    seen.set(real, file);
  }
}

/** Formats known by their extension that are not read, and how to turn each into Parquet. */
const DUCKDB_CONVERTS = ['.csv', '.tsv', '.json', '.ndjson', '.jsonl', '.xlsx'];
const PANDAS_CONVERTS: Record<string, string> = {
  '.arrow': 'read_feather',
  '.feather': 'read_feather',
  '.ipc': 'read_feather',
  '.orc': 'read_orc',
  '.h5': 'read_hdf',
  '.hdf5': 'read_hdf',
  '.xls': 'read_excel',
};
const OTHERS = ['.avro', '.npy', '.npz', '.sqlite', '.db', '.duckdb', '.gz', '.zst', '.bz2', '.xz', '.zip', '.tar'];

function refuseFormat(file: string): void {
  const extension = extname(file).toLowerCase();
  const name = basename(file);
  const target = `${basename(file, extname(file))}.parquet`;
  const refuse = (why: string, hint: string) =>
    new BatchCoreError('UNKNOWN_FORMAT', `"${name}": ${why}`, { where: { file }, hint });

  if (extension === '.pkl' || extension === '.pickle') {
    throw refuse(
      'a pickle is not read, because reading one executes whatever code is in it',
      `if you trust it: pandas.read_pickle(${JSON.stringify(name)}).to_parquet(${JSON.stringify(target)})`,
    );
  }
  const why = `${extension} files are not read; Parquet is`;
  if (DUCKDB_CONVERTS.includes(extension)) {
    throw refuse(why, `convert it once with the DuckDB shell: COPY (FROM ${quoteText(name)}) TO ${quoteText(target)}`);
  }
  const reader = Object.hasOwn(PANDAS_CONVERTS, extension) ? PANDAS_CONVERTS[extension] : undefined;
  if (reader !== undefined)
    throw refuse(
      why,
      `convert it once: pandas.${reader}(${JSON.stringify(name)}).to_parquet(${JSON.stringify(target)})`,
    );
  if (OTHERS.includes(extension)) throw refuse(why, 'unpack or convert it to Parquet first');
}

async function notFound(source: string, path: string, cwd: string): Promise<BatchCoreError> {
  const say = (hint: string | undefined) =>
    new BatchCoreError('SOURCE_NOT_FOUND', `"${source}" does not exist`, { where: { file: path }, hint });
  if (source === '') return say('name a Parquet file, a pattern or a directory');
  if (source === '-') return say('standard input is not read; write the table to a Parquet file');
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(source)) return say('only files of this machine are read; download it first');
  if (isLost(source, path)) return notUtf8(source, path);
  const long = tooLong(path, 0);
  if (long !== undefined)
    throw new BatchCoreError('NAME_TOO_LONG', `there can be no file "${source}": ${long}`, { where: { file: path } });
  const link = await deadLink(path);
  if (link !== undefined) return link;
  const near = await namesNear(path);
  const absolute = isAbsolute(source);
  if (near.length === 0) return say(absolute ? 'check the path' : `check the path: it is looked for from ${cwd}`);
  const shown = near.map((name) => join(dirname(path), name)).map((near) => (absolute ? near : relative(cwd, near)));
  return say(`did you mean ${shown.map((name) => `"${name}"`).join(' or ')}?`);
}

/** The error for a link that leads to nothing, where `path` is one. */
async function deadLink(path: string): Promise<BatchCoreError | undefined> {
  const target = await linkTarget(path);
  if (target === undefined) return undefined;
  return new BatchCoreError('SOURCE_NOT_FOUND', `"${path}" is a link to "${target}", which does not exist`, {
    where: { file: path },
    hint: 'put the file it leads to back, or name another',
  });
}

/** Up to three names in the same directory that differ from the missing one by little. */
async function namesNear(path: string): Promise<string[]> {
  const wanted = basename(path).toLowerCase();
  const entries = await storage.list(dirname(path)).catch(() => []);
  const distanceMax = Math.max(2, Math.floor(wanted.length / 4));
  return entries
    .map(({ name }) => ({ name, distance: editDistance(wanted, name.toLowerCase(), distanceMax) }))
    .filter(({ distance }) => distance <= distanceMax)
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}
