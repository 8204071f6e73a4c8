/** Parts become the output: all of them, in plan order, or nothing. */
import { join } from 'node:path';
import { writeDurable } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { lookAt, METADATA_FINGERPRINT, METADATA_MODEL } from '../../sink/look.ts';
import {
  identityOf,
  openSink,
  publishedFile,
  publishedFiles,
  type Sink,
  type SinkRequest,
  type Staged,
} from '../../sink/sink.ts';
import { expectLayout, judge, takenError } from '../../sink/target.ts';
import { removeFile, temporaryBeside } from '../../sink/temporaries.ts';
import type { StoredOutput } from '../../store/job.ts';
import { removeWorkFiles } from '../../store/workFiles.ts';
import type { OpenJob } from '../job/job.ts';
import { claimAt } from '../places/claims.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { RESULT_VERSION } from '../spec/resultVersion.ts';
import type { Monitor } from './monitor.ts';

/** Key-value metadata of parts and output: never a date or a path. */
export function outputMetadata(prepared: Prepared, modelDigest: string): [string, string][] {
  return [
    [METADATA_FINGERPRINT, prepared.fingerprint],
    [METADATA_MODEL, modelDigest],
    ['batch_core.result_version', String(RESULT_VERSION)],
  ];
}

/** A part that is no longer what it was when it was finished: its chunk must run again. */
export class DamagedPart extends Error {
  readonly chunkId: number;

  constructor(chunkId: number, cause: BatchCoreError) {
    super(cause.message, { cause });
    this.chunkId = chunkId;
  }
}

/** Publishes the finished parts. Throws {@link DamagedPart} when one is not what it was. */
export async function publish(
  prepared: Prepared,
  job: OpenJob,
  monitor: Monitor,
  modelDigest: string,
): Promise<StoredOutput> {
  const request = await sinkRequest(prepared, job, modelDigest);
  const sink = openSink(request);
  const chunkOf = (path: string) => request.parts.findIndex((part) => part.source === path);
  try {
    const staged = await sink.stage(monitor.watch);
    await remember(job, request, staged);
    return await commit(job, monitor, request, sink, staged);
  } catch (thrown) {
    if (request.layout === 'file') discard(request.temporary);
    const error = BatchCoreError.from(thrown);
    const chunkId = error.class === 'DATA' ? chunkOf(error.where?.file ?? '') : -1;
    throw chunkId < 0 ? error : new DamagedPart(chunkId, error);
  }
}

/** What was staged; the failure that brings us here is on its way up, and the next run clears leftovers. */
function discard(temporary: string): void {
  try {
    removeFile(temporary);
  } catch {}
}

async function sinkRequest(prepared: Prepared, job: OpenJob, modelDigest: string): Promise<SinkRequest> {
  const { output, rows, fingerprint } = prepared;
  const chunks = await job.store.chunks('score');
  const scored = chunks.reduce((sum, chunk) => sum + (chunk.rowsOut ?? 0), 0);
  if (chunks.some((chunk) => chunk.state !== 'done') || scored !== rows)
    throw new BatchCoreError('BUG', `${scored} of ${rows} rows are scored; nothing was published`);
  // Looked at again: what has come to lie there since the run began may not be replaced.
  const found = expectLayout(lookAt(output.place), output.layout);
  const verdict = judge(found, { ...claimAt(output.place, job), fingerprint });
  if (verdict.kind === 'taken') throw takenError(output.path, '--out', verdict);
  return {
    path: output.place,
    layout: output.layout,
    parts: chunks.map(({ partName, partSize, partSha256, rowsOut }) => ({
      source: join(job.paths.parts, partName ?? ''),
      name: partName ?? '',
      receipt: { rows: rowsOut ?? 0, bytes: partSize ?? 0, sha256: partSha256 ?? '' },
    })),
    rows,
    fingerprint,
    model: modelDigest,
    metadata: outputMetadata(prepared, modelDigest),
    temporary: temporaryBeside(output.place, job.temporaryPrefix),
    replaces: verdict.replaces,
    replacesNamed: verdict.replacesNamed,
    replacesFingerprints: found.kind === 'directory' ? found.fingerprints : [],
  };
}

/** Records what has no name yet, so that a kill after the rename finds that all is done. */
async function remember(job: OpenJob, request: SinkRequest, staged: Staged): Promise<void> {
  const { layout, temporary, path } = request;
  if (layout === 'directory') return;
  // The SHA-256 tells that a file is damaged; these tell where.
  writeDurable(job.paths.rowGroups, JSON.stringify(staged.rowGroups));
  const { rows, bytes, sha256 } = staged;
  const files = [publishedFile(temporary, '', sha256)];
  await job.store.setPublication({ state: 'staged', temporary, output: { path, layout, rows, bytes, sha256, files } });
}

async function commit(
  job: OpenJob,
  monitor: Monitor,
  request: SinkRequest,
  sink: Sink,
  staged: Staged,
): Promise<StoredOutput> {
  await sink.commit(monitor.watch);
  const { path, layout, temporary } = request;
  const { rows, bytes, sha256 } = staged;
  const output = { path, layout, rows, bytes, sha256, files: publishedFiles(request, staged) };
  await job.store.setPublication({ state: 'published', temporary: layout === 'file' ? temporary : '', output });
  return output;
}

/**
 * Lets go of the parts and of what they were made of, now that the output and the record of it are there; tells where the
 * output's files lie then, and what of somebody else was left.
 */
export async function releaseParts(
  job: OpenJob,
  output: StoredOutput,
): Promise<{ output: StoredOutput; others: string[] }> {
  const others = await removeWorkFiles(job.paths, job.fingerprint);
  // A part that lost its second name has changed, as far as the file system can tell.
  const files = output.files.map((file) => ({ ...file, ...identityOf(join(output.path, file.name)) }));
  return { output: { ...output, files }, others };
}
