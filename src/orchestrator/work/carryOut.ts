/** The work of a run: fit, flag, score, publish. */
import { join, relative } from 'node:path';
import type { NativeModel } from '../../bindings/native.ts';
import type { Findings, Flag } from '../../bindings/task.ts';
import { libraryPath } from '../../duckdb/library.ts';
import type { Engine } from '../../engines/engine.ts';
import { openEngine } from '../../engines/open.ts';
import { BatchCoreError } from '../../errors.ts';
import { type ChunkCounts, noChunks, type Phase } from '../../events/progress.ts';
import { METADATA_CHUNK } from '../../sink/look.ts';
import { partName } from '../../sink/manifest.ts';
import { publishedFile, sha256Of } from '../../sink/sink.ts';
import { statIdentity } from '../../source/facts.ts';
import { differencesText, identityDifferences } from '../../source/identity.ts';
import type { StoredOutput } from '../../store/job.ts';
import { removeSummaries } from '../../store/workFiles.ts';
import { spelled } from '../../worker/protocol.ts';
import { type Execution, type OpenJob, retirePublication } from '../job/job.ts';
import { checkParts } from '../job/parts.ts';
import { publishedBefore } from '../job/recall.ts';
import { claimAt } from '../places/claims.ts';
import { saveModel } from '../places/save.ts';
import { placesOf, savedPlace } from '../places/targets.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import type { Control } from './control.ts';
import { type Flagging, modelArtifact, obtainFlagging, obtainModel } from './model.ts';
import type { Monitor } from './monitor.ts';
import { type Timing, TOP_ROWS } from './outcome.ts';
import { type PhaseRun, runPhase } from './phase.ts';
import { DamagedPart, outputMetadata, publish } from './publish.ts';
import { type VerifiedInput, verifyInput } from './verifyInput.ts';

/** Rows of an output row group: what DuckDB and others read in parallel. */
const OUTPUT_ROW_GROUP_ROWS = 122_880;
/** How often parts may turn out damaged before the disk is given up. */
const PUBLISH_TRIES = 3;

/** What a run works with. */
export interface Means {
  monitor: Monitor;
  control: Control;
  /** Aborted when what is in flight is to be interrupted. */
  interrupt: AbortSignal;
  timing: Timing;
  /** False only where a bench measures what durability costs. */
  durable: boolean;
}

/** What came of it. */
export interface Carried {
  output: StoredOutput;
  model: NativeModel;
  engine: Pick<Engine, 'name' | 'capacity'>;
  counts: { fit: ChunkCounts; score: ChunkCounts };
  verified: VerifiedInput | null;
  flagging: Flagging | null;
  receipts: Findings[];
  timing: Timing;
  laps: { planSeconds: number; fitSeconds: number; scoreSeconds: number };
  warnings: string[];
}

export async function carryOut(prepared: Prepared, job: OpenJob, execution: Execution, means: Means): Promise<Carried> {
  const engine = await openEngine(prepared.options.engine ?? DEFAULTS.engine, {
    workers: prepared.budget.workers,
    worker: {
      library: libraryPath(),
      files: prepared.facts.files.map((file) => file.path),
      directory: job.paths.directory,
      memoryLimitBytes: prepared.budget.duckdbBytesPerWorker,
      keptBytesMax: prepared.budget.keptBytesPerVector,
    },
  });
  means.monitor.workers = engine.capacity;
  try {
    return await work(prepared, job, execution, engine, means);
  } finally {
    await engine.close().catch(() => {});
  }
}

async function work(
  prepared: Prepared,
  job: OpenJob,
  execution: Execution,
  engine: Engine,
  { monitor, control, interrupt, timing, durable }: Means,
): Promise<Carried> {
  const counts = { fit: noChunks(), score: noChunks() };
  const run: PhaseRun = {
    jobId: job.jobId,
    home: job.home,
    store: job.store,
    engine,
    monitor,
    control,
    retriesMax: prepared.options.retries ?? DEFAULTS.retries,
    chunks: prepared.plan.chunks,
    sources: prepared.facts,
    epoch: execution.epoch,
    interrupt,
    checkInput: (fileId) => checkInput(prepared, fileId),
  };
  const planSeconds = timing.lap();
  const verified = await verifyInput(prepared, run);
  const { model, warnings: ofModel } = await obtainModel(prepared, job, run, counts.fit);
  const carried = { model, engine, counts, timing, verified };
  if (prepared.kind === 'fit') {
    if (counts.fit.planned === 0) countAsResumed('fit', counts.fit, run, prepared.rows);
    const laps = { planSeconds, fitSeconds: timing.lap(), scoreSeconds: 0 };
    const output = await publishModel(prepared, job, model);
    return { ...carried, output, flagging: null, receipts: [], laps, warnings: ofModel };
  }
  writeSaved(prepared, job, model);
  const flagging = await obtainFlagging(prepared.spec, model, job, run, counts.fit);
  // The model and the rule are there: what they were made of is of no more use.
  await removeSummaries(job.paths);
  const fitSeconds = timing.lap();
  const before = await publishedBefore(prepared, job);
  if (!before && job.publication) {
    await job.store.retirePublication();
    retirePublication(job);
  }
  const score = () => scoreChunks(prepared, job, run, { model, flagging, durable, counts: counts.score });
  if (!before) await score();
  else countAsResumed('publish', counts.score, run, prepared.rows);
  const scoreSeconds = timing.lap();
  const output = before ?? (await publishScores(prepared, job, monitor, model, score));
  if (before) await job.store.setPublication({ state: 'published', temporary: '', output: before });
  monitor.event('published', { out: prepared.output.path, rows: output.rows });
  const receipts = await findings(job);
  return { ...carried, output, flagging, receipts, laps: { planSeconds, fitSeconds, scoreSeconds }, warnings: ofModel };
}

