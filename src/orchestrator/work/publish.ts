/** Parts become the output: all of them, in plan order, or nothing. */
import { join } from 'node:path';
import { type PublishedPart, type Watch, writeDurable } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { lookAt, METADATA_FINGERPRINT, METADATA_MODEL } from '../../sink/look.ts';
import { publishedPart } from '../../sink/part.ts';
import { identityOf, openSink, publishedFile, publishedFiles, type SinkRequest, type Staged } from '../../sink/sink.ts';
import { Staging } from '../../sink/staging.ts';
import { expectLayout, judge, takenError } from '../../sink/target.ts';
import { temporaryBeside } from '../../sink/temporaries.ts';
import type { ChunkReceipt, StoredChunk, StoredOutput } from '../../store/job.ts';
import { removeWorkFiles } from '../../store/workFiles.ts';
import type { OpenJob } from '../job/job.ts';
import { claimAt } from '../places/claims.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { RESULT_VERSION } from '../spec/resultVersion.ts';

/** Key-value metadata of parts and output: never a date or a path. */
export function outputMetadata(prepared: Prepared, modelDigest: string): [string, string][] {
  return [
    [METADATA_FINGERPRINT, prepared.fingerprint],
    [METADATA_MODEL, modelDigest],
    ['batch_core.result_version', String(RESULT_VERSION)],
  ];
}

/** Where the output is staged while its parts are finished; a directory's parts lie where they are. */
export function openStaging(
  { output }: Prepared,
  job: OpenJob,
  watch: Watch,
  metadata: [string, string][],
): Staging | undefined {
  if (output.layout === 'directory') return undefined;
  return new Staging(temporaryBeside(output.place, job.temporaryPrefix), metadata, watch);
}

/** A finished part, as its chunk left it. */
export function partOf({ paths }: OpenJob, { rowsOut, staged }: ChunkReceipt | StoredChunk): PublishedPart {
  if (!staged || rowsOut === null) throw new BatchCoreError('BUG', 'a chunk that is scored has no part');
  return publishedPart(paths.parts, staged, rowsOut);
}

/** Publishes the finished parts, all of which are in `staging` or on their way. Throws DATA naming one that is not what it was. */
export async function publish(
  prepared: Prepared,
  job: OpenJob,
  modelDigest: string,
  watch: Watch,
  staging: Staging | undefined,
): Promise<StoredOutput> {
  const request = await sinkRequest(prepared, job, modelDigest, staging);
  const sink = openSink(request);
  const staged = await sink.stage();
  if (staging) await remember(job, request, staging, staged);
  await sink.commit(watch);
  const { path } = request;
  const { rows, bytes, sha256 } = staged;
  const { layout } = prepared.output;
  const output = { path, layout, rows, bytes, sha256, files: publishedFiles(request, staged) };
  await job.store.setPublication({ state: 'published', temporary: staging?.temporary ?? '', output });
  return output;
}

async function sinkRequest(
  prepared: Prepared,
  job: OpenJob,
  modelDigest: string,
  staging: Staging | undefined,
): Promise<SinkRequest> {
  const { output, rows, fingerprint } = prepared;
  const scored = await job.store.progress('score');
  if (scored.left > 0 || scored.rows !== rows)
    throw new BatchCoreError('BUG', `${scored.rows} of ${rows} rows are scored; nothing was published`);
  // Looked at again: what has come to lie there since the run began may not be replaced.
  const found = expectLayout(lookAt(output.place), output.layout);
  const verdict = judge(found, { ...claimAt(output.place, job), fingerprint });
  if (verdict.kind === 'taken') throw takenError(output.path, '--out', verdict);
  return {
    path: output.place,
    staging,
    parts: staging ? [] : (await job.store.chunks('score')).map((chunk) => partOf(job, chunk)),
    rows,
    fingerprint,
    model: modelDigest,
    replaces: verdict.replaces,
    replacesNamed: verdict.replacesNamed,
    replacesFingerprints: found.kind === 'directory' ? found.fingerprints : [],
  };
}

/** Records what has no name yet, so that a kill after the rename finds that all is done. */
async function remember(job: OpenJob, { path }: SinkRequest, { temporary }: Staging, staged: Staged): Promise<void> {
  // The SHA-256 tells that a file is damaged; these tell where.
  writeDurable(job.paths.rowGroups, JSON.stringify(staged.rowGroups));
  const { rows, bytes, sha256 } = staged;
  const files = [publishedFile(temporary, '', sha256)];
  const output = { path, layout: 'file', rows, bytes, sha256, files } as const;
  await job.store.setPublication({ state: 'staged', temporary, output });
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
