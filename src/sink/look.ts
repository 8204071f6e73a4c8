/** What lies where something is to be written. Looks only: what may be replaced is decided in target.ts. */
import { type BigIntStats, lstatSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileId, partFacts } from '../bindings/native.ts';
import { BatchCoreError, ofLook, systemError } from '../errors.ts';
import { headOf, specialWords } from '../files/head.ts';
import { fileId } from '../files/identity.ts';
import { MANIFEST, type Manifest, PART_NAME, readManifest } from './manifest.ts';

/** Key-value metadata of everything we write: a digest of what decides the bytes. */
export const METADATA_FINGERPRINT = 'batch_core.fingerprint';
export const METADATA_CHUNK = 'batch_core.chunk';
/** The digest of the model that gave the scores. */
export const METADATA_MODEL = 'batch_core.model';
export const SUCCESS = '_SUCCESS';
/** Says, while a directory is being published, whose it is. */
export const INTENT = '.batch-core-publishing.json';
const MODEL_MAGIC = 'batch-core-model ';

/** A regular file, or a link to one or to nowhere. */
export interface FoundFile {
  /** Of the link where it is one: that is what goes. */
  id: FileId;
  /** When the file was made, where the file system says: with its inode, that it is still the same file. */
  birthtimeNs: string;
  /** Of what is read there. */
  size: number;
  /**
   * `output`: a part or an output as we wrote it, or with pages damaged; `model`: begins as a model does; `rewritten`:
   * another program wrote it from an output; `foreign`: whole, and none of ours; `unreadable`: no Parquet file, or a
   * damaged one; `nowhere`: a link to nothing.
   */
  what: 'output' | 'model' | 'rewritten' | 'foreign' | 'unreadable' | 'nowhere';
  /** Of an output, a manifest or an intent. */
  fingerprint?: string;
  /** Its first bytes, in hexadecimal. */
  head: string;
}

/** A file of a directory. */
export interface NamedFile {
  name: string;
  id: FileId;
}

/** One that a publication of ours left there. */
export interface OwnFile extends NamedFile {
  /** Of whose output it says that it is; absent where it does not say. */
  fingerprint?: string;
}

/** What lies at a path. */
export type Found =
  | { kind: 'nothing' }
  | ({ kind: 'file' } & FoundFile)
  | {
      kind: 'directory';
      /** Of the manifest, of a publication that did not end, or of the parts; absent where it is not ours. */
      fingerprint?: string;
      /** That, and those of outputs which such a publication was replacing. */
      fingerprints: string[];
      /** What a publication of ours left there. */
      ours: OwnFile[];
      /** What has the name of such a file and is not what was written; `listed` where a manifest has the name. */
      changed: ({ name: string; listed: boolean } & FoundFile)[];
      /** Names that no publication of ours left there, or that are no files. */
      strangers: string[];
    }
  /** Neither file nor directory. */
  | { kind: 'special'; words: string };

/** Looks, without opening anything but regular files and directories. */
export function lookAt(path: string): Found {
  const link = statsOf(path, lstatSync);
  const stats = link?.isSymbolicLink() ? statsOf(path, statSync) : link;
  if (!link) return { kind: 'nothing' };
  if (stats?.isDirectory()) return lookInto(path);
  if (stats && !stats.isFile()) return { kind: 'special', words: specialWords(stats) };
  return { kind: 'file', ...foundFile(path, link, stats) };
}

function foundFile(path: string, link: BigIntStats, stats: BigIntStats | undefined): FoundFile {
  const facts = { id: fileId(link), birthtimeNs: String(link.birthtimeNs), size: Number(stats?.size ?? 0) };
  return stats ? { ...facts, ...describeFile(path) } : { ...facts, what: 'nowhere', head: '' };
}

function statsOf(path: string, look: typeof statSync): BigIntStats | undefined {
  try {
    return look(path, { bigint: true, throwIfNoEntry: false }) as BigIntStats | undefined;
  } catch (cause) {
    // A link that leads to itself leads nowhere.
    if ((cause as NodeJS.ErrnoException).code === 'ELOOP') return undefined;
    throw systemError(cause, `look at ${path}`, { path });
  }
}

function describeFile(path: string): Omit<FoundFile, 'id' | 'birthtimeNs' | 'size'> {
  const head = headOf(path);
  if (beginsAsModel(head)) return { what: 'model', head };
  try {
    const { metadata, writtenByUs } = partFacts(path);
    const fingerprint = metadata[METADATA_FINGERPRINT];
    if (fingerprint === undefined) return { what: 'foreign', head };
    return writtenByUs ? { what: 'output', fingerprint, head } : { what: 'rewritten', head };
  } catch (thrown) {
    const error = ofLook(BatchCoreError.from(thrown));
    // Whose it is cannot be told: it is nobody's to replace, and not for what is in it.
    if (error.class !== 'DATA') throw error;
    return { what: 'unreadable', head };
  }
}

/** Whether what was found begins as a model does. */
export function isModel(found: Found): found is Extract<Found, { kind: 'file' }> {
  return found.kind === 'file' && found.what === 'model';
}

/** Whether a regular file begins as a model does. */
export function isModelFile(path: string): boolean {
  return beginsAsModel(headOf(path));
}

function beginsAsModel(head: string): boolean {
  return head.startsWith(Buffer.from(MODEL_MAGIC, 'latin1').toString('hex'));
}

