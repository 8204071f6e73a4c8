import { expect, it } from 'vitest';
import { lostEnding, lostWorker } from '../../src/engines/lost.ts';
import { BatchCoreError } from '../../src/errors.ts';

const heap = Object.assign(new Error('Worker terminated due to reaching memory limit: JS heap out of memory'), {
  code: 'ERR_WORKER_OUT_OF_MEMORY',
});

const full = Object.assign(new Error('Worker initialization failure: EMFILE'), { code: 'ERR_WORKER_INIT_FAILED' });
const unread = new Error("EMFILE: too many open files, open 'worker.js'");
const unstarted = Object.assign(new Error('EAGAIN'), { code: 'ERR_WORKER_INIT_FAILED' });

it.each<[string, unknown, string, boolean]>([
  ['a full heap', heap, 'OUT_OF_MEMORY', true],
  ['a thread for which no descriptor is left', full, 'TOO_MANY_FILES', true],
  ['a thread that cannot read its code', unread, 'TOO_MANY_FILES', true],
  ['a thread that could not be started', unstarted, 'TOO_MANY_THREADS', true],
  ['what cannot be sent', new DOMException('() => {} could not be cloned.', 'DataCloneError'), 'BUG', false],
  ['wrong code', new TypeError('x is not a function'), 'BUG', false],
  ['a worker that exits', new Error('worker exited with code: 7'), 'TRANSIENT_IO', true],
  ['what is no error', 'gone', 'BUG', false],
  ['an error of ours', new BatchCoreError('DISK_FULL', 'no room'), 'DISK_FULL', false],
])('%s keeps its words and gets its code', (_, thrown, code, retried) => {
  const error = lostWorker(thrown);
  expect([error.code, error.retried]).toEqual([code, retried]);
  expect(error.message).toContain(thrown instanceof Error ? thrown.message : String(thrown));
  if (thrown !== error) expect(error.cause).toBe(thrown);
});

it.each<[string, unknown, string | undefined]>([
  ['a full heap', heap, 'memory'],
  ['a worker that exits', new Error('worker exited with code: 7'), 'exit'],
  ['a thread that could not be started', unstarted, undefined],
  ['wrong code', new TypeError('x is not a function'), undefined],
  ['an error of ours', new BatchCoreError('OUT_OF_MEMORY', 'no memory'), undefined],
])('%s says what took the worker', (_, thrown, lost) => {
  expect(lostEnding(thrown)).toEqual({ ok: false, error: lostWorker(thrown).toJSON(), ...(lost && { lost }) });
});
