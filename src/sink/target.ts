/** What lies where something is to be written, and whether it may be replaced. Looking and deciding are apart. */
import {
  type BigIntStats,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { type FileId, partFacts } from '../bindings/native.ts';
import { BatchCoreError, systemError } from '../errors.ts';

/** Key-value metadata of everything we write: a digest of what decides the bytes. */
export const METADATA_FINGERPRINT = 'batch_core.fingerprint';
export const METADATA_CHUNK = 'batch_core.chunk';
export const MANIFEST = 'manifest.json';
export const SUCCESS = '_SUCCESS';
/** Says, while a directory is being published, whose it is. */
export const INTENT = '.batch-core-publishing.json';
const PART_NAME = /^part-\d+\.parquet$/;
const MODEL_MAGIC = 'batch-core-model ';

/** What lies at a path. */
export type Found =
  | { kind: 'nothing' }
  /** `what` is ours (an output has a fingerprint) or not. */
  | { kind: 'file'; id: FileId; what: 'output' | 'model' | 'other'; fingerprint?: string; words: string }
  | {
      kind: 'directory';
      /** Of the manifest, or of a publication that did not end; absent where it is not ours. */
      fingerprint?: string;
      /** Names that a publication of ours left there. */
      ours: string[];
      /** Names that it did not. */
      strangers: string[];
    }
  /** Neither file nor directory. */
  | { kind: 'special'; words: string };

/** Looks, without opening anything but regular files and directories. */
export function lookAt(path: string): Found {
  let link: BigIntStats | undefined;
  let stats: BigIntStats | undefined;
  try {
    link = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    stats = link?.isSymbolicLink() ? statSync(path, { bigint: true, throwIfNoEntry: false }) : link;
  } catch (cause) {
    throw systemError(cause, `look at ${path}`, { path });
  }
  if (!link) return { kind: 'nothing' };
  const id = { device: String(link.dev), inode: String(link.ino) };
  if (!stats) return { kind: 'file', id, what: 'other', words: 'a link to nowhere' };
  if (stats.isDirectory()) return lookInto(path);
  if (!stats.isFile()) return { kind: 'special', words: specialWords(stats) };
  return { kind: 'file', id, ...describeFile(path) };
}

/** What a thing that is neither file nor directory is called. */
export function specialWords(stats: Pick<BigIntStats, 'isFIFO' | 'isSocket' | 'isDirectory'>): string {
  if (stats.isFIFO()) return 'a pipe';
  if (stats.isSocket()) return 'a socket';
  return stats.isDirectory() ? 'a directory' : 'a device';
}

function describeFile(path: string): Pick<Extract<Found, { kind: 'file' }>, 'what' | 'fingerprint' | 'words'> {
  if (isModelFile(path)) return { what: 'model', words: 'a model' };
  let fingerprint: string | undefined;
  try {
    fingerprint = partFacts(path).metadata[METADATA_FINGERPRINT];
  } catch {
    // No Parquet, or a damaged one: not known as ours.
  }
  if (fingerprint === undefined) return { what: 'other', words: 'a file that batch-core did not make' };
  return { what: 'output', fingerprint, words: 'the output of another job' };
}

/** Whether a regular file begins as a model does. */
export function isModelFile(path: string): boolean {
  const magic = Buffer.alloc(MODEL_MAGIC.length);
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    readSync(descriptor, magic, 0, magic.length, 0);
  } catch {
    return false;
  } finally {
    if (descriptor !== undefined) closeSync(descriptor);
  }
  return magic.toString('latin1') === MODEL_MAGIC;
}

/** A directory's manifest, or what says whose it is while it is published. */
export interface Manifest {
  fingerprint: string;
  /** Of its parts. */
  names: string[];
  /** All that it says. */
  content: Record<string, unknown>;
}

