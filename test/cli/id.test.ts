/** `--id` names the highest rows of the report; it decides no byte of an output but by the columns that are scored. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import type { Report } from '../../src/report.ts';
import { errorOf, gaussian, parquet, run, score, scratch, sha256, sql } from './harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const batchCore: typeof Package = await import(resolve('dist/index.js'));

const ODD = 'the "name" of; --';
const rows = (count: number) =>
  `SELECT id AS number, f0, f1, 'row ' || id AS name, (9007199254740993 + id)::BIGINT AS large, id / 4 AS quarter, IF(id % 2 = 0, 'nan'::DOUBLE, NULL) AS gaps,
     id % 2 = 0 AS even, DATE '2024-01-01' + id::INTEGER AS day, (id / 100)::DECIMAL(9,2) AS price, [id] AS list, 'it''s ' || id AS "the ""name"" of; --"
   FROM (${gaussian(count, 2)})`;

const FAST = ['-d', 'zscore', '--columns', 'f0,f1'];
const topOf = (report: Report) => report.anomalies?.top ?? [];

beforeAll(() => parquet(at('data.parquet'), rows(5000)));

describe('the highest rows', () => {
  it.each<[string, (row: number) => string | number | null]>([
    ['name', (row) => `row ${row}`],
    [ODD, (row) => `it's ${row}`],
    ['number', (row) => row],
    ['quarter', (row) => row / 4],
    ['large', (row) => String(9007199254740993n + BigInt(row))],
    ['even', (row) => String(row % 2 === 0)],
    ['gaps', (row) => (row % 2 === 0 ? 'NaN' : null)],
    ['day', (row) => new Date(Date.UTC(2024, 0, 1 + row)).toISOString().slice(0, 10)],
    ['price', (row) => (row / 100).toFixed(2)],
    ['list', (row) => `[${row}]`],
  ])('are named by %s, in the bytes of a run without names', async (column, expected) => {
    const plain = await score(directory, 'data.parquet', ...FAST, '-o', 'plain.parquet');
    expect(topOf(plain).some((row) => 'id' in row)).toBe(false);
    const report = await score(
      directory,
      'data.parquet',
      ...FAST,
      '--id',
      column,
      '-o',
      `${column.length}.parquet`,
      '--force',
      '--fresh',
    );
    expect(topOf(report).length).toBe(10);
    for (const { row, id } of topOf(report)) expect(id).toBe(expected(row));
    expect(sha256(report.output.path)).toBe(sha256(plain.output.path));
    expect(topOf(report).map(({ id: _id, ...row }) => row)).toEqual(topOf(plain));
  });

  it('of several files, in the table too, cut where they are long', async () => {
    mkdirSync(at('several'));
    await parquet(
      at('several', 'a[1].parquet'),
      `SELECT f0, 'a ' || id || repeat('x', 100) AS name FROM (${gaussian(3000, 1)})`,
    );
    await parquet(at('several', 'b.parquet'), `SELECT f0 * 2 AS f0, 'b ' || id AS name FROM (${gaussian(3000, 1)})`);
    const args = ['several', '-d', 'zscore', '--id', 'name', '--top', '4000', '-o', 'several.parquet'];
    const top = topOf(await score(directory, ...args));
    for (const { file, row, id } of top) expect(id).toBe(file === 0 ? `a ${row}${'x'.repeat(100)}` : `b ${row}`);
    const { stdout } = await run(directory, 'score', ...args);
    expect(stdout).toMatch(/^file +row +id +score +reasons$/m);
    const [highest] = top;
    expect(stdout).toContain(String(highest?.id).slice(0, 30));
    for (const line of stdout.split('\n')) expect(line).not.toContain('x'.repeat(50));
  });

  it('are named as is asked now, of a job that is finished', async () => {
    const args = ['data.parquet', ...FAST, '-o', 'again.parquet'];
    const ids = async (...more: string[]) => {
      const report = await score(directory, ...args, ...more);
      return { recalled: report.recalled, id: topOf(report)[0]?.id, row: topOf(report)[0]?.row };
    };
    const { row } = await ids('--id', 'name');
    expect(await ids('--id', 'number')).toEqual({ recalled: true, id: row, row });
    expect(await ids()).toEqual({ recalled: true, id: undefined, row });
    expect(await ids('--id', 'name')).toEqual({ recalled: true, id: `row ${row}`, row });
  });

  it('are named where none is flagged, and with a saved model', async () => {
    await run(directory, 'fit', 'data.parquet', ...FAST, '-m', 'm.bcm');
    const args = ['data.parquet', '-m', 'm.bcm', '--threshold', '1e9', '--id', 'name', '-o', 'none.parquet'];
    const [highest] = topOf(await score(directory, ...args));
    expect(highest?.id).toBe(`row ${highest?.row}`);
    const { stdout } = await run(directory, 'score', ...args);
    expect(stdout).toContain(`, of row ${highest?.row} (row ${highest?.row})\n`);
  });

  it('have no names where those cannot be read, which is a warning: the scores are published', async () => {
    await parquet(at('spoilt.parquet'), `SELECT f0, name FROM '${at('data.parquet')}'`);
    const bytes = readFileSync(at('spoilt.parquet'));
    const chunks =
      await sql(`SELECT coalesce(dictionary_page_offset, data_page_offset) AS first, total_compressed_size AS size
      FROM parquet_metadata('${at('spoilt.parquet')}') WHERE path_in_schema = 'name'`);
    for (const { first, size } of chunks) bytes.fill(255, Number(first), Number(first) + Number(size));
    writeFileSync(at('spoilt.parquet'), bytes);
    const report = await score(directory, 'spoilt.parquet', '-d', 'zscore', '--id', 'name', '-o', 'spoilt-out.parquet');
    expect(topOf(report).every((row) => !('id' in row))).toBe(true);
    expect(report.warnings).toEqual([
      expect.stringMatching(/^--id: the highest rows have no names: column "name" cannot/),
    ]);
  });

  it('are named for the package', async () => {
    const report = await batchCore.score(at('data.parquet'), {
      ...{ detector: 'zscore', columns: ['f0'], id: 'name', out: at('package.parquet'), home: at('home') },
    });
    for (const { row, id } of topOf(report)) expect(id).toBe(`row ${row}`);
  });
});

describe('what names rows', () => {
  it('is not scored, unless it is chosen, and that is said', async () => {
    const source = await parquet(
      at('plain-source.parquet'),
      `SELECT (number * 7919) % 1009 AS number, f0, name FROM '${at('data.parquet')}'`,
    );
    const report = await score(directory, source, '-d', 'zscore', '--id', 'number', '-o', 'left-out.parquet');
    expect(report.source.columns).toEqual(['f0']);
    expect(report.source.ignored).toEqual([
      { column: 'number', reason: 'named by --id' },
      { column: 'name', reason: 'VARCHAR' },
    ]);
    const planned = JSON.parse((await run(directory, 'plan', source, '--id', 'number', '--json')).stdout);
    expect(planned.source.ignored).toEqual(report.source.ignored);
    const without = await score(directory, source, '-d', 'zscore', '-o', 'without.parquet');
    expect(without.source.columns).toEqual(['number', 'f0']);
    const chosen = await score(
      directory,
      source,
      '-d',
      'zscore',
      '--id',
      'number',
      '--columns',
      'number,f0',
      '-o',
      'chosen.parquet',
    );
    expect(chosen.source.columns).toEqual(['number', 'f0']);
    expect(chosen.model.digest).toBe(without.model.digest);
    expect(report.model.digest).not.toBe(without.model.digest);
  });

  it.each<[string, string[], string, RegExp]>([
    ['is not there', ['--id', 'Name'], 'COLUMN_NOT_FOUND', /^--id: there is no column "Name"$/],
    [
      'is not there, of a model',
      ['--id', 'Name', '-m', 'm.bcm'],
      'COLUMN_NOT_FOUND',
      /^--id: there is no column "Name"$/,
    ],
    ['has no name', ['--id', ''], 'USAGE', /--id: "" is not the name of a column/],
  ])('is refused where it %s', async (_, args, code, message) => {
    const ended = await run(directory, 'score', 'data.parquet', ...args, '-o', 'never.parquet', '--json');
    expect(errorOf(ended)).toMatchObject({
      code,
      message: expect.stringMatching(message),
      hint: expect.stringMatching(/\w/),
    });
    if (code === 'COLUMN_NOT_FOUND') expect(errorOf(ended).hint).toBe('did you mean "name"?');
  });

  it('does not apply to a fit', async () => {
    const ended = await run(directory, 'fit', 'data.parquet', '--id', 'name', '-m', 'no.bcm', '--json');
    expect(errorOf(ended)).toMatchObject({ code: 'USAGE' });
  });

  it('is all that is left to score: then there is nothing', async () => {
    await sql(`COPY (SELECT i FROM range(100) r(i)) TO '${at('only.parquet')}'`);
    const ended = await run(directory, 'score', 'only.parquet', '--id', 'i', '--json');
    expect(errorOf(ended)).toMatchObject({ code: 'NO_USABLE_COLUMN' });
  });
});
