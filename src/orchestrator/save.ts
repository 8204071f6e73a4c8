/** A model gets its place, as an output does: nothing there is replaced that was not approved. */
import { readFileSync } from 'node:fs';
import { NativeModel, writeCommitted } from '../bindings/native.ts';
import { type Found, lookAt } from '../sink/look.ts';
import { sha256Of } from '../sink/sink.ts';
import { type Claim, judge, takenError, type Verdict } from '../sink/target.ts';
import { temporaryBeside } from '../sink/temporaries.ts';

/** What may be replaced. */
export interface ModelClaim {
  option: string;
  claim: Omit<Claim, 'fingerprint'>;
  /** A model that is there already need not be written, and is no other. */
  digest: string | undefined;
}

/** Whether a model may be written at `path`; `there` when this very model is. */
export function judgeModel(path: string, { claim, digest }: Omit<ModelClaim, 'option'>): Verdict | { kind: 'there' } {
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

function isModel(found: Found): found is Extract<Found, { kind: 'file' }> {
  return found.kind === 'file' && found.what === 'model';
}

function isWhole(model: Uint8Array): boolean {
  try {
    new NativeModel(model);
    return true;
  } catch {
    return false;
  }
}

/** Refuses a place that is taken. */
export function checkModelPlace(path: string, claim: ModelClaim): void {
  const verdict = judgeModel(path, claim);
  if (verdict.kind === 'taken') throw takenError(path, claim.option, verdict);
}

/** Writes the model, durably, unless it is there. */
export function saveModel(path: string, bytes: Uint8Array, prefix: string, claim: Omit<ModelClaim, 'digest'>): void {
  const verdict = judgeModel(path, { claim: claim.claim, digest: sha256Of(bytes) });
  if (verdict.kind === 'there') return;
  if (verdict.kind === 'taken') throw takenError(path, claim.option, verdict);
  writeCommitted(temporaryBeside(path, prefix), path, bytes, verdict.replaces);
}
