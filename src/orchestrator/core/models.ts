/** What is done with models as files: a forest of another program becomes one, and two are compared. */
import { dirname } from 'node:path';
import { BatchCoreError } from '../../errors.ts';
import { fromHere, placeOf } from '../../files/paths.ts';
import type { Report } from '../../report.ts';
import { checkPlaces, realPlace } from '../../sink/place.ts';
import { temporaryPrefix } from '../../sink/temporaries.ts';
import { claimAt } from '../places/claims.ts';
import { saveModel } from '../places/save.ts';
import { resolveHome } from '../prepare/home.ts';
import { loadForest, loadModelFile } from '../prepare/modelFile.ts';
import type { ForestOptions, Missing } from '../spec/optionTypes.ts';
import { type RunHooks, runFit } from '../work/run.ts';
import type { InspectedModel } from './inspect.ts';
import { type ComparedModel, type ModelDifference, modelDifferences, USUAL_SHARES } from './modelDiff.ts';

export interface ImportOptions {
  /** Where the model goes. */
  model: string;
  /** Names of the columns, in the order of the fit. Default: those that the file has. */
  columns?: readonly string[] | undefined;
  missing: Missing;
  /** Replaces another file. */
  force?: boolean | undefined;
}

/** Makes a model of the isolation forest in `file`, which another program fitted. */
export function importModel(file: string, options: ImportOptions): InspectedModel {
  const [source, path] = [fromHere(file), placeOf(options.model, '--model')];
  refuseTwice(options.columns);
  const place = { path, place: realPlace(path), option: '--model', layout: 'file' } as const;
  const home = resolveHome(undefined, path);
  checkPlaces([place], { inputs: [source], home, inputWords: 'the file that is imported' });
  const { columns, missing } = options;
  const { bytes, facts } = loadForest(source, { columns, missing, withoutThreshold: false });
  saveModel(
    place,
    bytes,
    temporaryPrefix(dirname(place.place), 'model'),
    claimAt(place.place, undefined, options.force),
  );
  return { kind: 'model', path, bytes: bytes.length, ...facts };
}

/** What says how a forest is calibrated, as `--calibrate` needs it to be said. */
export type CalibrationOptions = Omit<ForestOptions, 'forest'>;

/** The same, whose scores on `sources` tell how scores of it are distributed: a job, as a fit is. */
export async function calibrateModel(
  file: string,
  sources: readonly string[],
  model: string,
  options: CalibrationOptions,
  hooks: RunHooks,
): Promise<Report> {
  return runFit(sources, model, { ...options, forest: file }, hooks);
}

function refuseTwice(columns: readonly string[] | undefined): void {
  const twice = columns?.find((name, at) => columns.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new BatchCoreError('USAGE', `--columns: column "${twice}" is named twice`, {
    where: { option: '--columns', column: twice },
    hint: 'name each column once',
  });
}

/** In what two models differ. */
export interface ModelDiff {
  a: string;
  b: string;
  same: boolean;
  differences: ModelDifference[];
}

/** Compares two model files. */
export function diffModels(a: string, b: string): ModelDiff {
  const differences = modelDifferences(compared(a), compared(b));
  return { a, b, same: differences.length === 0, differences };
}

function compared(path: string): ComparedModel {
  const model = loadModelFile(fromHere(path));
  const thresholds = USUAL_SHARES.map((share) => [String(share), model.threshold(share)?.value ?? null] as const);
  return { facts: model.facts, thresholds: Object.fromEntries(thresholds) };
}
