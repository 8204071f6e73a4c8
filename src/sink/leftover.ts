/** Whose a file is that a kill left beside an output, under the name of a swap. */
import { readFileSync } from 'node:fs';
import { lookAt } from './look.ts';
import { sha256Of } from './sink.ts';
import { type Approved, sameFile } from './target.ts';
import type { IsOurs } from './temporaries.ts';

/** The job that was swapping. */
export interface Leaver {
  approved: Approved;
  fingerprint: string;
  /** SHA-256 of the file of its model, once it has one. */
  model: string | undefined;
}

/**
 * Whether a job may remove what a kill in the instant of a swap left: what it was to put in place, known by what is in it,
 * or what it was allowed to replace. Anything else had just come to lie at the target.
 */
export function isOwnLeftover({ approved, fingerprint, model }: Leaver): IsOurs {
  return (path, id) => {
    if (approved.files.some((file) => sameFile(file, id))) return true;
    const found = lookAt(path);
    if (found.kind !== 'file') return false;
    if (found.what === 'output') return found.fingerprint === fingerprint;
    return found.what === 'model' && model !== undefined && sha256Of(readFileSync(path)) === model;
  };
}
