/**
 * Where scores go, in two steps. `stage` has the whole output on the disk under a name that nobody sees, every part compared
 * with its receipt; `commit` gives it its final name, unless something that is not ours has come to lie there.
 */
import { createHash } from 'node:crypto';
import { constants, statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { commitFile, type FileId, type PublishedPart, publishIntoDirectory, type Watch } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import { headOf } from '../files/head.ts';
import { quickIdentity } from '../files/identity.ts';
import type { NamedFile } from './look.ts';
import { MANIFEST, manifestText } from './manifest.ts';
import type { Staging } from './staging.ts';

const { O_RDONLY, O_NONBLOCK } = constants;

/** What is published. */
export interface SinkRequest {
  path: string;
  /** A file under its temporary name, beside it; a directory's parts lie where they are. */
  staging: Staging | undefined;
  /** A directory's finished parts, in plan order; those of a file are in its staging. */
  parts: PublishedPart[];
  rows: number;
  fingerprint: string;
  model: string;
  /** What may lie there: a file by its identity, a directory's files by their names. */
  replaces: FileId | undefined;
  replacesNamed: NamedFile[];
  /** Of outputs that lie there and go. */
  replacesFingerprints: string[];
}

/** An output that is whole but has no name yet. */
export interface Staged {
  rows: number;
  bytes: number;
  /** Of a directory: of its manifest, which has those of its parts. */
  sha256: string;
  /** CRC-32 of each row group of a file: where damage lies. */
  rowGroups: number[];
}

export interface Sink {
  /** Its digests, once all is on the disk. Throws DATA naming the part when one is not what it was. */
  stage(): Promise<Staged>;
  /** Throws OUTPUT_EXISTS, and touches nothing, when the name is taken. */
  commit(watch: Watch): Promise<void>;
}

export function openSink(request: SinkRequest): Sink {
  return request.staging ? fileSink(request, request.staging) : directorySink(request);
}

function fileSink({ path, replaces, rows }: SinkRequest, staging: Staging): Sink {
  return {
    async stage() {
      const { receipt, rowGroups } = await staging.finish();
      if (receipt.rows !== rows) throw new BatchCoreError('BUG', `${receipt.rows} rows were staged of ${rows}`);
      return { rows, bytes: receipt.bytes, sha256: receipt.sha256, rowGroups };
    },
    async commit() {
      // A file that is open keeps its blocks: what is replaced, which may be large, gives them back when the pool closes it.
      const replaced = replaces && (await open(path, O_RDONLY | (O_NONBLOCK ?? 0)).catch(() => undefined));
      try {
        commitFile(staging.temporary, path, replaces);
      } finally {
        replaced?.close().catch(() => {});
      }
    },
  };
}

function directorySink(request: SinkRequest): Sink {
  const { path, parts, rows, replacesNamed } = request;
  const { bytes, manifest, intent } = directoryTexts(request);
  return {
    async stage() {
      // Parts are on the disk already; they are compared when they get their second names.
      return { rows, bytes, sha256: sha256Of(manifest), rowGroups: [] };
    },
    async commit(watch) {
      await publishIntoDirectory(parts, path, { manifest, intent }, replacesNamed, watch);
    },
  };
}

/** What a directory says of itself when it is whole, and until then. */
function directoryTexts({ parts, rows, fingerprint, model, replacesNamed, replacesFingerprints }: SinkRequest) {
  const bytes = parts.reduce((sum, part) => sum + part.receipt.bytes, 0);
  const listed = parts.map(({ name, receipt }) => ({ name, ...receipt }));
  const manifest = { schema: 'batch-core.manifest/1', fingerprint, model, rows, bytes, parts: listed };
  // Until the manifest is there this says whose the directory is, older files that are still to go included.
  const names = new Set(listed.map(({ name }) => name));
  const older = replacesNamed.filter(({ name }) => !names.has(name)).map(({ name }) => ({ name }));
  const replaced = replacesFingerprints.filter((other) => other !== fingerprint);
  const intent = { ...manifest, schema: 'batch-core.publishing/1', parts: [...listed, ...older], replaced };
  return { bytes, manifest: manifestText(manifest), intent: `${JSON.stringify(intent)}\n` };
}

/** A published file: what it holds, and by what it is known again without reading it. */
export interface PublishedFile extends FileIdentity {
  /** Its name in the directory; empty for a file. */
  name: string;
  sha256: string;
  /** Its first bytes. */
  head: string;
}

/** The file at `path` as it lies there now. */
export function publishedFile(path: string, name: string, sha256: string): PublishedFile {
  return { name, sha256, head: headOf(path), ...identityOf(path) };
}

/** The files of an output as they lie there now. */
export function publishedFiles(
  { path, staging, parts }: Pick<SinkRequest, 'path' | 'staging' | 'parts'>,
  { sha256 }: Staged,
): PublishedFile[] {
  if (staging) return [publishedFile(path, '', sha256)];
  const files = parts.map(({ name, receipt }) => [name, receipt.sha256] as const);
  return [[MANIFEST, sha256] as const, ...files].map(([name, digest]) => publishedFile(join(path, name), name, digest));
}

type FileIdentity = ReturnType<typeof quickIdentity> & { birthtimeNs: string };

/** By what a file is known again, wherever a link in its place leads; throws when it is not there. */
export function identityOf(path: string): FileIdentity {
  const stats = statSync(path, { bigint: true });
  return { ...quickIdentity(stats), birthtimeNs: String(stats.birthtimeNs) };
}

export function sha256Of(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}
