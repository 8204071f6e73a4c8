/** What a job says last of itself, where its process could not or did not. Pure. */
import type { BatchCoreError } from '../../errors.ts';
import type { Report } from '../../report.ts';
import type { JobStatus } from '../../store/status.ts';

/** What could not even begin is the last word of a job that is not finished; how far it had come stays. */
export function refusedStatus(status: JobStatus, error: BatchCoreError): JobStatus {
  const end = { exitCode: error.exitCode, error: error.toJSON(), updatedAt: new Date().toISOString() };
  return { ...status, state: 'failed', ...end };
}

/** What a job's last word was too early to say: it is completed. */
export function completedStatus(
  { error: _error, ...status }: JobStatus,
  { source, chunks, fit, detector }: Report,
): JobStatus {
  const [phase, { planned, retried }] = chunks.planned > 0 ? (['publish', chunks] as const) : (['fit', fit] as const);
  const done = { chunksDone: planned, chunksTotal: planned, rowsDone: source.rows, rowsTotal: source.rows, retried };
  const progress = { ...status.progress, ...done, phase, etaSeconds: null };
  return { ...status, state: 'completed', phase, exitCode: 0, detector, progress };
}
