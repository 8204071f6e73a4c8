/** `--verify-input`: the source is read once more, before anything is made of it. */
import type { Verified } from '../../bindings/task.ts';
import { noChunks } from '../../events/progress.ts';
import { inputDigest } from '../../source/inputDigest.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { runPhase } from './phase.ts';
import { over, type PhaseRun, type PhaseWork } from './phaseRun.ts';

/** What was found to be sound: of the source that is scored; what is only fitted on is as sound, and not told of. */
export interface VerifiedInput {
  /** SHA-256 over the row groups of each file, in order. */
  digests: string[];
  pages: { checked: number; withChecksum: number };
}

/** Throws SOURCE_DAMAGED, naming the place, when a page is not what it says. Finished chunks are not read again. */
export async function verifyInput(prepared: Prepared, run: PhaseRun): Promise<VerifiedInput | null> {
  if (!prepared.options.verifyInput) return null;
  const verify = (name: string): PhaseWork => ({
    name,
    phase: 'plan',
    counts: noChunks(),
    work: () => ({ kind: 'verify' }),
  });
  await runPhase(run, verify('verify'));
  const { fitting } = prepared;
  if (fitting && !fitting.isSource) {
    const ofFit = { ...run, ...over(fitting.facts), chunks: fitting.chunks };
    await runPhase(ofFit, verify('verify-fit'));
  }
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
