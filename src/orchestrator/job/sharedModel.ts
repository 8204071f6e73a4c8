/** The model of a fit that another job of the home has finished: what nothing but another share, rule or output asks of is not fitted again. */
import { NativeModel } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { recalledBy, sourceDifferences } from '../../source/identity.ts';
import { modelDirectory } from '../../store/home.ts';
import { keepShared, readShared } from '../../store/sharedModels.ts';
import type { Fitting } from '../prepare/fitting.ts';
import { filesOf, type Prepared } from '../prepare/prepare.ts';
import { fitFingerprintOf } from '../spec/fitIdentity.ts';
import { digestOf } from '../spec/jobSpec.ts';
import type { OpenJob } from './job.ts';

/** A model that was found, and what is to be said of what lay there. */
export interface Shared {
  found?: { model: NativeModel; path: string };
  warnings: string[];
}

/**
 * By what a fit is known in a home: what decides its model, and the files of its source as a recall would have them, so that
 * one that was touched since, or verified only now, is fitted again.
 */
function keyOf({ spec, options }: Prepared, { facts, realPaths }: Fitting): string {
  const files = facts.files.map((file, i) => [realPaths[i], ...recalledBy(file)]);
  return digestOf({ fit: fitFingerprintOf(spec), files, verified: options.verifyInput ?? false });
}

/** The model, if the home has it and `--fresh` does not ask for another fit. Looks only; nothing it meets is an error. */
export function findShared(prepared: Prepared): Shared {
  const { home, fitting, options } = prepared;
  if (!fitting || options.fresh) return { warnings: [] };
  try {
    return chosen(prepared, fitting, readShared(home, keyOf(prepared, fitting)));
  } catch (thrown) {
    const { message } = BatchCoreError.from(thrown);
    return { warnings: [`the models that jobs of this home have in common could not be looked at: ${message}`] };
  }
}

function chosen(prepared: Prepared, fitting: Fitting, files: ReturnType<typeof readShared>): Shared {
  const warnings: string[] = [];
  for (const { path, bytes } of files) {
    const model = bytes && modelOf(bytes);
    if (model && isFitOf(model, prepared, fitting)) return { found: { model, path }, warnings };
    warnings.push(`${path} is not the model that its name says: it is not used`);
  }
  return { warnings };
}

function modelOf(bytes: Uint8Array): NativeModel | undefined {
  try {
    return new NativeModel(bytes);
  } catch {
    return undefined;
  }
}

/** Whether the model says of itself what was asked for. */
function isFitOf({ facts }: NativeModel, { spec }: Prepared, { rows }: Fitting): boolean {
  const columns = [...facts.columns, ...facts.leftOut.map(({ column }) => column)].sort();
  const asked = [...spec.columns].sort();
  const sameColumns = columns.length === asked.length && columns.every((name, i) => name === asked[i]);
  const sameFit = facts.detector === spec.fit?.detector && facts.seed === spec.fit.seed;
  // How many rows meet a condition, only the fit finds out.
  const sameRows = facts.sourceRows === rows || spec.fit?.condition !== undefined;
  return sameColumns && sameFit && facts.missing === spec.missing && sameRows;
}

/**
 * Keeps what the job has just fitted for others. Chunks that an earlier execution fitted may be of a source that was touched
 * since, which a resume does not mind. Returns what is to be said: to fail here costs another fit, and no run.
 */
export function share(prepared: Prepared, job: OpenJob, model: NativeModel, resumedChunks: number): string[] {
  const { home, fitting } = prepared;
  if (!fitting) return [];
  const files = filesOf(prepared);
  const begun = resumedChunks > 0 ? (job.stored?.files ?? []) : files;
  if (sourceDifferences('recall', begun, files).length > 0) return [];
  try {
    keepShared(home, keyOf(prepared, fitting), job.jobId, model.bytes);
    return [];
  } catch (thrown) {
    const { message } = BatchCoreError.from(thrown);
    return [`the model was not kept in ${modelDirectory(home)} for other jobs, which may fit it again: ${message}`];
  }
}
