/** The directory of an evaluation is gone when it ends, however it does. */
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { BatchCoreError } from '../../../src/errors.ts';
import { inScratch } from '../../../src/orchestrator/evaluate/scratch.ts';
import { scratch } from '../../cli/harness.ts';

const usual = process.env['TMPDIR'];
const place = join(scratch(), 'tmp');
mkdirSync(place);
afterEach(() => {
  if (usual === undefined) delete process.env['TMPDIR'];
  else process.env['TMPDIR'] = usual;
});

it('when there is an answer, and when there is none', async () => {
  process.env['TMPDIR'] = place;
  const during = await inScratch([], undefined, async () => readdirSync(place));
  expect(during).toEqual([expect.stringMatching(/^batch-core-evaluate-/)]);
  const failed = inScratch([], undefined, (database) => database.all('SELECT nothing'));
  await expect(failed).rejects.toMatchObject({ code: 'BUG' });
  expect(readdirSync(place)).toEqual([]);
});

it('where there is no room it is named, and what to do', async () => {
  process.env['TMPDIR'] = place;
  const full = inScratch([], undefined, async () => {
    throw new BatchCoreError('DISK_FULL', 'no room to write ":memory:"');
  });
  await expect(full).rejects.toMatchObject({
    code: 'DISK_FULL',
    message: `no room in ${place} for what does not fit in memory`,
    hint: expect.stringContaining('TMPDIR'),
  });
  expect(readdirSync(place)).toEqual([]);
});

it('where it cannot be made that is said', async () => {
  process.env['TMPDIR'] = join(place, 'nowhere');
  await expect(inScratch([], undefined, async () => 1)).rejects.toMatchObject({
    code: 'PATH_LOST',
    hint: expect.stringContaining('TMPDIR'),
  });
});
