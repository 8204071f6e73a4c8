import { expect, it } from 'vitest';
import { decideRetry } from '../../src/orchestrator/retry.ts';

it('retries only what may pass by itself', () => {
  for (const passing of ['TRANSIENT_IO', 'RESOURCE'] as const)
    expect(decideRetry(passing, 1, 3, 0.5).kind).toBe('retry');
  for (const lasting of ['DATA', 'CONFIG', 'BUG', 'CANCELLED', 'INPUT_CHANGED'] as const)
    expect(decideRetry(lasting, 1, 3, 0.5).kind).toBe('fail');
});

it('gives up after the last try', () => {
  expect(decideRetry('TRANSIENT_IO', 3, 3, 0.5).kind).toBe('retry');
  expect(decideRetry('TRANSIENT_IO', 4, 3, 0.5).kind).toBe('fail');
  expect(decideRetry('TRANSIENT_IO', 1, 0, 0.5).kind).toBe('fail');
});

it('doubles the ceiling of the wait up to ten seconds, and draws below it', () => {
  const waits = [1, 2, 3, 20].map((attempt) => decideRetry('RESOURCE', attempt, 100, 0.999));
  expect(waits).toEqual([100, 200, 400, 9990].map((delayMs) => ({ kind: 'retry', delayMs })));
  expect(decideRetry('RESOURCE', 5, 100, 0)).toEqual({ kind: 'retry', delayMs: 0 });
});
