/** Where the scores go, and whether something is there already. */
import { existsSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, extname, join, resolve } from 'node:path';
import { partFacts } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';

export interface Output {
  /** Absolute, without a final slash. */
  path: string;
  layout: 'file' | 'directory';
}

const LATER_FORMATS = ['.csv', '.ndjson', '.jsonl', '.arrow', '.feather', '.duckdb'];

/** The output asked for, or `<stem>.scores.parquet` in the current directory. */
export function resolveOutput(out: string | undefined, sources: readonly string[], cwd: string): Output {
  if (out === undefined) {
    const first = basename(sources[0] ?? 'source');
    const stem = first.endsWith('.parquet') ? first.slice(0, -'.parquet'.length) : first;
    // Only a pattern lends its name with its signs taken out: "[a].parquet" that exists is that file, and "?a?.parquet" another.
    const literal = existsSync(resolve(cwd, sources[0] ?? ''));
    const name = literal ? stem : stem.replaceAll(/[*?[\]]/g, '_');
    return { path: join(cwd, `${name || 'source'}.scores.parquet`), layout: 'file' };
  }
  const path = resolve(cwd, out);
  if (out.endsWith('/') || (existsSync(path) && statSync(path).isDirectory())) return { path, layout: 'directory' };
  if (path.endsWith('.parquet')) return { path, layout: 'file' };
  const later = LATER_FORMATS.includes(extname(path));
  throw new BatchCoreError('UNKNOWN_FORMAT', `--out: "${out}" is not a format this version writes`, {
    where: { option: '--out', file: path },
    hint: `${later ? 'this version writes Parquet: ' : ''}end the name in .parquet, or in / for a directory of parts`,
  });
}

/** What lies at the output's path. */
export type Found =
  | { kind: 'nothing' }
  | { kind: 'ours'; jobId: string; bytes: number }
  | { kind: 'foreign'; what: string };

export const METADATA_JOB = 'batch_core.job_id';
export const MANIFEST = 'manifest.json';
export const SUCCESS = '_SUCCESS';

export function findOutput(
  output: Output,
  readManifest: (path: string) => { jobId?: unknown; bytes?: unknown } | undefined,
): Found {
  if (!existsSync(output.path)) return { kind: 'nothing' };
  if (output.layout === 'directory') {
    if (!statSync(output.path).isDirectory()) return { kind: 'foreign', what: 'a file' };
    const manifest = readManifest(join(output.path, MANIFEST));
    if (manifest && typeof manifest.jobId === 'string' && existsSync(join(output.path, SUCCESS)))
      return { kind: 'ours', jobId: manifest.jobId, bytes: Number(manifest.bytes ?? 0) };
    return { kind: 'foreign', what: manifest ? 'an unfinished directory' : 'a directory that batch-core did not make' };
  }
  if (statSync(output.path).isDirectory()) return { kind: 'foreign', what: 'a directory' };
  try {
    const facts = partFacts(output.path);
    const jobId = facts.metadata[METADATA_JOB];
    return jobId === undefined
      ? { kind: 'foreign', what: 'another file' }
      : { kind: 'ours', jobId, bytes: facts.bytes };
  } catch {
    return { kind: 'foreign', what: 'another file' };
  }
}

/** Refuses an output that could not be written or that would overwrite what is not ours to overwrite. */
export function checkOutput(output: Output, inputs: readonly string[]): void {
  const real = existsSync(output.path) ? realpathSync(output.path) : output.path;
  const input = inputs.find((path) => realpathSync(path) === real);
  if (input !== undefined)
    throw new BatchCoreError('OUTPUT_EXISTS', `--out: ${output.path} is the source itself`, {
      where: { option: '--out', file: output.path },
      hint: 'choose another output; a source is never overwritten, not even with --force',
    });
  const parent = dirname(output.path);
  if (!existsSync(parent) || !statSync(parent).isDirectory())
    throw new BatchCoreError('OUTPUT_UNWRITABLE', `--out: there is no directory ${parent}`, {
      where: { option: '--out', file: parent },
      hint: 'create it, or choose another output',
    });
}

/** Measured: row number, score and flag of random data take 7 bytes a row with zstd; parts and output stand side by side. */
const BYTES_PER_ROW = 7;

/** Refuses to begin what could not end for lack of room. */
export function checkRoom(directory: string, rows: number, option: string): void {
  const { bavail, bsize } = statfsSync(directory);
  const [free, needed] = [bavail * bsize, 2 * rows * BYTES_PER_ROW + 2 ** 20];
  if (free >= needed) return;
  const mib = (bytes: number) => `${Math.ceil(bytes / 2 ** 20)} MiB`;
  throw new BatchCoreError(
    'DISK_FULL',
    `${directory} has ${mib(free)} free; scoring ${rows} rows needs about ${mib(needed)}`,
    {
      where: { file: directory, option },
      hint: 'make room, or choose another disk with --out and --home',
    },
  );
}
