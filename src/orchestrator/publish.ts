/** Parts become the output: all of them, in plan order, or nothing. */
import { readFileSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { publishDirectory, publishFile, rowGroupChecksums, writeDurable } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import type { OpenJob } from './job.ts';
import { METADATA_JOB, type Output } from './output.ts';
import type { Prepared } from './prepare.ts';
import { VERSION } from './version.ts';

export interface Published {
  rows: number;
  bytes: number;
  /** Digest of the file; of a directory, the manifest has one per part. */
  sha256: string | null;
}

/** Key-value metadata of parts and output: never a date or a path. */
export function outputMetadata(prepared: Prepared, modelDigest: string): [string, string][] {
  return [
    [METADATA_JOB, prepared.jobId],
    ['batch_core.fingerprint', prepared.fingerprint],
    ['batch_core.model', modelDigest],
    ['batch_core.version', VERSION],
  ];
}

export async function publish(prepared: Prepared, job: OpenJob, modelDigest: string): Promise<Published> {
  const chunks = await job.store.chunks('score');
  const rows = chunks.reduce((sum, chunk) => sum + (chunk.rowsOut ?? 0), 0);
  const open = chunks.find((chunk) => chunk.state !== 'done');
  if (open || rows !== prepared.rows)
    throw new BatchCoreError('BUG', `${rows} of ${prepared.rows} rows are scored; nothing was published`);
  const parts = chunks.map((chunk) => join(job.paths.parts, chunk.partName ?? ''));
  const metadata = outputMetadata(prepared, modelDigest);
  const { output } = prepared;
  if (output.layout === 'file') {
    const temporary = join(dirname(output.path), `.${basename(output.path)}.${job.jobId}.tmp`);
    rmSync(temporary, { force: true });
    const receipt = publishFile(parts, output.path, temporary, metadata);
    if (receipt.rows !== prepared.rows)
      throw new BatchCoreError('BUG', `${receipt.rows} rows were published of ${prepared.rows}`);
    // The SHA-256 tells that a file is damaged; these tell where.
    writeDurable(job.paths.rowGroups, JSON.stringify(rowGroupChecksums(output.path)));
    rmSync(job.paths.parts, { recursive: true, force: true });
    return { rows: receipt.rows, bytes: receipt.bytes, sha256: receipt.sha256 };
  }
  const bytes = chunks.reduce((sum, chunk) => sum + (chunk.partSize ?? 0), 0);
  const manifest = {
    schema: 'batch-core.manifest/1',
    jobId: job.jobId,
    fingerprint: prepared.fingerprint,
    model: modelDigest,
    rows,
    bytes,
    parts: chunks.map((chunk) => ({
      name: chunk.partName,
      rows: chunk.rowsOut,
      bytes: chunk.partSize,
      sha256: chunk.partSha256,
    })),
  };
  const moved = chunks.map((chunk, i) => ({
    source: parts[i] ?? '',
    name: chunk.partName ?? '',
    receipt: { rows: chunk.rowsOut ?? 0, bytes: chunk.partSize ?? 0, sha256: chunk.partSha256 ?? '' },
  }));
  publishDirectory(moved, output.path, Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`));
  rmSync(job.paths.parts, { recursive: true, force: true });
  return { rows, bytes, sha256: null };
}

/** A directory output's manifest, or nothing where there is none that can be read. */
export function readManifest(path: string): { jobId?: unknown; bytes?: unknown; parts?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'));
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Makes way for an output that replaces what lies there. */
export function clearOutput(output: Output): void {
  // A file is replaced by the rename itself; a directory would mix two jobs' parts.
  if (output.layout === 'directory') rmSync(output.path, { recursive: true, force: true });
}
