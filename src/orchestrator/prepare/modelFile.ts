/** Models as files: those that were saved, and forests that another program fitted. */
import { readFileSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { type ForestWishes, importModel, NativeModel } from '../../bindings/native.ts';
import { BatchCoreError, readError } from '../../errors.ts';
import { specialWords } from '../../files/head.ts';
import { isLost, notUtf8 } from '../../files/paths.ts';

/** No forest is larger; of what is no forest no more is read. */
const FOREST_BYTES_MAX = 2 ** 30;

/** Reads a saved model. */
export function loadModelFile(path: string): NativeModel {
  const bytes = readModelBytes(path, 'model', {
    absent: 'make one with "batch-core fit <source> -m <path>"',
    other: 'name the file that "batch-core fit <source> -m <path>" wrote',
  });
  try {
    return new NativeModel(bytes);
  } catch (cause) {
    const { code, message } = BatchCoreError.from(cause);
    // Not the file's fault.
    if (code === 'ADDON_MISSING' || code === 'OUT_OF_MEMORY') throw cause;
    throw new BatchCoreError('MODEL_INVALID', `${path}: ${message}`, {
      where: { file: path },
      hint: 'the file is damaged, of a newer version or not a model; fit it again',
      cause,
    });
  }
}

/** What is asked to do where there is no such file, and where it is no file. */
interface FileHints {
  absent: string;
  other: string;
}

/** Reads a file that holds a model, or what `what` says. */
function readModelBytes(path: string, what: string, hints: FileHints): Buffer {
  try {
    // Asked before it is opened: opening a pipe waits for whoever writes into it.
    const stats = statSync(path);
    if (!stats.isFile())
      throw new BatchCoreError('MODEL_NOT_FOUND', `cannot read the ${what} ${path}: it is ${specialWords(stats)}`, {
        where: { file: path },
        hint: hints.other,
      });
    return readFileSync(path);
  } catch (cause) {
    if (cause instanceof BatchCoreError) throw cause;
    if (isLost(path, path)) throw notUtf8(basename(path), path, 'MODEL_NOT_FOUND');
    throw readError(cause, `the ${what} ${path}`, { path, absent: 'MODEL_NOT_FOUND', absentHint: hints.absent });
  }
}

/** Reads the forest of another program. */
export function loadForest(path: string, wishes: ForestWishes): NativeModel {
  refuseLarge(path);
  const hint = 'name a file that skl2onnx, Treelite or export_isolation_forest.py wrote';
  const bytes = readModelBytes(path, 'forest', { absent: hint, other: hint });
  try {
    return new NativeModel(importModel(bytes, wishes));
  } catch (thrown) {
    const { code, message, where, hint, cause } = BatchCoreError.from(thrown);
    const options = { where: { file: path, ...where }, ...(hint !== undefined && { hint }), cause };
    throw new BatchCoreError(code, `cannot import ${path}: ${message}`, options);
  }
}

function refuseLarge(path: string): void {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (!stats?.isFile() || stats.size <= FOREST_BYTES_MAX) return;
  throw new BatchCoreError('FOREST_UNSUPPORTED', `cannot import ${path}: it has ${stats.size} bytes`, {
    where: { file: path },
    hint: `a forest to import has ${FOREST_BYTES_MAX} bytes at most`,
  });
}
