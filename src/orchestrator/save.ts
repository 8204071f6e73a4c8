/** A model gets its place, as an output does: nothing there is replaced that was not approved. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { writeCommitted } from '../bindings/native.ts';
import { type Approved, type Found, judge, lookAt, takenError, type Verdict } from '../sink/target.ts';
import { temporaryBeside } from '../sink/temporaries.ts';

/** Who may be replaced. */
export interface ModelClaim {
  option: string;
  force: boolean;
  known: Approved;
  /** A model that is there already need not be written, and is no other. */
  digest: string | undefined;
}

/** Whether a model may be written at `path`; `there` when this very model is. */
export function judgeModel(path: string, claim: ModelClaim): Verdict | { kind: 'there' } {
  const found = lookAt(path);
  if (isModel(found) && claim.digest !== undefined && sha256Of(readFileSync(path)) === claim.digest)
    return { kind: 'there' };
  if (found.kind === 'directory') return { kind: 'taken', words: 'a directory', forceable: false };
  return judge(found, { fingerprint: undefined, force: claim.force, known: claim.known });
}

function isModel(found: Found): boolean {
  return found.kind === 'file' && found.what === 'model';
}

/** Refuses a place that is taken. */
export function checkModelPlace(path: string, claim: ModelClaim): void {
  const verdict = judgeModel(path, claim);
  if (verdict.kind === 'taken') throw takenError(path, claim.option, verdict);
}

/** Writes the model, durably, unless it is there. */
export function saveModel(path: string, bytes: Uint8Array, prefix: string, claim: Omit<ModelClaim, 'digest'>): void {
  const verdict = judgeModel(path, { ...claim, digest: sha256Of(bytes) });
  if (verdict.kind === 'there') return;
  if (verdict.kind === 'taken') throw takenError(path, claim.option, verdict);
  writeCommitted(temporaryBeside(path, prefix), path, bytes, verdict.replaces);
}

export function sha256Of(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
