/** From summaries to a frozen model, and from scores to the rule that flags. */
import { writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { FitMerger, type FitStep, NativeModel, type RankedRow, TopMerger } from '../../bindings/native.ts';
import type { Artifact, Work } from '../../bindings/task.ts';
import { BatchCoreError } from '../../errors.ts';
import type { ChunkCounts } from '../../events/progress.ts';
import { removeFitStates } from '../../store/workFiles.ts';
import { spelled } from '../../worker/protocol.ts';
import type { OpenJob } from '../job/job.ts';
import { isSameFit, keepOwnModel, readOwnModel, refuseOtherFit } from '../job/ownModel.ts';
import { findShared, share } from '../job/sharedModel.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { shareOf } from '../spec/fitIdentity.ts';
import type { JobSpec } from '../spec/jobSpec.ts';
import type { PlannedChunk } from '../spec/plan.ts';
import { mergePass } from './merging.ts';
import { over, type PhaseRun } from './phaseRun.ts';
import { artifactOf } from './task.ts';

/** A model, and what is to be said of how it was come by. */
export interface Obtained {
  model: NativeModel;
  warnings: string[];
  /** The file of the home that it was taken from, where another job fitted it. */
  from?: string;
}

/** Fits, or takes what was saved or fitted before, be it by another job; the model lies at `job.paths.model` when this returns. */
export async function obtainModel(
  prepared: Prepared,
  job: OpenJob,
  run: PhaseRun,
  counts: ChunkCounts,
): Promise<Obtained> {
  if (prepared.model) {
    await keepOwnModel(job, prepared.model.bytes);
    return { model: prepared.model, warnings: [] };
  }
  const kept = readOwnModel(job);
  if (kept) return { model: new NativeModel(kept), warnings: [] };
  const own = (model: NativeModel) => model.withContamination(shareOf(prepared.spec));
  const { found, warnings } = findShared(prepared);
  const shared = found && { path: found.path, model: own(found.model) };
  // One that finished chunks were not scored with is no help.
  const taken = shared && isSameFit(job, shared.model.bytes) ? shared : undefined;
  const again = taken ? `${taken.path} was taken` : 'the model was fitted again';
  if (job.model !== undefined)
    warnings.push(`${job.paths.model} was not what this job had fitted, or not there any more: ${again}`);
  const fitted = taken?.model ?? new NativeModel(await fitPasses(prepared, job, run, counts));
  const model = own(fitted);
  refuseOtherFit(job, model.bytes);
  await keepOwnModel(job, model.bytes);
  // What passes told each other is of no more use.
  removeFitStates(job.paths.directory);
  const { digest } = model.facts;
  await job.store.event('model', { digest, ...(taken && { from: taken.path }) });
  if (taken) return { model, warnings, from: taken.path };
  return { model, warnings: [...warnings, ...share(prepared, job, fitted, counts.resumed)] };
}

async function fitPasses(prepared: Prepared, job: OpenJob, run: PhaseRun, counts: ChunkCounts): Promise<Uint8Array> {
  const { fitting } = prepared;
  if (!fitting?.step) throw new BatchCoreError('BUG', 'a job without a model has nothing to fit');
  let step: FitStep = fitting.step;
  // Of many row groups it is large, and the first step is the only one that needs it.
  fitting.step = undefined;
  const ofFit = { ...run, ...over(fitting.facts) };
  while (step.state && step.observer) {
    const { state, observer, pass } = step;
    // Workers read the state by path: with thousands of columns it is too large to send with every chunk.
    const fitPath = join(job.paths.directory, `fit-${pass}.state`);
    writeFileSync(fitPath, observer);
    const fit = artifactOf(job.paths, fitPath, observer);
    const name = `fit-${pass}`;
    const merger = await mergePass(
      { ...ofFit, chunks: pass === 0 ? fitting.first : fitting.chunks },
      {
        name,
        phase: 'fit',
        counts,
        work: () => ({ kind: 'summarize', fit }),
        target: summaryName(job, name),
        paths: job.paths,
      },
      () => new FitMerger(state, prepared.forest?.bytes),
    );
    step = await placed(fitting.facts.files, () => merger.finish());
  }
  if (!step.model) throw new BatchCoreError('BUG', 'the fit ended without a model');
  return step.model;
}

/** The model, as workers know it. */
export function modelArtifact({ paths }: OpenJob, { bytes }: NativeModel): Artifact {
  return artifactOf(paths, paths.model, bytes);
}

/** Where a chunk's summary goes if it is large; a second attempt replaces the first's. */
function summaryName({ paths }: OpenJob, phase: string): (chunk: PlannedChunk) => string {
  const directory = relative(paths.directory, paths.summaries);
  return ({ chunkId }) => join(directory, `${phase}.${chunkId}`);
}

/** What the kernels say of the data, with the file they could not know; of several, none is to blame alone. */
async function placed<T>(files: readonly { path: string }[], call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (thrown) {
    const { code, message, where, hint, cause } = BatchCoreError.from(thrown);
    const [one, ...more] = files;
    const file = one && more.length === 0 ? { file: one.path } : {};
    throw new BatchCoreError(code, message, { where: { ...file, ...where }, hint, cause });
  }
}

/** How rows are flagged, once it is known. */
export interface Flagging {
  threshold: number | null;
  lastOfTop: RankedRow | null;
  method: string;
  /** One standard error of the flagged share; null where the rule is exact. */
  shareError: number | null;
}

/** The threshold, or the last of the exact highest rows, which takes a scan of its own. */
export async function obtainFlagging(
  spec: JobSpec,
  model: NativeModel,
  job: OpenJob,
  run: PhaseRun,
  counts: ChunkCounts,
): Promise<Flagging> {
  const rule = spec.score?.flag;
  if (!rule) throw new BatchCoreError('BUG', 'a job that only fits flags nothing');
  if (rule.kind === 'threshold')
    return { threshold: rule.score, lastOfTop: null, method: `threshold ${rule.score}`, shareError: null };
  if (rule.kind === 'contamination') {
    const threshold = model.threshold(rule.share);
    if (!threshold) throw new BatchCoreError('BUG', 'a share is to be flagged by a model without a distribution');
    const { value, shareError } = threshold;
    return { threshold: value, lastOfTop: null, method: `contamination ${rule.share}`, shareError };
  }
  let top: TopMerger | undefined;
  const rank = { kind: 'rank', model: modelArtifact(job, model), missing: spec.missing, count: rule.rows } as const;
  const work = (): Work => ({ ...rank, ...(top?.floor !== undefined && { floor: spelled(top.floor) }) });
  const pass = {
    name: 'rank',
    phase: 'fit',
    counts,
    work,
    target: summaryName(job, 'rank'),
    paths: job.paths,
  } as const;
  const merger = await mergePass(run, pass, () => {
    top = new TopMerger(rule.rows);
    return top;
  });
  const lastOfTop = (await merger.finish()) ?? null;
  return { threshold: null, lastOfTop, method: `top ${rule.rows}`, shareError: null };
}
