/** Models as earlier versions wrote them (test/released): they load, flag the share that they were fitted for, and score as they did. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import { errorOf, run, score, scratch, sql } from './harness.ts';

const { loadModel }: typeof Package = await import(resolve('dist/index.js'));

const RELEASED = resolve(import.meta.dirname, '../released/model-2');
const DIGEST = 'sha256:f6be9b0b2ea304c5cf21a5207f02fffbc4b7a9d93516fdf6f213e7994cad57dc';
/** Of all scores as text, and rows that were flagged. */
const SCORED = { scores: '60b61cf66900fc5793ff86fd8350297a', flagged: '12' };

const directory = scratch();
const at = (name: string) => join(directory, name);
for (const name of ['source.parquet', 'model.bcm']) copyFileSync(join(RELEASED, name), at(name));

it('format 2 scores as it did', async () => {
  const report = await score(directory, 'source.parquet', '-m', 'model.bcm', '-o', 'scores.parquet');
  expect(report.model.digest).toBe(DIGEST);
  expect(report.anomalies).toMatchObject({ threshold: 4.967134079572425, method: 'contamination 0.02' });
  const query = `SELECT md5(string_agg(score::VARCHAR, ',' ORDER BY row)) AS scores, count(*) FILTER (anomaly) AS flagged
    FROM '${at('scores.parquet')}'`;
  expect(await sql(query)).toEqual([SCORED]);
});

it('format 2 is told and saved as it is', async () => {
  const { stdout } = await run(directory, 'inspect', 'model.bcm', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ digest: DIGEST, contamination: 0.02, detector: 'auto', fitRows: 600 });
  const model = await loadModel(at('model.bcm'));
  expect([model.digest, model.threshold()]).toEqual([DIGEST, 4.967134079572425]);
  await model.save(at('copy.bcm'));
  expect(readFileSync(at('copy.bcm'))).toEqual(readFileSync(at('model.bcm')));
});

it('a share that was changed in the file is damage', async () => {
  const fitted = await run(directory, 'fit', 'source.parquet', '--contamination', '0.02', '-m', 'now.bcm');
  expect(fitted.code, fitted.stderr).toBe(0);
  const text = readFileSync(at('now.bcm'), 'utf8');
  expect(text).toMatch(/^batch-core-model 3 sha256:[0-9a-f]{64} \d+ 0\.02 sha256:[0-9a-f]{64}\n/);
  writeFileSync(at('changed.bcm'), text.replace(' 0.02 ', ' 0.03 '));
  const refused = await run(directory, 'score', 'source.parquet', '-m', 'changed.bcm', '-o', 'no.parquet', '--json');
  expect(errorOf(refused)).toMatchObject({ code: 'MODEL_INVALID', message: expect.stringContaining('damaged') });
});
