/** Everything a run writes where people look: checked before it begins, and again when it is written. */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { systemError } from '../../errors.ts';
import { lookAt } from '../../sink/look.ts';
import { checkPlaces, type Place, realPlace } from '../../sink/place.ts';
import { type Approved, expectLayout, judge, takenError } from '../../sink/target.ts';
import { readBeginning } from '../job/beginning.ts';
import type { OpenJob } from '../job/job.ts';
import { ownModelDigest } from '../job/ownModel.ts';
import { jobPaths } from '../prepare/home.ts';
import { filesOf, type Prepared } from '../prepare/prepare.ts';
import { claimAt } from './claims.ts';
import { judgeModel } from './save.ts';

/** The places a run writes to. */
export function placesOf({ kind, home, jobId, output, options }: Prepared): Place[] {
  const places: Place[] = [];
  // A fit to nowhere in particular writes into its own job.
  const inside = output.path === jobPaths(home, jobId).model;
  if (!inside) places.push({ ...output, option: kind === 'fit' ? '--model' : '--out' });
  const { saveModel: path } = options;
  if (path !== undefined) places.push({ path, place: realPlace(path), layout: 'file', option: '--save-model' });
  return places;
}

/** Where the model is saved beside the scores. */
export function savedPlace(prepared: Prepared): Place | undefined {
  return placesOf(prepared).find(({ option }) => option === '--save-model');
}

/** Refuses what must never be written, whatever lies there. */
export function refusePlaces(prepared: Prepared): void {
  const { kind, home, options } = prepared;
  const inputs = filesOf(prepared).map((file) => file.path);
  if (kind === 'score' && options.model !== undefined) inputs.push(options.model);
  if (options.forest !== undefined) inputs.push(options.forest);
  checkPlaces(placesOf(prepared), { inputs, home });
}

/** Refuses, before the work and not after it, where nothing can be written. */
export function refuseUnwritable(prepared: Prepared): void {
  for (const { place, layout, option } of placesOf(prepared)) {
    const directory = layout === 'directory' && existsSync(place) ? place : dirname(place);
    try {
      accessSync(directory, constants.W_OK | constants.X_OK);
    } catch (cause) {
      throw systemError(cause, `write into ${directory}`, { path: directory, option });
    }
  }
}

/** Refuses, where a model was not to be saved when the job began, what is taken at its place. */
export function refuseSavedModel(prepared: Prepared): void {
  const place = savedPlace(prepared);
  const before = readBeginning(prepared.home, prepared.jobId)?.request.options['saveModel'];
  if (!place || (typeof before === 'string' && realPlace(before) === place.place)) return;
  const own = ownModelDigest({ model: undefined, paths: jobPaths(prepared.home, prepared.jobId) });
  const verdict = judgeModel(place.place, claimAt(place.place, undefined, prepared.options.force), own);
  if (verdict.kind === 'taken') throw takenError(place.path, place.option, verdict);
}

/**
 * Refuses what is taken: by a stranger always unless forced, by what another job of ours made unless forced. Returns
 * what this job may replace from now on, whatever comes to lie there later.
 */
export function approveTargets(prepared: Prepared, job: OpenJob | undefined): Approved {
  const { kind, fingerprint, options } = prepared;
  const force = options.force ?? false;
  const files: Approved['files'][number][] = [];
  for (const { path, place, option, layout } of placesOf(prepared)) {
    const isModel = kind === 'fit' || option === '--save-model';
    const found = expectLayout(lookAt(place), layout);
    const claim = claimAt(place, job, force);
    const verdict = isModel
      ? judgeModel(place, claim, job && ownModelDigest(job))
      : judge(found, { ...claim, fingerprint });
    if (verdict.kind === 'taken') throw takenError(path, option, verdict);
    if (verdict.kind === 'free' && verdict.replaces) files.push({ path: place, ...verdict.replaces });
    else if (verdict.kind === 'free')
      files.push(...verdict.approved.map(({ name, id }) => ({ path: join(place, name), ...id })));
  }
  return { files };
}
