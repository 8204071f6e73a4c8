/** Models as earlier versions wrote them (test/released): they load, flag the share that they were fitted for, and score as they did. */
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import { errorOf, run, score, scratch, sql } from './harness.ts';

const { loadModel }: typeof Package = await import(resolve('dist/index.js'));

const RELEASED = resolve(import.meta.dirname, '../released');

/** Of each: its digest, above which score a row is flagged and by what rule, all scores as text, and the reason given first of the highest row. */
const MODELS = [
  {
    format: 2,
    file: 'model.bcm',
    digest: 'sha256:f6be9b0b2ea304c5cf21a5207f02fffbc4b7a9d93516fdf6f213e7994cad57dc',
    facts: { contamination: 0.02, detector: 'auto', fitRows: 600 },
    anomalies: { threshold: 4.967134079572425, method: 'contamination 0.02' },
    scored: {
      scores: '60b61cf66900fc5793ff86fd8350297a',
      severities: 'c8c0373c76e521cfad7210f4b8ab98a7',
      flagged: '12',
    },
    reason: { column: 'b', value: 9000, usualLow: null, usualHigh: null },
  },
  {
    format: 3,
    file: 'model.bcm',
    digest: 'sha256:d8cf7ea18438b0a9bc0c457e6b1d6e46bffc64a6b368df81b7061d483cbafdc6',
    facts: { contamination: 0.05, detector: 'auto', fitRows: 64 },
    anomalies: { threshold: 11.345072497207422, method: 'contamination 0.05' },
    scored: {
      scores: '2988401ccab93ccb6b64523ef074fb7f',
      severities: 'c03cc2675dee431dd4857a402663b19f',
      flagged: '4',
    },
    reason: { column: 'b', value: 9000, usualLow: -1.5, usualHigh: 3330.944999999977 },
  },
  {
    format: 3,
    file: 'imported.bcm',
    digest: 'sha256:d626e66dada9a478c4fbe940cde66980e94a90035d1ff05c46f95b78455bd6ec',
    facts: { contamination: null, detector: 'iforest', fitRows: null, imported: true },
    anomalies: { threshold: 0.5, method: 'threshold 0.5' },
    scored: { scores: '102f29370aa77328fff4fb2a3851199d', severities: null, flagged: '30' },
    reason: { usualLow: null, usualHigh: null },
  },
  {
    format: 3,
    file: 'calibrated.bcm',
    digest: 'sha256:e65a54e231b23887e3a26a0a4005e081f76b3c53a605bcb7bf35cf7415334cad',
    facts: { contamination: null, detector: 'iforest', fitRows: 64, imported: true },
    anomalies: { threshold: 0.5, method: 'threshold 0.5' },
    scored: {
      scores: '102f29370aa77328fff4fb2a3851199d',
      severities: '2b347a140da82eecca559bd914596bb0',
      flagged: '30',
    },
    reason: { column: 'a', usualLow: -1.4821875, usualHigh: 1.4821875 },
  },
];

const directory = scratch();
const at = (name: string) => join(directory, name);
copyFileSync(join(RELEASED, 'model-2/source.parquet'), at('source.parquet'));

describe.each(MODELS)('format $format, $file', ({ format, file, ...expected }) => {
  const [model, source] = [`${format}-${file}`, `source-${format}.parquet`];
  copyFileSync(join(RELEASED, `model-${format}`, file), at(model));
  copyFileSync(join(RELEASED, `model-${format}`, 'source.parquet'), at(source));

  it('scores as it did', async () => {
    const out = `${model}.parquet`;
    const report = await score(directory, source, '-m', model, '-o', out);
    expect(report.model.digest).toBe(expected.digest);
    expect(report.anomalies).toMatchObject(expected.anomalies);
    expect(report.anomalies?.top[0]?.reasons[0]).toMatchObject(expected.reason);
    const inOrder = (column: string) => `md5(string_agg(${column}::VARCHAR, ',' ORDER BY row))`;
    const query = `SELECT ${inOrder('score')} AS scores, ${inOrder('severity')} AS severities,
      count(*) FILTER (anomaly) AS flagged FROM '${at(out)}'`;
    expect(await sql(query)).toEqual([expected.scored]);
  });

  it('is told and saved as it is', async () => {
    const { stdout } = await run(directory, 'inspect', model, '--json');
    expect(JSON.parse(stdout)).toMatchObject({ digest: expected.digest, ...expected.facts });
    const loaded = await loadModel(at(model));
    expect([loaded.digest, loaded.threshold()]).toEqual([expected.digest, expected.anomalies.threshold]);
    await loaded.save(at(`copy-${model}`));
    expect(readFileSync(at(`copy-${model}`))).toEqual(readFileSync(at(model)));
  });
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
