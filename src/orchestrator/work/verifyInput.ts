/** `--verify-input`: the source is read once more, before anything is made of it. */
import type { Verified } from '../../bindings/task.ts';
import { noChunks } from '../../events/progress.ts';
import { inputDigest } from '../../source/inputDigest.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { runPhase } from './phase.ts';
import type { PhaseRun } from './phaseRun.ts';

/** What was found to be sound. */
export interface VerifiedInput {
  /** SHA-256 over the row groups of each file, in order. */
  digests: string[];
  pages: { checked: number; withChecksum: number };
}

/** Throws SOURCE_DAMAGED, naming the place, when a page is not what it says. Finished chunks are not read again. */
export async function verifyInput(prepared: Prepared, run: PhaseRun): Promise<VerifiedInput | null> {
  if (!prepared.options.verifyInput) return null;
  await runPhase(run, {
    name: 'verify',
    phase: 'plan',
    counts: noChunks(),
    work: () => ({ kind: 'verify' }),
  });
  const rowGroups = prepared.facts.files.map((): Verified['rowGroups'] => []);
  const pages = { checked: 0, withChecksum: 0 };
  let next = 0;
  for await (const bytes of run.store.summaries('verify')) {
    const receipt = JSON.parse(Buffer.from(bytes).toString()) as Verified;
    const ofFile = rowGroups[run.chunks[next]?.fileId ?? 0];
    for (const rowGroup of receipt.rowGroups) ofFile?.push(rowGroup);
    pages.checked += receipt.pagesChecked;
    pages.withChecksum += receipt.pagesWithCrc;
    next += 1;
  }
  return { digests: rowGroups.map(inputDigest), pages };
}
