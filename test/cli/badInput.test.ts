/** Bad input, case by case: a clear message that names the thing, a stable code, the documented exit code, nothing half-written. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, gaussian, parquet, run, scratch } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);

beforeAll(async () => {
  await parquet(at('good.parquet'), gaussian(5000));
  await parquet(at('text.parquet'), `SELECT 'a' AS name, 'b' AS other FROM range(10)`);
  await parquet(at('constant.parquet'), 'SELECT 1.5 AS a, 7 AS b FROM range(100)');
  await parquet(at('numbered.parquet'), 'SELECT i AS FILE_ROW_NUMBER, i::DOUBLE AS a FROM range(100) r(i)');
  await parquet(at('empty.parquet'), 'SELECT 1.5 AS a WHERE false');
  await parquet(at('one.parquet'), 'SELECT 1.5 AS a, 2 AS b');
  await parquet(at('nulls.parquet'), 'SELECT NULL::DOUBLE AS a, i::DOUBLE AS b FROM range(100) r(i)');
  await parquet(at('allnull.parquet'), 'SELECT NULL::DOUBLE AS a FROM range(100)');
  await parquet(at('spans.parquet'), 'SELECT i::DOUBLE AS a, {d: INTERVAL (i) DAY} AS s FROM range(100) r(i)');
  const good = readFileSync(at('good.parquet'));
  writeFileSync(at('truncated.parquet'), good.subarray(0, good.length - 100));
  writeFileSync(at('appended.parquet'), Buffer.concat([good, Buffer.from('more')]));
  writeFileSync(at('zero.parquet'), '');
  // As pyarrow writes a table of one row and no columns.
  writeFileSync(at('nocolumns.parquet'), Buffer.from(NO_COLUMNS, 'base64'));
  // In the footer, the statistics and the pages alike.
  const nul = readFileSync(await parquet(at('nul.parquet'), 'SELECT i AS "a$$$b", i AS c FROM range(100) r(i)'));
  writeFileSync(at('nul.parquet'), nul.toString('latin1').replaceAll('a$$$b', 'a\0\0\0b'), 'latin1');
  writeFileSync(at('notparquet.parquet'), 'this is not a Parquet file at all, only text that goes on for a while');
  writeFileSync(at('pickle.pkl'), 'x');
  writeFileSync(at('foreign.parquet'), good);
  writeFileSync(at('damaged.bcm'), 'batch-core-model 1 sha256:00 5\n{"a":');
  writeFileSync(at('nomodel.bcm'), 'something else');
  mkdirSync(at('nodata'));
});

interface Case {
  name: string;
  args: string[];
  code: string;
  exit: number;
  /** The message, the place or the hint must say this. */
  says: RegExp;
}

const NO_COLUMNS =
  'UEFSMRUEGRw1ABgGc2NoZW1hFQAAFgAZHBkMFgAWACYAFgAAKCBwYXJxdWV0LWNwcC1hcnJvdyB2ZXJzaW9uIDI2LjAuMRkMAEUAAABQQVIx';

const WIDE = resolve(import.meta.dirname, '../fixtures/pages/wide-decimals.parquet');

