/** What `score` would refuse as things lie now: told by looking alone, for whoever plans. */
import { BatchCoreError } from '../errors.ts';
import { jobExists, refuseBusy } from './job.ts';
import type { Prepared } from './prepare.ts';
import { foreseeRivals } from './rivals.ts';
import { approveTargets, refusePlaces, refuseUnwritable } from './targets.ts';

/** What a run would warn of before its first chunk, and its refusal, if it has one. No database is opened, no lock taken. */
export async function foreseen(prepared: Prepared): Promise<string[]> {
  const warnings: string[] = [];
  try {
    refusePlaces(prepared);
    // What a job that exists may replace, its database knows.
    if (!jobExists(prepared)) approveTargets(prepared, undefined);
    warnings.push(...(await foreseeRivals(prepared)));
    refuseBusy(prepared);
    refuseUnwritable(prepared);
  } catch (thrown) {
    const { message, hint } = BatchCoreError.from(thrown);
    warnings.push(`score would refuse: ${message}${hint === undefined ? '' : ` (${hint})`}`);
  }
  return warnings;
}
