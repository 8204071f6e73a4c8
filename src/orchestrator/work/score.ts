/** Every row is scored into parts, and the parts become the output while others are still to come. */
import { join, relative } from 'node:path';
import type { NativeModel } from '../../bindings/native.ts';
import type { Flag, Work } from '../../bindings/task.ts';
import { BatchCoreError } from '../../errors.ts';
import type { ChunkCounts } from '../../events/progress.ts';
import { METADATA_CHUNK } from '../../sink/look.ts';
import { partName } from '../../sink/manifest.ts';
import type { Staging } from '../../sink/staging.ts';
import type { StoredOutput } from '../../store/job.ts';
import { spelled } from '../../worker/protocol.ts';
import type { OpenJob } from '../job/job.ts';
import { lostParts } from '../job/parts.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { type Flagging, modelArtifact } from './model.ts';
import { type Timing, TOP_ROWS } from './outcome.ts';
import { runPhase } from './phase.ts';
import type { PhaseRun } from './phaseRun.ts';
import { openStaging, outputMetadata, partOf, publish } from './publish.ts';
import { untilWhole } from './untilWhole.ts';

/** Rows of an output row group: what DuckDB and others read in parallel. */
const OUTPUT_ROW_GROUP_ROWS = 122_880;

export interface Scoring {
  prepared: Prepared;
  job: OpenJob;
  run: PhaseRun;
  model: NativeModel;
  flagging: Flagging;
  durable: boolean;
  counts: ChunkCounts;
  timing: Timing;
}

/** Scores and publishes. A part that is not what it was when it was finished is made again, and the output begun anew. */
export async function scoreAndPublish(scoring: Scoring): Promise<{ output: StoredOutput; scoreSeconds: number }> {
  const { prepared, job, run, model, timing } = scoring;
  const { monitor, chunks } = run;
  const metadata = outputMetadata(prepared, model.facts.digest);
  let scoreSeconds = 0;
  const output = await untilWhole(run, { name: 'score', phase: 'publish' }, () => {
    const staging = openStaging(prepared, job, monitor.watch, metadata);
    return {
      async make() {
        await scoreChunks(scoring, metadata, staging);
        scoreSeconds += timing.lap();
        const done = { chunksTotal: chunks.length, chunksDone: chunks.length };
        monitor.enter('publish', { ...done, rowsTotal: prepared.rows, rowsDone: 0 });
        return publish(prepared, job, model.facts.digest, monitor.watch, staging);
      },
      async giveUp(error) {
        await staging?.discard();
        return error.class === 'DATA' ? chunkOfPart(scoring, error.where?.file) : undefined;
      },
    };
  });
  return { output, scoreSeconds };
}

function chunkOfPart({ job, run }: Scoring, path: string | undefined): number | undefined {
  return run.chunks.find((chunk) => join(job.paths.parts, partName(chunk)) === path)?.chunkId;
}

/** Every chunk that has no part is scored into one; those that have one, and then each that gets one, go into `staging`. */
async function scoreChunks(
  scoring: Scoring,
  metadata: [string, string][],
  staging: Staging | undefined,
): Promise<void> {
  const { job, run, model, counts } = scoring;
  const parts = relative(job.paths.directory, job.paths.parts);
  await runPhase(run, {
    name: 'score',
    phase: 'score',
    counts,
    work: workOf(scoring, metadata),
    target: (chunk) => join(parts, partName(chunk)),
    resume: async (stored) => {
      const lost = lostParts(job, run.chunks, stored, model.facts.digest);
      for (const chunk of stored)
        if (chunk.state === 'done' && !lost.has(chunk.chunkId)) staging?.add(chunk.chunkId, partOf(job, chunk));
      return [...lost];
    },
    done: (chunkId, receipt) => staging?.add(chunkId, partOf(job, receipt)),
  });
}

/** How the chunks of a file are scored. */
function workOf(
  { prepared, job, model, flagging, durable }: Scoring,
  metadata: [string, string][],
): (chunk: { fileId: number }) => Work {
  const { spec, facts } = prepared;
  const { score } = spec;
  if (!score) throw new BatchCoreError('BUG', 'a job to score has no score options');
  const { explain, keep, compression } = score;
  const format = { compression, rowGroupRows: OUTPUT_ROW_GROUP_ROWS, metadata, chunkKey: METADATA_CHUNK, durable };
  const scoring = { missing: spec.missing, flag: flagOf(flagging), explain, keep, best: TOP_ROWS, format };
  const artifact = modelArtifact(job, model);
  return ({ fileId }) => {
    const fileColumn = facts.files.length > 1 ? { fileColumn: spec.inputs[fileId]?.name ?? '' } : {};
    return { kind: 'score', model: artifact, scoring: { ...scoring, ...fileColumn } };
  };
}

function flagOf({ threshold, lastOfTop }: Flagging): Flag {
  if (threshold !== null) return { rule: 'above', score: spelled(threshold) };
  if (lastOfTop) return { rule: 'from', ...lastOfTop, score: spelled(lastOfTop.score) };
  return { rule: 'never' };
}
