/** Where the scores go. */
import { existsSync, statSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { BatchCoreError } from '../errors.ts';
import { fromHere, placeOf } from '../paths.ts';

export interface Output {
  /** Absolute, without a final slash. */
  path: string;
  layout: 'file' | 'directory';
}

const LATER_FORMATS = ['.csv', '.ndjson', '.jsonl', '.arrow', '.feather', '.duckdb'];

/** The output asked for, or `<stem>.scores.parquet` in the current directory. */
export function resolveOutput(out: string | undefined, sources: readonly string[]): Output {
  if (out === undefined) {
    const first = basename(sources[0] ?? 'source');
    const stem = first.endsWith('.parquet') ? first.slice(0, -'.parquet'.length) : first;
    // Only a pattern lends its name with its signs taken out: "[a].parquet" that exists is that file, and "?a?.parquet" another.
    const literal = existsSync(fromHere(sources[0] ?? ''));
    const name = literal ? stem : stem.replaceAll(/[*?[\]]/g, '_');
    return { path: fromHere(`${name || 'source'}.scores.parquet`), layout: 'file' };
  }
  const path = placeOf(out, '--out');
  if (out.endsWith('/') || (existsSync(path) && statSync(path).isDirectory())) return { path, layout: 'directory' };
  if (path.endsWith('.parquet')) return { path, layout: 'file' };
  const later = LATER_FORMATS.includes(extname(path));
  throw new BatchCoreError('UNKNOWN_FORMAT', `--out: "${out}" is not a format this version writes`, {
    where: { option: '--out', file: path },
    hint: `${later ? 'this version writes Parquet: ' : ''}end the name in .parquet, or in / for a directory of parts`,
  });
}
