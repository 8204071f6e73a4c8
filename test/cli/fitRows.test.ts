/** `--fit-rows`: a fit looks at a sample of the rows, the same however they come, or at all of them. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { errorOf, gaussian, parquet, run, score, scratch } from './harness.ts';

const directory = scratch();
const ROWS = 200_000;
const source = 'source.parquet';

beforeAll(async () => {
  // One cell of `rare` differs, and none of `same`.
  const select = `SELECT f0, f1, f2, (id = 123457)::INTEGER AS rare, 7 AS same FROM (${gaussian(ROWS)})`;
  await parquet(join(directory, source), select, 2048);
});

const factsOf = ({ model, fit, source, output }: Report) => ({
  ...model,
  ...{ fit, ignored: source.ignored, sha256: output.sha256 },
});

/** What a run says of its model, and of its scores. */
const scored = async (...args: string[]) =>
  factsOf(await score(directory, source, ...args, '-o', `${args.join(' ')}.parquet`, '--fresh'));

/** What a fit says of its model: nothing is scored. */
async function fitted(...args: string[]) {
  const flags = ['-m', `${args.join(' ')}.bcm`, '--fresh', '--json', '--progress', 'none'];
  const { code, stdout } = await run(directory, 'fit', source, ...args, ...flags);
  expect(code, stdout).toBe(0);
  return factsOf(JSON.parse(stdout));
}

describe.each(['auto', 'iforest', 'zscore', 'hbos', 'mad'])('%s', (detector) => {
  it('sees so many rows as were asked for, the same ones for any chunks and workers', async () => {
    const one = await scored('-d', detector, '--fit-rows', '5K');
    expect(one).toMatchObject({ fitRows: 5000, sourceRows: ROWS });
    const other = await scored('-d', detector, '--fit-rows', '5000', '-e', 'sequential');
    expect([other.digest, other.sha256]).toEqual([one.digest, one.sha256]);
    const chunked = await fitted('-d', detector, '--fit-rows', '5000', '--chunk-rows', '20K');
    expect(chunked.digest).toBe(one.digest);
    const seeded = await fitted('-d', detector, '--fit-rows', '5000', '--seed', '1');
    expect(seeded.digest).not.toBe(one.digest);
  });

  it('sees all where that is asked for, and says of each column what holds', async () => {
    const all = await fitted('-d', detector, '--fit-rows', 'all');
    expect(all).toMatchObject({ fitRows: ROWS, sourceRows: ROWS, ignored: [{ column: 'same', reason: 'constant' }] });
    const some = await fitted('-d', detector, '--fit-rows', '5000');
    expect(some.ignored).toEqual([
      { column: 'rare', reason: 'constant in the sample' },
      { column: 'same', reason: 'constant' },
    ]);
  });
});

it('reads sixty-four row groups or some more where a sample is enough, and all for what counts', async () => {
  expect((await fitted('-d', 'auto', '--columns', 'f0')).fit.planned).toBeLessThan(ROWS / 2048);
  const model = join(directory, 'model.bcm');
  const saved = await run(
    directory,
    'fit',
    source,
    '-d',
    'knn',
    '--columns',
    'f0,f1',
    '-m',
    model,
    '--progress',
    'none',
  );
  expect(saved.stdout).toContain('on a sample of 131,072 of 200,000 rows');
  expect((await run(directory, 'inspect', model)).stdout).toContain('fitted on a sample of 131,072 of 200,000 rows');
  const { fit, fitRows } = await fitted('-d', 'zscore');
  expect([fit.planned, fitRows]).toEqual([1, ROWS]);
});

it.each([
  [['--fit-rows', '0'], 'is not a whole number from 1'],
  [['--fit-rows', 'some'], 'some'],
  [['--fit-rows', '199999', '--columns', Array.from({ length: 3 }, (_, i) => `f${i}`).join()], ''],
  [['--fit-rows', '10', '-m', 'any.bcm'], '--fit-rows'],
])('%j is answered in words', async (args, said) => {
  const result = await run(directory, 'score', source, ...args, '-o', 'no.parquet', '--json', '--fresh');
  if (said === '') return expect(result.code, result.stdout).toBe(0);
  const { code, message } = errorOf(result);
  expect(['USAGE', 'MODEL_NOT_FOUND']).toContain(code);
  expect(message).toContain(said);
});
