/** What the native half says went wrong, as it arrives here and in a worker's owner. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { fileDigest, partFacts, rowGroupChecksums } from '../../src/bindings/native.ts';
import type { Task } from '../../src/bindings/task.ts';
import { BatchCoreError } from '../../src/errors.ts';
import { runTask } from '../../src/worker/run.ts';
import { scratch } from '../cli/harness.ts';

const absent = join(scratch(), 'absent.parquet');

async function failure(call: () => unknown): Promise<BatchCoreError> {
  try {
    await call();
  } catch (thrown) {
    if (thrown instanceof BatchCoreError) return thrown;
  }
  throw new Error('it did not fail as ours');
}

/** The same, having gone from a thread to another. */
function travelled(thrown: () => never): BatchCoreError {
  const ending = structuredClone(runTask(thrown, {} as Task, 0, () => {}));
  if (ending.ok) throw new Error('it did not fail');
  return BatchCoreError.fromRecord(ending.error);
}

describe('an error of the native half', () => {
  it('is one record, whether it is thrown or told by a long call', async () => {
    for (const call of [partFacts, fileDigest, rowGroupChecksums]) {
      const error = await failure(() => call(absent));
      expect(error).toMatchObject({
        code: 'PATH_LOST',
        class: 'TRANSIENT_IO',
        where: { file: absent },
        cause: { message: 'No such file or directory (os error 2)' },
      });
      // The message ends with it.
      expect(error.toJSON()).not.toHaveProperty('cause');
    }
  });
});

describe('the trip from a worker to its owner changes', () => {
  it.each([
    ['nothing of ours', new BatchCoreError('DISK_ERROR', 'x', { where: { file: 'f', rowGroup: 3 }, hint: 'do' })],
    ['no cause', new BatchCoreError('JOB_DAMAGED', 'the log is cut short', { cause: new RangeError('offset 9 of 8') })],
    ['no code of the system', Object.assign(new Error('EMFILE: x'), { code: 'EMFILE', syscall: 'open', path: 'a' })],
    ['no word of a bug', new TypeError('x is not a function')],
  ])('%s', (_, thrown) => {
    const [there, here] = [
      BatchCoreError.from(thrown),
      travelled(() => {
        throw thrown;
      }),
    ];
    expect(here.toJSON()).toEqual(there.toJSON());
    expect([here.class, here.exitCode, here.retried]).toEqual([there.class, there.exitCode, there.retried]);
  });
});
