/** Figures are those of scikit-learn and PyOD (test/golden/evaluate.py), however rows are read. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countBeside } from '../../../src/orchestrator/evaluate/counted.ts';
import { figuresOf } from '../../../src/orchestrator/evaluate/evaluation.ts';
import { labelOf } from '../../../src/orchestrator/evaluate/label.ts';
import type { Output } from '../../../src/orchestrator/evaluate/output.ts';
import { inScratch } from '../../../src/orchestrator/evaluate/scratch.ts';
import { scratch, sql } from '../../cli/harness.ts';

interface Golden {
  name: string;
  scores: (number | null)[];
  labels: (number | null)[];
  threshold: number;
  evaluated: number;
  positives: number;
  auroc: number;
  averagePrecision: number;
  precisionAtN: number;
  precision: number;
  recall: number;
  f1: number;
}

const golden = resolve(import.meta.dirname, '../../golden/evaluate.json');
const { cases } = JSON.parse(readFileSync(golden, 'utf8')) as { cases: Golden[] };
const directory = scratch();
const at = (name: string) => join(directory, name);

/** A list as SQL has it: numbers to the last digit, zeros with their sign. */
const list = (values: (number | null)[]) =>
  `[${values.map((value) => (value === null ? 'NULL' : Object.is(value, -0) ? "'-0'" : `'${value}'`)).join(',')}]`;

/** Rows of the source's files: one, or three of unequal length. */
const lengths = (rows: number, several: boolean) =>
  several ? [1, Math.floor(rows / 3), rows - 1 - Math.floor(rows / 3)] : [rows];

/** Writes a case as an output and the files of its source. */
async function write({ scores, labels, threshold }: Golden, several: boolean) {
  let from = 0;
  const files = lengths(scores.length, several).map((rows, k) => {
    const where = `WHERE i >= ${from} AND i < ${from + rows}`;
    const name = several ? `f${k}.parquet` : '';
    const part = `SELECT i - ${from} AS "row"${several ? `, '${name}' AS "file"` : ''}, score, score > ${threshold} AS anomaly, i FROM r ${where}`;
    from += rows;
    return { path: at(`f${k}.parquet`), name, rows, where, part };
  });
  await sql(
    [
      `CREATE TABLE r AS SELECT unnest(${list(scores)})::DOUBLE AS score, unnest(${list(labels)})::INTEGER AS y, unnest(range(${scores.length})) AS i`,
      ...files.map(({ path, where }) => `COPY (SELECT y FROM r ${where} ORDER BY i) TO '${path}'`),
      `COPY (SELECT * EXCLUDE i FROM (${files.map(({ part }) => part).join(' UNION ALL ')}) ORDER BY i) TO '${at('o.parquet')}'`,
    ].join(';'),
  );
  const output = { path: at('o.parquet'), parts: [at('o.parquet')], rows: scores.length, namesFiles: several };
  return { output: output as Output, files };
}

const LABEL = { column: 'y', sql: labelOf({ name: 'y', type: 'INTEGER', usable: true, convertible: true }, '') };

describe.each(cases)('$name', (expected) => {
  it.each([
    ['of one file', false],
    ['of three', true],
  ])('%s, all rows at a time or a few', async (_, several) => {
    const { output, files } = await write(expected, several);
    const counted = (rowsMax?: number) =>
      inScratch([output.path, ...files.map(({ path }) => path)], undefined, (database) =>
        countBeside(database, output, files, LABEL, rowsMax),
      );
    const { tally, ranking } = await counted();
    // Some thirty pieces at most, whose borders are no row group's and no file's.
    const few = Math.max(7, Math.ceil(output.rows / 30));
    expect(await counted(few)).toEqual({ tally, ranking });
    expect([tally.evaluated, tally.positives]).toEqual([expected.evaluated, expected.positives]);
    expect(tally.rows).toBe(tally.evaluated + tally.withoutScore + tally.withoutLabel);
    const { auroc, averagePrecision, precisionAtN, flags } = figuresOf(tally, ranking);
    expect(auroc).toBeCloseTo(expected.auroc, 13);
    expect(averagePrecision).toBeCloseTo(expected.averagePrecision, 13);
    expect(precisionAtN.precision).toBeCloseTo(expected.precisionAtN, 13);
    expect(flags.precision).toBeCloseTo(expected.precision, 13);
    expect(flags.recall).toBeCloseTo(expected.recall, 13);
    expect(flags.f1).toBeCloseTo(expected.f1, 13);
  });
});
