/** What is done with models as files: a forest of another program becomes one, and two are compared. */
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import { importModel as importBytes, NativeModel } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { fromHere, placeOf } from '../../files/paths.ts';
import { checkPlaces, realPlace } from '../../sink/place.ts';
import { temporaryPrefix } from '../../sink/temporaries.ts';
import { claimAt } from '../places/claims.ts';
import { saveModel } from '../places/save.ts';
import { resolveHome } from '../prepare/home.ts';
import { loadModelFile, readModelBytes } from '../prepare/prepare.ts';
import type { Missing } from '../spec/optionTypes.ts';
import type { InspectedModel } from './inspect.ts';
import { type ComparedModel, type ModelDifference, modelDifferences, USUAL_SHARES } from './modelDiff.ts';

export interface ImportOptions {
  /** Where the model goes. */
  model: string;
  /** Names of the columns, in the order of the fit. Default: those that the file has. */
  columns?: string[];
  missing: Missing;
  /** Replaces another file. */
  force?: boolean;
}

/** No forest is larger; of what is no forest no more is read. */
const FILE_BYTES_MAX = 2 ** 30;

/** Makes a model of the isolation forest in `file`, which another program fitted. */
export function importModel(file: string, options: ImportOptions): InspectedModel {
  const [source, path] = [fromHere(file), placeOf(options.model, '--model')];
  refuseTwice(options.columns);
  const place = { path, place: realPlace(path), option: '--model', layout: 'file' } as const;
  const home = resolveHome(undefined, path);
  checkPlaces([place], { inputs: [source], home, inputWords: 'the file that is imported' });
  const { bytes, facts } = readForest(source, options);
  saveModel(
    place,
    bytes,
    temporaryPrefix(dirname(place.place), 'model'),
    claimAt(place.place, undefined, options.force),
  );
  return { kind: 'model', path, bytes: bytes.length, ...facts };
}

function refuseTwice(columns: readonly string[] | undefined): void {
  const twice = columns?.find((name, at) => columns.indexOf(name) !== at);
  if (twice === undefined) return;
  throw new BatchCoreError('USAGE', `--columns: column "${twice}" is named twice`, {
    where: { option: '--columns', column: twice },
    hint: 'name each column once',
  });
}

function readForest(source: string, { columns, missing }: ImportOptions): NativeModel {
  refuseLarge(source);
  const bytes = readModelBytes(source, 'forest', {
    absent: 'name a file that skl2onnx, Treelite or export_isolation_forest.py wrote',
    other: 'name a file that skl2onnx, Treelite or export_isolation_forest.py wrote',
  });
  try {
    return new NativeModel(importBytes(bytes, columns, missing));
  } catch (thrown) {
    const { code, message, where, hint, cause } = BatchCoreError.from(thrown);
    const options = { where: { file: source, ...where }, ...(hint !== undefined && { hint }), cause };
    throw new BatchCoreError(code, `cannot import ${source}: ${message}`, options);
  }
}

function refuseLarge(source: string): void {
  const stats = statSync(source, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size <= FILE_BYTES_MAX) return;
  throw new BatchCoreError('FOREST_UNSUPPORTED', `cannot import ${source}: it has ${stats.size} bytes`, {
    where: { file: source },
    hint: `a forest to import has ${FILE_BYTES_MAX} bytes at most`,
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
