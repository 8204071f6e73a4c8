import { readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { CODES } from '../src/errorCodes.ts';
import { BatchCoreError, ERROR_CODES } from '../src/errors.ts';
import { tableOf } from './markdown.ts';

const HEAD = `# Errors and exit codes

Every failure is a \`BatchCoreError { code, class, message, where?, hint?, exitCode, cause }\`; with \`--json\` it is printed as
\`{"error":{"code","message","where","hint","cause"}}\` on stdout, \`cause\` being the cause's text where the message does not hold it. Codes are a closed set: a minor version may add one, none is renamed
or removed within a major version.

## How a process ends

| exit               | means                                                                            |
| ------------------ | -------------------------------------------------------------------------------- |
| 0                  | done                                                                             |
| 1                  | failed or cancelled: finished chunks are kept, the hint tells how; models differ |
| 2                  | the command line is wrong                                                        |
| 65                 | the data is bad                                                                  |
| 70                 | a bug in batch-core                                                              |
| 74                 | input or output failed, or there is no room                                      |
| 75                 | busy: another process has the job                                                |
| 78                 | the configuration does not fit: columns, model, output, or an input that changed |
| 129, 130, 131, 143 | stopped by SIGHUP, SIGINT, SIGQUIT, SIGTERM; resumable                           |

An example:

    error[SOURCE_NOT_FOUND]: "fligths.parquet" does not exist
      hint: did you mean "flights.parquet"?

## Codes
`;

it('docs/errors.md is the table of codes (npx vitest run test/errors.test.ts -u writes it)', async () => {
  const rows = ERROR_CODES.map((code) => {
    const { class: errorClass, exitCode, retried } = new BatchCoreError(code, '');
    return [
      `\`${code}\``,
      String(exitCode),
      errorClass,
      retried ? 'yes' : 'no',
      CODES[code].meaning,
      CODES[code].remedy,
    ];
  });
  const heads = ['code', 'exit', 'class', 'retried', 'when', 'what to do'];
  await expect(`${HEAD}\n${tableOf(heads, rows)}\n`).toMatchFileSnapshot('../docs/errors.md');
});

it('every code is raised by somebody: here, or in the native half, whose codes are in the table (crates/error)', () => {
  const root = join(import.meta.dirname, '..');
  const ours = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.c?ts$/.test(name))
    .map((name) => readFileSync(join(root, 'src', name), 'utf8'));
  const native = readFileSync(join(root, 'crates/error/src/code.rs'), 'utf8');
  const raised = (code: string) => native.includes(`= "${code}"`) || ours.some((text) => text.includes(`'${code}'`));
  expect(ERROR_CODES.filter((code) => !raised(code))).toEqual([]);
});

it('what the system refused has a code of its own, whoever met it', () => {
  const check = (errno: string, code: string) => {
    const cause = Object.assign(new Error(`${errno}: x, write 'a'`), { code: errno, syscall: 'write', path: 'a' });
    expect(BatchCoreError.from(cause)).toMatchObject({ code, where: { file: 'a' }, cause });
  };
  check('ENOSPC', 'DISK_FULL');
  check('EDQUOT', 'QUOTA_EXCEEDED');
  check('EFBIG', 'QUOTA_EXCEEDED');
  check('EROFS', 'READ_ONLY');
  check('EIO', 'DISK_ERROR');
  check('EMFILE', 'TOO_MANY_FILES');
  check('ENAMETOOLONG', 'NAME_TOO_LONG');
  check('ENOMEM', 'OUT_OF_MEMORY');
  check('ENOENT', 'PATH_LOST');
  check('EBUSY', 'TRANSIENT_IO');
});

it('survives a trip as data', () => {
  const error = new BatchCoreError('DATA', 'what', { where: { file: 'f', rowGroup: 3 }, hint: 'do' });
  const back = BatchCoreError.fromRecord(JSON.parse(JSON.stringify(error)));
  expect(back.toJSON()).toEqual(error.toJSON());
  expect(back.class).toBe('DATA');
});

it('keeps what the cause says on a trip as data, unless the message says it', () => {
  const error = new BatchCoreError('DATA', 'the part is damaged', { cause: new RangeError('offset 9 of 8') });
  const back = BatchCoreError.fromRecord(JSON.parse(JSON.stringify(error)));
  expect(back.cause).toMatchObject({ message: 'offset 9 of 8' });
  expect(back.toJSON()).toEqual(error.toJSON());
  const told = new BatchCoreError('DATA', 'damaged: offset 9 of 8', { cause: new RangeError('offset 9 of 8') });
  expect(told.toJSON()).not.toHaveProperty('cause');
  expect(new BatchCoreError('BUG', 'x', { cause: { toString: 3 } }).toJSON().code).toBe('BUG');
});

it('calls what is not ours a bug, keeping the cause', () => {
  const cause = new TypeError('x is not a function');
  const error = BatchCoreError.from(cause);
  expect([error.code, error.exitCode, error.cause]).toEqual(['BUG', 70, cause]);
});

it('an errno that libuv has no name for is named all the same', () => {
  const errno = -constants.errno.EDQUOT;
  for (const code of [`Unknown system error ${errno}`, 'UNKNOWN']) {
    const thrown = Object.assign(new Error(`${code}, write`), { errno, code, syscall: 'write' });
    expect(BatchCoreError.from(thrown)).toMatchObject({
      code: 'QUOTA_EXCEEDED',
      message: 'cannot write: the disk quota is used up (EDQUOT)',
    });
  }
});
