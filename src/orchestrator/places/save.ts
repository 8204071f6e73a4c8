/** A model gets its place, as an output does: nothing there is replaced that was not approved. */
import { readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { NativeModel, writeCommitted } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { isModel, lookAt } from '../../sink/look.ts';
import { checkPlaces, type Place, realPlace } from '../../sink/place.ts';
import { sha256Of } from '../../sink/sink.ts';
import { type Claim, judge, takenError, type Verdict } from '../../sink/target.ts';
import { temporaryBeside, temporaryPrefix } from '../../sink/temporaries.ts';
import type { FileIdentity } from '../../source/identity.ts';
import { resolveHome } from '../prepare/home.ts';
import { claimAt } from './claims.ts';

/**
 * Whether a model may be written at `path`; `there` when the model of this digest is: it need not be written, and is no
 * other.
 */
export function judgeModel(
  path: string,
  claim: Omit<Claim, 'fingerprint'>,
  digest: string | undefined,
): Verdict | { kind: 'there' } {
  const found = lookAt(path);
  if (isModel(found)) {
    const bytes = readFileSync(path);
    if (sha256Of(bytes) === digest) return { kind: 'there' };
    // Damaged, it is the model that it was, or that of nobody.
    if (!isWhole(bytes)) return judge({ ...found, what: 'unreadable' }, { ...claim, fingerprint: undefined });
  }
  if (found.kind === 'directory') return { kind: 'taken', words: 'a directory', forceable: false };
  return judge(found, { ...claim, fingerprint: undefined });
}

function isWhole(model: Uint8Array): boolean {
  try {
    new NativeModel(model);
    return true;
  } catch {
    return false;
  }
}

/** Writes the model, durably, unless it is there. */
export function saveModel(
  { path, place, option }: Place,
  bytes: Uint8Array,
  prefix: string,
  claim: Omit<Claim, 'fingerprint'>,
): void {
  const verdict = judgeModel(place, claim, sha256Of(bytes));
  if (verdict.kind === 'there') return;
  if (verdict.kind === 'taken') throw takenError(path, option, verdict);
  writeCommitted(temporaryBeside(place, prefix), place, bytes, verdict.replaces);
}

/** Where a model comes from: what it must never be saved over. One that was loaded has no sources. */
export interface ModelOrigin {
  sources: readonly FileIdentity[];
  home: string | undefined;
}

/** Writes a model that a program holds, to where it likes: as `fit -m` does, and said in the package's words. */
export function saveModelCopy(
  path: string,
  bytes: Uint8Array,
  { force, origin }: { force: boolean; origin: ModelOrigin },
): void {
  const place = { path, place: realPlace(path), option: 'path', layout: 'file' } as const;
  const { sources, home = resolveHome(undefined, path) } = origin;
  checkPlaces([place], {
    inputs: sources.map((file) => file.path),
    home,
    inputWords: 'a source that the model was fitted on',
  });
  const verdict = judgeModel(path, claimAt(path, undefined, force), sha256Of(bytes));
  if (verdict.kind === 'there') return;
  refuseSource(path, sources);
  if (verdict.kind === 'taken')
    throw new BatchCoreError('OUTPUT_EXISTS', `${path} exists and is ${verdict.words}`, {
      where: { file: path, option: 'path' },
      hint: `choose another path${verdict.forceable ? ', or replace it with save(path, { force: true })' : ''}`,
    });
  const prefix = temporaryPrefix(dirname(path), 'model');
  writeCommitted(temporaryBeside(path, prefix), path, bytes, verdict.replaces);
}

/** A source may have got another name since it was read. */
function refuseSource(path: string, sources: readonly FileIdentity[]): void {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false });
  const same = sources.find(
    (file) => file.kind === 'file' && file.device === String(stats?.dev) && file.inode === String(stats?.ino),
  );
  if (same === undefined) return;
  throw new BatchCoreError('OUTPUT_EXISTS', `path: ${path} is the source ${same.path} that the model was fitted on`, {
    where: { file: path, option: 'path' },
    hint: 'choose another path; what was read is never written, not even with force',
  });
}