function lookInto(path: string): Found {
  const names = namesIn(path);
  const files = new Map<string, FoundFile>();
  for (const name of names.filter((name) => PART_NAME.test(name) || isMarker(name) || isSwapped(name))) {
    const file = join(path, name);
    const [link, stats] = [statsOf(file, lstatSync), statsOf(file, statSync)];
    if (link && stats?.isFile()) files.set(name, foundFile(file, link, stats));
  }
  const manifests: Manifest[] = [];
  let isWritten = false;
  for (const name of [MANIFEST, INTENT]) {
    const [manifest, file] = [readManifest(join(path, name)), files.get(name)];
    if (!manifest || !file) continue;
    manifests.push(manifest);
    isWritten ||= name === MANIFEST && manifest.asWritten;
    files.set(name, { ...file, fingerprint: manifest.fingerprint });
  }
  const sizes = new Map(manifests.flatMap(({ parts }) => [...parts]));
  const fingerprints = manifests.flatMap(({ fingerprint, content: { replaced } }) => [
    fingerprint,
    ...(Array.isArray(replaced) ? replaced.map(String) : []),
  ]);
  const fingerprint = fingerprints[0] ?? sharedFingerprint(files);
  if (fingerprint === undefined) {
    // A publication that was killed before it could say whose the directory is leaves a temporary at most.
    const intent = [...files].filter(([name, { head }]) => name === INTENT && beginsAsIntent(head));
    const strangers = names.filter((name) => !isTemporary(name, new Set([INTENT])) && name !== intent[0]?.[0]);
    return { kind: 'directory', fingerprints: [], ours: intent.map(named), changed: [], strangers };
  }
  const whose = { fingerprints: new Set([fingerprint, ...fingerprints]), sizes, isWritten };
  const isOurs = ([name, file]: [string, FoundFile]) => isAsWritten(baseName(name), file, whose);
  // Where nothing lists them, what is not ours by what is in it is a stranger's, whatever its name.
  const lost = manifests.length === 0;
  const isListed = (name: string) => isMarker(name) || sizes.has(name) || isSwapped(name);
  const listed = [...files].filter((entry) => isListed(entry[0]) || (lost && isOurs(entry)));
  const known = new Set(listed.map(([name]) => name));
  const every = new Set([MANIFEST, SUCCESS, INTENT, ...sizes.keys(), ...known]);
  return {
    kind: 'directory',
    fingerprint,
    fingerprints: [...whose.fingerprints],
    ours: listed.filter(isOurs).map(named),
    changed: listed
      .filter((entry) => !isOurs(entry))
      .map(([name, file]) => ({ name, listed: !lost && !isSwapped(name), ...file })),
    strangers: names.filter((name) => !known.has(name) && !isTemporary(name, every)),
  };
}

function named([name, { id, fingerprint }]: [string, FoundFile]): OwnFile {
  return { name, id, ...(fingerprint !== undefined && { fingerprint }) };
}

function namesIn(path: string): string[] {
  try {
    return readdirSync(path).sort();
  } catch (cause) {
    throw systemError(cause, `list ${path}`, { path });
  }
}

/** The name for which a file was swapped out; any other name itself. */
export function baseName(name: string): string {
  return /^\.(.+)\.\d+-\d+\.swap$/.exec(name)?.[1] ?? name;
}

/** Parts and the intent are all that a publication swaps. */
function isSwapped(name: string): boolean {
  const base = baseName(name);
  return base !== name && (PART_NAME.test(base) || base === INTENT);
}

function isMarker(name: string): boolean {
  return name === MANIFEST || name === SUCCESS || name === INTENT;
}

/** Whose a directory is that has lost its manifest: its parts say it too. */
function sharedFingerprint(files: ReadonlyMap<string, FoundFile>): string | undefined {
  const [one, ...more] = new Set([...files.values()].flatMap(({ fingerprint }) => fingerprint ?? []));
  return more.length === 0 ? one : undefined;
}

/** Whether a file is what a publication wrote under that name, be it damaged. */
function isAsWritten(
  name: string,
  { size, what, fingerprint, head }: FoundFile,
  whose: {
    fingerprints: ReadonlySet<string>;
    sizes: ReadonlyMap<string, number | undefined>;
    /** The manifest is as written. */
    isWritten: boolean;
  },
): boolean {
  if (name === SUCCESS) return size === 0;
  if (name === MANIFEST) return whose.isWritten;
  if (name === INTENT) return beginsAsIntent(head);
  if (what === 'output') return whose.fingerprints.has(fingerprint ?? '');
  return what === 'unreadable' && size === whose.sizes.get(name);
}

/** Also when it was cut short. */
function beginsAsIntent(head: string): boolean {
  const text = Buffer.from(head, 'hex').toString('latin1').replaceAll(/\s/g, '');
  const begin = '{"schema":"batch-core.';
  return text.startsWith(begin) || begin.startsWith(text);
}

/** Whether a name is a temporary one of a file of those names. */
function isTemporary(name: string, of: ReadonlySet<string>): boolean {
  const final = finalName(name);
  return final !== name && of.has(final);
}

/** The name that a file half written beside it is on its way to; any other name itself. */
export function finalName(name: string): string {
  return /^\.(.+)\.\d+-\d+\.tmp$/.exec(name)?.[1] ?? name;
}