function lookInto(path: string): Found {
  let names: string[];
  try {
    names = readdirSync(path).sort();
  } catch (cause) {
    throw systemError(cause, `list ${path}`, { path });
  }
  const manifests = [MANIFEST, INTENT].flatMap((name) => readManifest(join(path, name)) ?? []);
  const [first] = manifests;
  if (!first) {
    // A publication that was killed before it could say whose the directory is leaves a temporary at most.
    const strangers = names.filter((name) => !isTemporary(name, new Set([INTENT])));
    return { kind: 'directory', ours: [], strangers };
  }
  const listed = new Set([MANIFEST, SUCCESS, INTENT, ...manifests.flatMap((manifest) => manifest.names)]);
  const known = (name: string) => listed.has(name) || isTemporary(name, listed);
  return {
    kind: 'directory',
    fingerprint: first.fingerprint,
    ours: names.filter((name) => listed.has(name)),
    strangers: names.filter((name) => !known(name)),
  };
}

/** Reads a manifest; nothing where there is none of ours. Only names that parts have are believed. */
export function readManifest(path: string): Manifest | undefined {
  try {
    if (!lstatSync(path).isFile()) return undefined;
    const content = Object(JSON.parse(readFileSync(path, 'utf8'))) as Record<string, unknown>;
    const { fingerprint, parts } = content;
    if (typeof fingerprint !== 'string' || !Array.isArray(parts)) return undefined;
    const names = parts.map((part) => String(Object(part).name)).filter((name) => PART_NAME.test(name));
    return { fingerprint, names, content };
  } catch {
    return undefined;
  }
}

/** Whether a name is a temporary one of a file of those names. */
function isTemporary(name: string, of: ReadonlySet<string>): boolean {
  const match = /^\.(.+)\.\d+-\d+\.tmp$/.exec(name);
  return match?.[1] !== undefined && of.has(match[1]);
}

/** What may be written over what was found. */
export type Verdict =
  | { kind: 'free'; replaces: FileId | undefined; replacesNames: string[] }
  /** `forceable`: it is ours, so that `--force` may be offered. */
  | { kind: 'taken'; words: string; forceable: boolean };

/** What may be replaced, by what it is: whatever else comes to lie there may not. */
export interface Approved {
  /** Files. */
  files: readonly FileId[];
  /** Directories of ours, by the content they hold. */
  fingerprints: readonly string[];
}

export const NOTHING_APPROVED: Approved = { files: [], fingerprints: [] };

/** What is known of who may be replaced. */
export interface Claim {
  /** Whose output is written; undefined for a model. */
  fingerprint: string | undefined;
  force: boolean;
  /** What this job wrote there, or was allowed to replace when it began. */
  known: Approved;
}

/** Decides. Pure. */
export function judge(found: Found, claim: Claim): Verdict {
  const free = (replaces?: FileId, replacesNames: string[] = []) =>
    ({ kind: 'free', replaces, replacesNames }) as const;
  switch (found.kind) {
    case 'nothing':
      return free();
    case 'special':
      return { kind: 'taken', words: found.words, forceable: false };
    case 'directory':
      if (found.fingerprint === undefined && found.strangers.length === 0) return free();
      if (found.fingerprint === undefined)
        return { kind: 'taken', words: 'a directory that batch-core did not make', forceable: false };
      if (found.strangers.length > 0)
        return {
          kind: 'taken',
          words: `an output with files that are not ours: ${list(found.strangers)}`,
          forceable: false,
        };
      if (
        found.fingerprint === claim.fingerprint ||
        claim.known.fingerprints.includes(found.fingerprint) ||
        claim.force
      )
        return free(undefined, found.ours);
      return { kind: 'taken', words: 'the output of another job', forceable: true };
    case 'file': {
      const ours = found.what === 'output' && found.fingerprint === claim.fingerprint;
      const known = claim.known.files.some((id) => id.device === found.id.device && id.inode === found.id.inode);
      if (ours || known || claim.force) return free(found.id);
      return { kind: 'taken', words: found.words, forceable: found.what !== 'other' };
    }
  }
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  return `${shown.join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
}

/** The error for a place that is taken. `--force` is offered for what is ours, and for nothing else. */
export function takenError(path: string, option: string, { words, forceable }: Extract<Verdict, { kind: 'taken' }>) {
  return new BatchCoreError('OUTPUT_EXISTS', `${path} exists and is ${words}`, {
    where: { file: path, option },
    hint: `choose another path with ${option}${forceable ? ', or replace it with --force' : ''}`,
  });
}
