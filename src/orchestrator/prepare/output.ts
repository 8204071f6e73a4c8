/** Where the scores go. */
import { existsSync, statSync } from 'node:fs';
import { basename, sep } from 'node:path';
import { BatchCoreError } from '../../errors.ts';
import { fromHere, placeOf } from '../../files/paths.ts';
import { realPlace } from '../../sink/place.ts';
import { resolveSource } from '../../source/resolve.ts';
import type { JobStatus } from '../../store/status.ts';
import { lookFrom } from './home.ts';

export interface Output {
  /** Absolute, without a final slash, as it was asked for: for people. */
  path: string;
  /** Where that is, links resolved: what is written to, known again and compared. */
  place: string;
  layout: 'file' | 'directory';
}

/** The output asked for, or `<stem>.scores.parquet` in the current directory. */
export function resolveOutput(out: string | undefined, sources: readonly string[]): Output {
  if (out === undefined) {
    const source = sources[0] ?? '';
    // Only a pattern lends its name with its signs taken out: "[a].parquet" that exists is that file, and "?a?.parquet" another.
    // The name of "." is that of the directory it stands for.
    const literal = existsSync(fromHere(source));
    const last = literal ? basename(fromHere(source)) : basename(source).replaceAll(/[*?[\]]/g, '_');
    const name = last.endsWith('.parquet') ? last.slice(0, -'.parquet'.length) : last;
    return outputAt(fromHere(`${name || 'source'}.scores.parquet`), 'file');
  }
  const path = placeOf(out, '--out');
  if (out.endsWith('/')) return outputAt(path, 'directory');
  // Whatever lies there: a command means the same when it is run again.
  if (path.endsWith('.parquet')) return outputAt(path, 'file');
  if (existsSync(path) && statSync(path).isDirectory()) return outputAt(path, 'directory');
  throw new BatchCoreError('UNKNOWN_FORMAT', `--out: "${out}" is not a format this version writes`, {
    where: { option: '--out', file: path },
    hint: 'end the name in .parquet, or in / for a directory of parts',
  });
}

/** The output at an absolute path; an empty one is nowhere yet. */
export function outputAt(path: string, layout: Output['layout']): Output {
  return { path, place: path && realPlace(path, layout), layout };
}

/** What a command writes, and where the files lie that others of its home made from which sources. */
export interface Written {
  /** The places of its output and models. */
  places: readonly string[];
  /** Asked only where something lies at one of them. */
  jobs: () => readonly (Pick<JobStatus, 'source'> & { places: readonly string[] })[];
  /** What the command scores. */
  of: readonly string[];
}

/** The places that a command writes to. */
export function writtenPlaces(output: Pick<Output, 'place'>, saveModel: unknown): string[] {
  return [output.place, ...(typeof saveModel === 'string' ? [realPlace(saveModel)] : [])].filter(Boolean);
}

/** The files of `asked`, without what the same command wrote among them. */
export function inputFiles(asked: readonly string[], written: Written): Promise<string[]> {
  return resolveSource(asked, lookFrom(asked), (files) => exceptWritten(files, asked, written));
}

/**
 * The files of a directory or pattern but for what this very command wrote among them before: it was not there when it was
 * asked for first, and a source that grew by it would be another.
 */
function exceptWritten(files: string[], asked: readonly string[], { places, jobs, of }: Written): string[] {
  const named = asked.map((source) => fromHere(source));
  const sources = JSON.stringify(of.map((source) => fromHere(source)));
  const written = (file: string, at: readonly string[]) => {
    const real = realPlace(file);
    return !named.includes(file) && at.some((place) => real === place || real.startsWith(place + sep));
  };
  if (!files.some((file) => written(file, places))) return files;
  const same = jobs().filter(({ source }) => JSON.stringify(source) === sources);
  const made = places.filter((place) => same.some((job) => job.places.includes(place)));
  return files.filter((file) => !written(file, made));
}
