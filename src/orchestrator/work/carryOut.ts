/** The work of a run: fit, flag, score and publish. */
import type { NativeModel } from '../../bindings/native.ts';
import type { Findings } from '../../bindings/task.ts';
import type { Engine } from '../../engines/engine.ts';
import type { Emit } from '../../events/bus.ts';
import { type ChunkCounts, noChunks, type Phase } from '../../events/progress.ts';
import { mergeFindings } from '../../report.ts';
import { publishedFile, sha256Of } from '../../sink/sink.ts';
import type { StoredOutput } from '../../store/job.ts';
import { removeSummaries } from '../../store/workFiles.ts';
import { type Execution, type OpenJob, retirePublication } from '../job/job.ts';
import { publishedBefore } from '../job/recall.ts';
import { claimAt } from '../places/claims.ts';
import { saveModel } from '../places/save.ts';
import { placesOf, savedPlace } from '../places/targets.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { DEFAULTS } from '../spec/optionTable.ts';
import type { Control } from './control.ts';
import { type Flagging, obtainFlagging, obtainModel } from './model.ts';
import type { Monitor } from './monitor.ts';
import { type Timing, TOP_ROWS } from './outcome.ts';
import { over, type PhaseRun } from './phaseRun.ts';
import { scoreAndPublish } from './score.ts';
import { type VerifiedInput, verifyInput } from './verifyInput.ts';

/** What a run works with. */
export interface Means {
  monitor: Monitor;
  emit: Emit<'retry' | 'model' | 'published'>;
  control: Control;
  /** Aborted when what is in flight is to be interrupted. */
  interrupt: AbortSignal;
  timing: Timing;
  /** False only where a bench measures what durability costs. */
  durable: boolean;
}

/** An execution that has begun. */
export interface Begun {
  execution: Execution;
  engine: Promise<Engine>;
}

/** What came of it. */
export interface Carried {
  output: StoredOutput;
  model: NativeModel;
  engine: Pick<Engine, 'name' | 'capacity'>;
  counts: { fit: ChunkCounts; score: ChunkCounts };
  verified: VerifiedInput | null;
  flagging: Flagging | null;
  /** Of all chunks. */
  findings: Findings;
  timing: Timing;
  laps: { planSeconds: number; fitSeconds: number; scoreSeconds: number; publishSeconds: number };
  warnings: string[];
}

/** Carries out the work of an execution, and begins to let its engine go. */
export async function carryOut(
  prepared: Prepared,
  job: OpenJob,
  { execution, engine: opening }: Begun,
  means: Means,
): Promise<Carried> {
  const engine = await opening;
  try {
    return await work(prepared, job, execution, engine, means);
  } finally {
    // That takes a while, in which the rest can be done: who opened the engine waits for it.
    engine.close().catch(() => {});
  }
}

async function work(
  prepared: Prepared,
  job: OpenJob,
  execution: Execution,
  engine: Engine,
  { monitor, emit, control, interrupt, timing, durable }: Means,
): Promise<Carried> {
  const counts = { fit: noChunks(), score: noChunks() };
  const run: PhaseRun = {
    jobId: job.jobId,
    home: job.home,
    store: job.store,
    engine,
    monitor,
    emit,
    control,
    retriesMax: prepared.options.retries ?? DEFAULTS.retries,
    chunks: prepared.plan.chunks,
    ...over(prepared.facts),
    epoch: execution.epoch,
    interrupt,
  };
  const planSeconds = timing.lap();
  const verified = await verifyInput(prepared, run);
  const { model, warnings: ofModel, from } = await obtainModel(prepared, job, run, counts.fit);
  if (from !== undefined) emit('model', { digest: model.facts.digest, from });
  const carried = { model, engine, counts, timing, verified };
  if (prepared.kind === 'fit') {
    if (counts.fit.planned === 0) countAsResumed('fit', counts.fit, run, prepared.rows);
    const fitSeconds = timing.lap();
    const output = await publishModel(prepared, job, model);
    const laps = { planSeconds, fitSeconds, scoreSeconds: 0, publishSeconds: timing.lap() };
    return { ...carried, output, flagging: null, findings: NOTHING, laps, warnings: ofModel };
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
  const { output, scoreSeconds } = before
    ? await publishedAlready(prepared, job, run, counts.score, before)
    : await scoreAndPublish({ prepared, job, run, model, flagging, durable, timing, counts: counts.score });
  const laps = { planSeconds, fitSeconds, scoreSeconds, publishSeconds: timing.lap() };
  emit('published', { out: prepared.output.path, rows: output.rows });
  return { ...carried, output, flagging, findings: await findings(job), laps, warnings: ofModel };
}

/** Only the record of it was not written any more. */
async function publishedAlready(
  prepared: Prepared,
  job: OpenJob,
  run: PhaseRun,
  counts: ChunkCounts,
  output: StoredOutput,
): Promise<{ output: StoredOutput; scoreSeconds: number }> {
  countAsResumed('publish', counts, run, prepared.rows);
  await job.store.setPublication({ state: 'published', temporary: '', output });
  return { output, scoreSeconds: 0 };
}

/** All was done before, up to the output's name. */
function countAsResumed(phase: Phase, counts: ChunkCounts, { chunks, monitor }: PhaseRun, rows: number): void {
  counts.planned += chunks.length;
  counts.resumed += chunks.length;
  const done = { chunksTotal: chunks.length, chunksDone: chunks.length, rowsTotal: rows, rowsDone: rows };
  monitor.enter(phase, done, counts);
}

const NOTHING: Findings = { best: [], flagged: 0, skipped: 0 };

/** Of the chunks that were scored, one at a time. */
async function findings({ store }: OpenJob): Promise<Findings> {
  let all = NOTHING;
  for await (const bytes of store.summaries('score'))
    all = mergeFindings(all, JSON.parse(Buffer.from(bytes).toString()), TOP_ROWS);
  return all;
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