/** All was done before, up to the output's name. */
function countAsResumed(phase: Phase, counts: ChunkCounts, { chunks, monitor }: PhaseRun, rows: number): void {
  counts.planned += chunks.length;
  counts.resumed += chunks.length;
  const done = { chunksTotal: chunks.length, chunksDone: chunks.length, rowsTotal: rows, rowsDone: rows };
  monitor.enter(phase, done, counts);
}

async function findings(job: OpenJob): Promise<Findings[]> {
  const receipts: Findings[] = [];
  for await (const bytes of job.store.summaries('score')) receipts.push(JSON.parse(Buffer.from(bytes).toString()));
  return receipts;
}

interface Scoring {
  model: NativeModel;
  flagging: Flagging;
  durable: boolean;
  counts: ChunkCounts;
}

/** Every chunk that has no part is scored into one. */
async function scoreChunks(
  prepared: Prepared,
  job: OpenJob,
  run: PhaseRun,
  { model, flagging, durable, counts }: Scoring,
): Promise<void> {
  const { spec, facts, plan } = prepared;
  const { score } = spec;
  if (!score) throw new BatchCoreError('BUG', 'a job to score has no score options');
  await job.store.plan('score', [...plan.chunks]);
  await checkParts(job, 'score', model.facts.digest);
  const artifact = modelArtifact(job, model);
  const partsName = relative(job.paths.directory, job.paths.parts);
  const scoring = {
    missing: spec.missing,
    flag: flagOf(flagging),
    explain: score.explain,
    keep: score.keep,
    best: TOP_ROWS,
    format: {
      compression: score.compression,
      rowGroupRows: OUTPUT_ROW_GROUP_ROWS,
      metadata: outputMetadata(prepared, model.facts.digest),
      chunkKey: METADATA_CHUNK,
      durable,
    },
  };
  const manyFiles = facts.files.length > 1;
  const scoringOf = (fileId: number) => ({
    ...scoring,
    ...(manyFiles && { fileColumn: spec.inputs[fileId]?.name ?? '' }),
  });
  await runPhase(run, {
    name: 'score',
    phase: 'score',
    counts,
    work: ({ fileId }) => ({ kind: 'score', model: artifact, scoring: scoringOf(fileId) }),
    target: (chunk) => join(partsName, partName(chunk)),
  });
}

function flagOf({ threshold, lastOfTop }: Flagging): Flag {
  if (threshold !== null) return { rule: 'above', score: spelled(threshold) };
  if (lastOfTop) return { rule: 'from', ...lastOfTop, score: spelled(lastOfTop.score) };
  return { rule: 'never' };
}

/** Publishes; a part that is not what it was when it was finished is made again. */
async function publishScores(
  prepared: Prepared,
  job: OpenJob,
  monitor: Monitor,
  model: NativeModel,
  score: () => Promise<void>,
): Promise<StoredOutput> {
  for (let tries = 1; ; tries += 1) {
    const { chunks } = prepared.plan;
    monitor.enter('publish', {
      chunksTotal: chunks.length,
      chunksDone: chunks.length,
      rowsTotal: prepared.rows,
      rowsDone: 0,
    });
    try {
      return await publish(prepared, job, monitor, model.facts.digest);
    } catch (thrown) {
      if (!(thrown instanceof DamagedPart)) throw thrown;
      if (tries >= PUBLISH_TRIES) throw thrown.cause;
      monitor.event('retry', {
        phase: 'publish',
        chunk: thrown.chunkId,
        error: BatchCoreError.from(thrown.cause).toJSON(),
      });
      await job.store.reset('score', [thrown.chunkId]);
      await score();
    }
  }
}

function writeSaved(prepared: Prepared, job: OpenJob, model: NativeModel): void {
  const place = savedPlace(prepared);
  if (!place) return;
  // What was approved at the start may go; what came since may not.
  saveModel(place, model.bytes, job.temporaryPrefix, claimAt(place.place, job));
}

/** A model is published as scores are: staged, recorded, named. */
async function publishModel(prepared: Prepared, job: OpenJob, model: NativeModel): Promise<StoredOutput> {
  const [asked] = placesOf(prepared);
  if (asked) saveModel(asked, model.bytes, job.temporaryPrefix, claimAt(asked.place, job));
  const { place: path } = prepared.output;
  const sha256 = sha256Of(model.bytes);
  const output: StoredOutput = {
    ...{ path, layout: 'file', rows: 0, bytes: model.bytes.length, sha256 },
    files: [publishedFile(path, '', sha256)],
  };
  await job.store.setPublication({ state: 'published', temporary: '', output });
  return output;
}

async function checkInput(prepared: Prepared, fileId: number): Promise<void> {
  const planned = prepared.facts.files[fileId];
  if (!planned) throw new BatchCoreError('BUG', `there is no file ${fileId} in the plan`);
  const differences = identityDifferences('chunk', planned, await statIdentity(planned.path));
  if (differences.length === 0) return;
  throw new BatchCoreError(
    'INPUT_CHANGED',
    `${planned.path} changed while it was read: ${differencesText(differences)}`,
    {
      where: { file: planned.path },
      hint: 'nothing was published; run again when the file is at rest',
    },
  );
}
