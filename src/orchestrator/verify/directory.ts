/** Whether a directory of parts is still what was written: its manifest is compared with the job, its parts with both. */
import { existsSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileDigest, partFacts } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { type Found, METADATA_CHUNK, METADATA_FINGERPRINT, SUCCESS } from '../../sink/look.ts';
import { MANIFEST, type Manifest, readManifest } from '../../sink/manifest.ts';
import { damaged, type Expected, NO_JOB, notOurs, unfinished, type Verified } from './verified.ts';

interface ManifestPart {
  name: string;
  rows: number;
  bytes: number;
  sha256: string;
}

export async function verifyDirectory(path: string, expected: Expected | undefined, found: Found): Promise<Verified> {
  if (!expected && (found.kind !== 'directory' || found.fingerprint === undefined)) throw notOurs(path);
  const success = statSync(join(path, SUCCESS), { throwIfNoEntry: false });
  if (!success?.isFile()) throw unfinished(path, expected !== undefined);
  if (success.size > 0) throw damaged(join(path, SUCCESS), 'it is not empty');
  const manifest = readManifest(join(path, MANIFEST));
  if (!manifest) throw damaged(path, `it has no readable ${MANIFEST}`);
  if (expected && (await fileDigest(join(path, MANIFEST))) !== expected.report.output.sha256)
    throw damaged(join(path, MANIFEST), 'it is not what was written (SHA-256)');
  const { rows, bytes } = await verifyParts(path, manifest);
  refuseStrangers(path, found);
  const checks = ['_SUCCESS', 'sizes', 'rows', 'sha256 of every part'];
  const verified = { path, jobId: expected?.jobId ?? null, rows, bytes };
  if (!expected) return { ...verified, checks, unchecked: [`manifest and rows against the source: ${NO_JOB}`] };
  const { source } = expected.report;
  if (rows !== source.rows) throw damaged(path, `its parts have ${rows} rows; the source has ${source.rows}`);
  return { ...verified, checks: ['sha256 of the manifest', ...checks, 'rows against the source'], unchecked: [] };
}

async function verifyParts(path: string, { fingerprint, content }: Manifest) {
  let [rows, bytes] = [0, 0];
  const parts = content['parts'] as unknown[];
  for (const [chunk, listed] of parts.entries()) {
    const part = Object(listed) as ManifestPart;
    const file = join(path, basename(String(part.name)));
    const wrong = await partTrouble(file, chunk, part, fingerprint);
    if (wrong) throw damaged(file, `part ${chunk} ${wrong}`);
    rows += part.rows;
    bytes += part.bytes;
  }
  if (rows === content['rows'] && bytes === content['bytes']) return { rows, bytes };
  const says = `it says ${content['rows']} rows in ${content['bytes']} bytes; its parts have ${rows} in ${bytes}`;
  throw damaged(join(path, MANIFEST), says);
}

/** What a part is not as the manifest lists it. */
async function partTrouble(
  file: string,
  chunk: number,
  part: ManifestPart,
  fingerprint: string,
): Promise<string | undefined> {
  if (!existsSync(file)) return 'is missing';
  const stats = statSync(file);
  if (!stats.isFile()) return 'is no file';
  if (stats.size !== part.bytes) return `has ${stats.size} bytes and should have ${part.bytes}`;
  if ((await fileDigest(file)) !== part.sha256) return 'differs from what was written (SHA-256)';
  try {
    const { rows, metadata } = partFacts(file);
    if (metadata[METADATA_FINGERPRINT] !== fingerprint) return 'belongs to another output';
    if (metadata[METADATA_CHUNK] !== String(chunk)) return `is part ${metadata[METADATA_CHUNK]} in its place`;
    return rows === part.rows ? undefined : `has ${rows} rows and should have ${part.rows}`;
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    if (error.class !== 'DATA') throw error;
    return `has a footer that cannot be read: ${error.message}`;
  }
}

/** Whoever reads the directory reads every Parquet file in it. */
function refuseStrangers(path: string, found: Found): void {
  const strangers = found.kind === 'directory' ? found.strangers.filter((name) => name.endsWith('.parquet')) : [];
  if (strangers.length === 0) return;
  const named = strangers.slice(0, 3).map((name) => `"${name}"`);
  throw damaged(path, `it holds files that are no part of it: ${named.join(', ')}`, 'move them away');
}
