/** What to do about a chunk that failed. Pure but for the jitter it is given. */
import type { BatchCoreError } from '../../errors.ts';

export type RetryDecision = { kind: 'retry'; delayMs: number } | { kind: 'fail' };

const DELAY_FIRST_MS = 100;
const DELAY_LAST_MS = 10_000;

/**
 * Exponential backoff with full jitter for what may pass by itself; anything else fails at once.
 * `attempt` counts from 1; `random` is uniform in [0, 1).
 */
export function decideRetry(
  error: Pick<BatchCoreError, 'retried'>,
  attempt: number,
  retriesMax: number,
  random: number,
): RetryDecision {
  if (!error.retried || attempt > retriesMax) return { kind: 'fail' };
  const ceiling = Math.min(DELAY_LAST_MS, DELAY_FIRST_MS * 2 ** (attempt - 1));
  return { kind: 'retry', delayMs: Math.round(ceiling * random) };
}
