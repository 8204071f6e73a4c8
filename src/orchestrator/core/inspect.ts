/** What a source, a model, an output or a job is. Looks only. */
import { accessSync, constants, existsSync, type Stats, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { type DetectorInfo, detectorTable, type ModelFacts, partFacts } from '../../bindings/native.ts';
import { BatchCoreError, type ErrorRecord } from '../../errors.ts';
import { fromHere } from '../../files/paths.ts';
import { isModelFile, METADATA_FINGERPRINT, METADATA_MODEL, SUCCESS } from '../../sink/look.ts';
import { MANIFEST, readManifest } from '../../sink/manifest.ts';
import { readFacts, type SourceColumn, type SourceFacts } from '../../source/facts.ts';
import { resolveSource } from '../../source/resolve.ts';
import { knownJobs } from '../../store/home.ts';
import type { JobStatus } from '../../store/status.ts';
import { jobStatus } from '../job/told.ts';
import { lookFrom } from '../prepare/home.ts';
import { loadModelFile } from '../prepare/modelFile.ts';
import { refuseRowNumbers } from '../spec/columns.ts';
import { damaged, unfinished } from '../verify/verified.ts';
import { type FlagFacts, readFlagFacts } from './flagFacts.ts';

/** Parquet files that are no output. */
export interface InspectedSource {
  kind: 'source';
  /** Of the first file. */
  path: string;
  files: { path: string; rows: number; bytes: number }[];
  metadata?: Record<string, string>;
  rows: number;
  bytes: number;
  rowGroups: SourceFacts['files'][number]['rowGroups'];
  columns: SourceColumn[];
  /** Why `score` refuses it, whatever is asked. */
  refusal?: ErrorRecord;
}

/** An output in one file. */
export interface InspectedFile {
  kind: 'output';
  path: string;
  fingerprint?: string;
  /** The digest of its model. */
  model?: string;
  metadata: Record<string, string>;
  rows: number;
  bytes: number;
  rowGroups: SourceFacts['files'][number]['rowGroups'];
  columns: SourceColumn[];
  flags: FlagFacts;
}

/** A directory of parts, with all that its manifest says. */
export interface InspectedDirectory {
  kind: 'output';
  path: string;
  rows: number;
  bytes: number;
  model?: unknown;
  parts: readonly unknown[];
  flags: FlagFacts;
}

export type InspectedModel = { kind: 'model'; path: string; bytes: number } & ModelFacts;

export type Inspected =
  | InspectedSource
  | InspectedFile
  | InspectedDirectory
  | InspectedModel
  | ({ kind: 'job' } & JobStatus);

/** The detectors there are, and what they can be told. */
export const detectors = (): DetectorInfo[] => detectorTable();

/** Several paths are a source; what one is, it tells itself. */
export async function inspect(paths: readonly string[]): Promise<Inspected> {
  const [only, ...more] = paths;
  if (only === undefined)
    throw new BatchCoreError('USAGE', 'inspect: nothing to look at', {
      hint: 'name a Parquet file, a directory, a model, an output or a job, or give --detectors',
    });
  if (more.length > 0) return inspectSource(paths);
  const path = fromHere(only);
  const stats = statsOf(path);
  if (stats?.isDirectory()) return inspectDirectory(only, path);
  // What is no file that can be read is told in the words that score has for it.
  if (!stats?.isFile() || !isReadable(path)) return inspectSource(paths);
  return isModelFile(path) ? inspectModel(only) : inspectFile(only, path);
}

/** What may not be looked at, the source's own look says in its words. */
function statsOf(path: string): Stats | undefined {
  try {
    return statSync(path);
  } catch {
    return undefined;
  }
}

function isReadable(path: string): boolean {
  try {
    accessSync(path, constants.R_OK);
    return true;
  } catch {
    return false;
  }
}

async function inspectDirectory(asked: string, path: string): Promise<Inspected> {
  const manifest = readManifest(join(path, MANIFEST));
  if (manifest) return inspectOutputDirectory(path, manifest.content);
  const home = dirname(dirname(path));
  const isJob = basename(dirname(path)) === 'jobs' && knownJobs(home).includes(basename(path));
  return isJob ? { kind: 'job', ...jobStatus(home, basename(path)) } : inspectSource([asked]);
}

async function inspectOutputDirectory(path: string, manifest: Record<string, unknown>): Promise<InspectedDirectory> {
  if (!existsSync(join(path, SUCCESS))) throw unfinished(path, false);
  const parts: readonly unknown[] = Array.isArray(manifest['parts']) ? manifest['parts'] : [];
  const files = parts.map((part) => join(path, basename(String(Object(part).name))));
  const flags = await readFlagFacts(files);
  const { rows } = flags;
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  if (rows !== manifest['rows'] || bytes !== manifest['bytes'])
    throw damaged(
      path,
      `its manifest says ${manifest['rows']} rows in ${manifest['bytes']} bytes; its parts have ${rows} in ${bytes}`,
    );
  return { kind: 'output', path, ...manifest, rows, bytes, parts, flags };
}

/** A model; whatever else lies there is refused. */
export function inspectModel(asked: string): InspectedModel {
  const path = fromHere(asked);
  const { facts, bytes } = loadModelFile(path);
  return { kind: 'model', path, bytes: bytes.length, ...facts };
}

/** One Parquet file: a source, or an output when its metadata says so. */
async function inspectFile(asked: string, path: string): Promise<Inspected> {
  const [file] = await resolveSource([asked], lookFrom([asked]));
  const facts = await readFacts([file ?? path]);
  const { metadata } = partFacts(path);
  const ours = Object.keys(metadata).some((key) => key.startsWith('batch_core.'));
  return ours ? inspectOutput(path, facts, metadata) : describeSource(facts, metadata);
}

async function inspectOutput(
  path: string,
  { files, columns }: SourceFacts,
  metadata: Record<string, string>,
): Promise<InspectedFile> {
  const [file] = files;
  if (!file) throw new BatchCoreError('BUG', 'an output without a file');
  const { rows, size: bytes, rowGroups } = file;
  const [fingerprint, model] = [metadata[METADATA_FINGERPRINT], metadata[METADATA_MODEL]];
  const flags = await readFlagFacts([path]);
  const whose = { ...(fingerprint !== undefined && { fingerprint }), ...(model !== undefined && { model }) };
  return { kind: 'output', path, ...whose, metadata, rows, bytes, rowGroups, columns, flags };
}

/** Files, directories and patterns, as `score` takes them. */
async function inspectSource(paths: readonly string[]): Promise<InspectedSource> {
  return describeSource(await readFacts(await resolveSource(paths, lookFrom(paths))));
}

function describeSource(facts: SourceFacts, metadata?: Record<string, string>): InspectedSource {
  const { files, columns } = facts;
  const [first] = files;
  if (!first) throw new BatchCoreError('BUG', 'a source without files');
  const refusal = refusalOf(facts);
  return {
    kind: 'source',
    path: first.path,
    files: files.map((file) => ({ path: file.path, rows: file.rows, bytes: file.size })),
    ...(metadata && { metadata }),
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    bytes: files.reduce((sum, file) => sum + file.size, 0),
    rowGroups: files.flatMap((file) => file.rowGroups),
    columns,
    ...(refusal && { refusal: refusal.toJSON() }),
  };
}

/** Why a source cannot be scored, whatever is asked. */
function refusalOf(facts: SourceFacts): BatchCoreError | undefined {
  try {
    refuseRowNumbers(facts);
    return undefined;
  } catch (thrown) {
    return BatchCoreError.from(thrown);
  }
}
