import { expect, it } from 'vitest';
import { BatchCoreError, type ErrorCode } from '../../../src/errors.ts';
import { decideRetry } from '../../../src/orchestrator/spec/retry.ts';

const decide = (code: ErrorCode, attempt: number, retriesMax: number, random: number) =>
  decideRetry(new BatchCoreError(code, ''), attempt, retriesMax, random);

it('retries only what may pass by itself', () => {
  for (const passing of ['TRANSIENT_IO', 'RESOURCE', 'DISK_ERROR', 'OUT_OF_MEMORY'] as const)
    expect(decide(passing, 1, 3, 0.5).kind).toBe('retry');
  for (const lasting of ['DATA', 'CONFIG', 'BUG', 'CANCELLED', 'INPUT_CHANGED', 'DISK_FULL', 'READ_ONLY'] as const)
    expect(decide(lasting, 1, 3, 0.5).kind).toBe('fail');
});

it('gives up after the last try', () => {
  expect(decide('TRANSIENT_IO', 3, 3, 0.5).kind).toBe('retry');
  expect(decide('TRANSIENT_IO', 4, 3, 0.5).kind).toBe('fail');
  expect(decide('TRANSIENT_IO', 1, 0, 0.5).kind).toBe('fail');
});

it('doubles the ceiling of the wait up to ten seconds, and draws below it', () => {
  const waits = [1, 2, 3, 20].map((attempt) => decide('RESOURCE', attempt, 100, 0.999));
  expect(waits).toEqual([100, 200, 400, 9990].map((delayMs) => ({ kind: 'retry', delayMs })));
  expect(decide('RESOURCE', 5, 100, 0)).toEqual({ kind: 'retry', delayMs: 0 });
});
