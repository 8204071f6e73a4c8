import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { BatchCoreError, ERROR_CODES } from '../src/errors.ts';

it('docs/errors.md lists every code with its exit code, and no other', () => {
  const text = readFileSync(resolve(import.meta.dirname, '../docs/errors.md'), 'utf8');
  const listed = [...text.matchAll(/^\| `([A-Z_]+)`\s*\| (\d+)\s*\|/gm)].map(([, code, exit]) => [code, Number(exit)]);
  expect(listed).toEqual(ERROR_CODES.map((code) => [code, new BatchCoreError(code, '').exitCode]));
});

it('survives a trip as data', () => {
  const error = new BatchCoreError('DATA', 'what', { where: { file: 'f', rowGroup: 3 }, hint: 'do' });
  const back = BatchCoreError.fromRecord(JSON.parse(JSON.stringify(error)));
  expect(back.toJSON()).toEqual(error.toJSON());
  expect(back.class).toBe('DATA');
});

it('calls what is not ours a bug, keeping the cause', () => {
  const cause = new TypeError('x is not a function');
  const error = BatchCoreError.from(cause);
  expect([error.code, error.exitCode, error.cause]).toEqual(['BUG', 70, cause]);
});