const cases: Case[] = [
  {
    name: 'a column that has the name of the numbers of rows',
    args: ['numbered.parquet'],
    code: 'CONFIG',
    exit: 78,
    says: /"FILE_ROW_NUMBER", as DuckDB names the numbers of rows.*another name/s,
  },
  {
    name: 'a decimal that would be misread, chosen',
    args: [WIDE, '--columns', 'x,inner', '-o', 'wide.parquet'],
    code: 'COLUMN_NOT_NUMERIC',
    exit: 78,
    says: /"inner" is DECIMAL\(50,2\) of 21 bytes, which would be misread.*write it to the file as/s,
  },
  {
    name: 'a decimal that would be misread, kept inside a struct',
    args: [WIDE, '--keep', 'inner', '-o', 'wide.parquet'],
    code: 'CONFIG',
    exit: 78,
    says: /--keep: column "inner" is DECIMAL\(50,2\) of 21 bytes, which would be misread/,
  },
  {
    name: 'an interval, kept inside a struct',
    args: ['spans.parquet', '--keep', 'all'],
    code: 'CONFIG',
    exit: 78,
    says: /--keep: column "s" is STRUCT\(d INTERVAL\), which is not written.*as text/s,
  },
  { name: 'missing file', args: ['missing.parquet'], code: 'SOURCE_NOT_FOUND', exit: 74, says: /missing\.parquet/ },
  { name: 'nothing in a directory', args: ['nodata'], code: 'SOURCE_NOT_FOUND', exit: 74, says: /nodata/ },
  { name: 'glob without a match', args: ['*.nothing'], code: 'SOURCE_NOT_FOUND', exit: 74, says: /\*\.nothing/ },
  { name: 'not Parquet', args: ['notparquet.parquet'], code: 'SOURCE_INVALID', exit: 65, says: /notparquet\.parquet/ },
  { name: 'empty file', args: ['zero.parquet'], code: 'SOURCE_INVALID', exit: 65, says: /zero\.parquet/ },
  { name: 'truncated', args: ['truncated.parquet'], code: 'SOURCE_INVALID', exit: 65, says: /truncated\.parquet/ },
  { name: 'appended to', args: ['appended.parquet'], code: 'SOURCE_INVALID', exit: 65, says: /something was appended/ },
  { name: 'no columns', args: ['nocolumns.parquet'], code: 'NO_USABLE_COLUMN', exit: 65, says: /has no columns/ },
  {
    name: 'a NUL in the name of a column',
    args: ['nul.parquet'],
    code: 'CONFIG',
    exit: 78,
    says: /"a\\u0000.*--columns/s,
  },
  { name: 'pickle', args: ['pickle.pkl'], code: 'UNKNOWN_FORMAT', exit: 2, says: /pickle.*to_parquet/s },
  { name: 'no numeric column', args: ['text.parquet'], code: 'NO_USABLE_COLUMN', exit: 65, says: /name VARCHAR/ },
  { name: 'all constant', args: ['constant.parquet'], code: 'DATA', exit: 65, says: /constant/ },
  { name: 'all null', args: ['allnull.parquet'], code: 'DATA', exit: 65, says: /\ba\b/ },
  { name: 'no rows', args: ['empty.parquet'], code: 'SOURCE_EMPTY', exit: 65, says: /empty\.parquet/ },
  { name: 'one row', args: ['one.parquet'], code: 'DATA', exit: 65, says: /constant/ },
  {
    name: 'unknown detector',
    args: ['good.parquet', '-d', 'guess'],
    code: 'UNKNOWN_DETECTOR',
    exit: 2,
    says: /guess.*zscore/s,
  },
  {
    name: 'unknown parameter',
    args: ['good.parquet', '-d', 'hbos', '--set', 'bins=3'],
    code: 'UNKNOWN_PARAMETER',
    exit: 2,
    says: /bins.*n_bins/s,
  },
  {
    name: 'parameter out of range',
    args: ['good.parquet', '-d', 'hbos', '--set', 'n_bins=1'],
    code: 'USAGE',
    exit: 2,
    says: /n_bins/,
  },
  {
    name: 'parameter of another kind',
    args: ['good.parquet', '-d', 'hbos', '--set', 'n_bins=many'],
    code: 'USAGE',
    exit: 2,
    says: /n_bins/,
  },
  {
    name: 'unknown column',
    args: ['good.parquet', '--columns', 'f0,nope'],
    code: 'COLUMN_NOT_FOUND',
    exit: 78,
    says: /nope.*f1/s,
  },
  {
    name: 'column in another case',
    args: ['good.parquet', '--columns', 'F0'],
    code: 'COLUMN_NOT_FOUND',
    exit: 78,
    says: /did you mean "f0"/,
  },
  {
    name: 'text column',
    args: ['text.parquet', '--columns', 'name'],
    code: 'COLUMN_NOT_NUMERIC',
    exit: 78,
    says: /name.*VARCHAR/s,
  },
  {
    name: 'unknown kept column',
    args: ['good.parquet', '--keep', 'nope'],
    code: 'COLUMN_NOT_FOUND',
    exit: 78,
    says: /nope/,
  },
  {
    name: 'everything excluded',
    args: ['good.parquet', '--exclude', 'id,f0,f1,f2'],
    code: 'NO_USABLE_COLUMN',
    exit: 65,
    says: /good\.parquet|numeric/,
  },
  {
    name: 'missing cell with --missing error',
    args: ['nulls.parquet', '--missing', 'error'],
    code: 'DATA',
    exit: 65,
    says: /"a".*row 0/,
  },
  { name: 'unknown option', args: ['good.parquet', '--frobnicate'], code: 'USAGE', exit: 2, says: /--frobnicate/ },
  { name: 'no source', args: [], code: 'USAGE', exit: 2, says: /source/ },
  { name: 'workers 0', args: ['good.parquet', '-w', '0'], code: 'USAGE', exit: 2, says: /--workers/ },
  { name: 'workers text', args: ['good.parquet', '-w', 'all'], code: 'USAGE', exit: 2, says: /workers/ },
  {
    name: 'contamination 0.9',
    args: ['good.parquet', '--contamination', '0.9'],
    code: 'USAGE',
    exit: 2,
    says: /--contamination/,
  },
  {
    name: 'two flag rules',
    args: ['good.parquet', '--top', '3', '--threshold', '2'],
    code: 'USAGE',
    exit: 2,
    says: /--threshold.*--top|--top.*--threshold/s,
  },
  { name: 'memory', args: ['good.parquet', '--memory', 'plenty'], code: 'USAGE', exit: 2, says: /--memory/ },
  { name: 'engine', args: ['good.parquet', '-e', 'ray'], code: 'USAGE', exit: 2, says: /ray.*threads/s },
  {
    name: 'output format',
    args: ['good.parquet', '-o', 'out.xlsx'],
    code: 'UNKNOWN_FORMAT',
    exit: 2,
    says: /\.parquet/,
  },
  {
    name: 'output in no directory',
    args: ['good.parquet', '-o', 'nowhere/out.parquet'],
    code: 'OUTPUT_UNWRITABLE',
    exit: 74,
    says: /nowhere/,
  },
  {
    name: 'existing output',
    args: ['good.parquet', '-o', 'foreign.parquet'],
    code: 'OUTPUT_EXISTS',
    exit: 78,
    says: /foreign\.parquet.*batch-core did not make.*choose another path with --out, or move away what lies there$/s,
  },
  {
    name: 'output is the source',
    args: ['good.parquet', '-o', 'good.parquet', '--force'],
    code: 'OUTPUT_EXISTS',
    exit: 78,
    says: /an input of this run.*not even with --force/s,
  },
  { name: 'missing model', args: ['good.parquet', '-m', 'no.bcm'], code: 'MODEL_NOT_FOUND', exit: 74, says: /no\.bcm/ },
  {
    name: 'damaged model',
    args: ['good.parquet', '-m', 'damaged.bcm'],
    code: 'MODEL_INVALID',
    exit: 65,
    says: /damaged\.bcm/,
  },
  {
    name: 'no model',
    args: ['good.parquet', '-m', 'nomodel.bcm'],
    code: 'MODEL_INVALID',
    exit: 65,
    says: /nomodel\.bcm/,
  },
  {
    name: 'detector with model',
    args: ['good.parquet', '-m', 'no.bcm', '-d', 'mad'],
    code: 'USAGE',
    exit: 2,
    says: /--detector/,
  },
];

describe.each(cases)('score: $name', ({ args, code, exit, says }) => {
  it(`ends with ${code} and exit ${exit}, saying what, where and what to do`, async () => {
    const before = readdirSync(directory).filter((name) => name !== '.batch-core');
    const ended = await run(directory, 'score', ...args, '--json', '--progress', 'none');
    const error = errorOf(ended);
    expect({ code: error.code, exit: ended.code }).toEqual({ code, exit });
    expect(error.hint, error.message).toMatch(/\w/);
    expect(`${error.message} ${JSON.stringify(error.where)} ${error.hint}`).toMatch(says);
    expect(`${ended.stdout}${ended.stderr}`).not.toMatch(/\n\s+at |panicked|Error:/);
    expect(readdirSync(directory).filter((name) => name !== '.batch-core')).toEqual(before);
  });
});

it('prints the same error for people, with a hint and without a stack', async () => {
  const { code, stdout, stderr } = await run(directory, 'score', 'missing.parquet');
  expect(code).toBe(74);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^error\[SOURCE_NOT_FOUND\]: .*missing\.parquet/);
  expect(stderr).toMatch(/hint: /);
  expect(stderr).not.toMatch(/\n\s+at /);
});
