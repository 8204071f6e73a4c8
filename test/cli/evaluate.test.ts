/** `evaluate` compares an output with labels of its source, and refuses what it would have to guess. */
import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import type * as Package from '../../src/index.ts';
import { errorOf, gaussian, parquet, run, score, scratch, sql, start } from './harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const { evaluate, BatchCoreError }: typeof Package = await import(resolve('dist/index.js'));

/** Rows of which every twentieth is positive, and further out. */
const labelled = (rows: number, salt = 0) =>
  `SELECT f0 + 3 * y AS f0, f1, y, y = 1 AS truth, IF(y = 1, 'yes', 'no') AS words, y::DOUBLE AS "it's ""the"" label; --"
   FROM (SELECT *, (hash(id + ${salt}) % 20 = 0)::INTEGER AS y FROM (${gaussian(rows, 2)}))`;

const ODD = 'it\'s "the" label; --';
const NOT_SCORED = ['--columns', 'f0,f1', '-d', 'zscore'];

async function figures(...args: string[]): Promise<Package.Evaluation> {
  const { code, stdout, stderr } = await run(directory, 'evaluate', ...args, '--json');
  expect(code, stdout + stderr).toBe(0);
  return JSON.parse(stdout);
}

async function refusal(...args: string[]) {
  const ended = await run(directory, 'evaluate', ...args, '--json');
  return { exit: ended.code, ...errorOf(ended) };
}

/** The same by pairs of rows: `rows` has `score`, `y` and `anomaly`. */
async function naive(rows: string): Promise<Record<'auroc' | 'ap' | 'positives' | 'flagged' | 'hits', number>> {
  const [row] = await sql(`
    WITH r AS (SELECT score, y::INTEGER AS y, anomaly FROM (${rows}) WHERE score IS NOT NULL AND y IS NOT NULL),
      p AS (SELECT score, count(*) AS n FROM r WHERE y = 1 GROUP BY score),
      steps AS (SELECT any_value(p.n) AS n, avg(r.y) AS precision FROM p JOIN r ON r.score >= p.score GROUP BY p.score)
    SELECT sum(y) AS positives, count(*) FILTER (anomaly) AS flagged, count(*) FILTER (anomaly AND y = 1) AS hits,
      (SELECT sum(p.n * CASE WHEN p.score > r.score THEN 1.0 WHEN p.score = r.score THEN 0.5 ELSE 0 END) / sum(p.n)
        FROM p, r WHERE r.y = 0) AS auroc,
      (SELECT sum(n * precision) / sum(n) FROM steps) AS ap
    FROM r`);
  return Object.fromEntries(Object.entries(row ?? {}).map(([name, value]) => [name, Number(value)])) as never;
}

const beside = (out: string, source: string) =>
  `SELECT s.score, s.anomaly, d.y FROM '${at(out)}' s JOIN (SELECT *, file_row_number AS row FROM read_parquet('${at(source)}', file_row_number = true)) d USING (row)`;

beforeAll(async () => {
  await parquet(at('data.parquet'), labelled(9000));
  await score(directory, 'data.parquet', ...NOT_SCORED, '-o', 'o.parquet');
});

describe('what an output is worth', () => {
  it('of one file', async () => {
    const found = await figures('o.parquet', '--label', 'y');
    const expected = await naive(beside('o.parquet', 'data.parquet'));
    expect(found.auroc).toBeCloseTo(expected.auroc, 12);
    expect(found.averagePrecision).toBeCloseTo(expected.ap, 12);
    expect(found.auroc).toBeGreaterThan(0.8);
    const positives = expected.positives;
    expect(found).toMatchObject({
      schema: 'batch-core.evaluation/1',
      output: { path: at('o.parquet'), rows: 9000 },
      label: { column: 'y', from: 'source' },
      source: { files: 1, rows: 9000 },
      rows: { evaluated: 9000, positives, withoutScore: 0, withoutLabel: 0, absent: 0 },
      flags: { rows: expected.flagged, truePositives: expected.hits },
      precisionAtN: { n: positives, rows: positives },
      unchecked: [],
    });
    expect(found.jobId).toMatch(/^[0-9a-f]{16}$/);
    const { stdout, code } = await run(directory, 'evaluate', 'o.parquet', '--label', 'y');
    expect(code).toBe(0);
    expect(stdout).toContain(`o.parquet against "y" of its source: 9,000 rows, ${positives} of them positive`);
    expect(stdout).toMatch(new RegExp(`AUROC +${found.auroc.toFixed(6)}`));
  });

  it('of a directory, with the very digits', async () => {
    await score(directory, 'data.parquet', ...NOT_SCORED, '--chunk-rows', '2048', '-o', 'parts/');
    const [file, parts] = [await figures('o.parquet', '--label', 'y'), await figures('parts', '--label', 'y')];
    expect(parts.output).toEqual({ path: at('parts'), rows: 9000 });
    for (const field of ['rows', 'auroc', 'averagePrecision', 'precisionAtN', 'flags'] as const)
      expect(parts[field], field).toEqual(file[field]);
  });

  it('of several files, in one file or in parts', async () => {
    mkdirSync(at('several', 'b c'), { recursive: true });
    await parquet(at('several', "a'1.parquet"), labelled(3000, 1));
    await parquet(at('several', 'b c', 'x.parquet'), labelled(5000, 2));
    const [one, two] = [at('several', "a'1.parquet"), at('several', 'b c', 'x.parquet')];
    await score(directory, 'several', ...NOT_SCORED, '-o', 'several.parquet');
    await score(directory, two, one, ...NOT_SCORED, '--chunk-rows', '2048', '-o', 'several-parts/');
    const named = (path: string, name: string) =>
      `SELECT *, file_row_number AS row, '${name.replace("'", "''")}' AS file FROM read_parquet('${path.replace("'", "''")}', file_row_number = true)`;
    const source = `${named(one, "a'1.parquet")} UNION ALL ${named(two, 'b c/x.parquet')}`;
    for (const [out, files] of [
      ['several.parquet', 'several.parquet'],
      ['several-parts', 'several-parts/*.parquet'],
    ] as const) {
      const found = await figures(out, '--label', 'y');
      const rows = `SELECT s.score, s.anomaly, d.y FROM '${at(files)}' s JOIN (${source}) d USING (file, row)`;
      const expected = await naive(rows);
      expect(found).toMatchObject({ source: { files: 2, rows: 8000 }, rows: { evaluated: 8000, absent: 0 } });
      expect(found.auroc).toBeCloseTo(expected.auroc, 12);
      expect(found.averagePrecision).toBeCloseTo(expected.ap, 12);
    }
  });

  it('leaves out rows without a score or a label, and counts them', async () => {
    await parquet(
      at('gaps.parquet'),
      `SELECT IF(id % 10 = 3, NULL, f0) AS f0, f1, IF(id % 7 = 1, NULL, y) AS y, IF(id % 7 = 1, 'nan'::FLOAT, y) AS nan
       FROM (SELECT *, (hash(id) % 20 = 0)::INTEGER AS y FROM (${gaussian(7000, 2)}))`,
    );
    await score(directory, 'gaps.parquet', ...NOT_SCORED, '--missing', 'skip', '-o', 'skip.parquet');
    const found = await figures('skip.parquet', '--label', 'y');
    expect(found.rows).toMatchObject({ evaluated: 5400, withoutScore: 700, withoutLabel: 900, absent: 0 });
    const expected = await naive(beside('skip.parquet', 'gaps.parquet'));
    expect(found.auroc).toBeCloseTo(expected.auroc, 12);
    expect(found.averagePrecision).toBeCloseTo(expected.ap, 12);
    const { auroc, rows } = await figures('skip.parquet', '--label', 'nan');
    expect({ auroc, rows }).toEqual({ auroc: found.auroc, rows: found.rows });
    const { stdout } = await run(directory, 'evaluate', 'skip.parquet', '--label', 'y');
    expect(stdout).toContain('left out: 700 rows without a score, 900 rows without a label\n');
  });

  it.each(['truth', 'words', ODD])('by the label %s', async (label) => {
    const [found, expected] = [
      await figures('o.parquet', '--label', label),
      await figures('o.parquet', '--label', 'y'),
    ];
    expect(found).toEqual({ ...expected, label: { column: label, from: 'source' } });
  });

  it('by a label that was kept, of whatever became of the source', async () => {
    await parquet(at('kept-source.parquet'), labelled(3000));
    await score(
      directory,
      'kept-source.parquet',
      ...NOT_SCORED,
      '--keep',
      JSON.stringify(['y', ODD]),
      '-o',
      'kept.parquet',
    );
    const before = await figures('kept.parquet', '--label', 'y', '--source', 'kept-source.parquet');
    rmSync(at('kept-source.parquet'));
    for (const label of ['y', ODD])
      expect(await figures('kept.parquet', '--label', label)).toEqual({
        ...before,
        label: { column: label, from: 'output' },
      });
    // Nobody knows how many rows the source had.
    const alone = await figures('kept.parquet', '--label', 'y', '--home', 'nowhere');
    expect(alone).toMatchObject({ auroc: before.auroc, jobId: null, source: null, rows: { absent: null } });
  });

  it('as the package tells it', async () => {
    const found = await evaluate(at('o.parquet'), { label: 'y' });
    expect(found).toEqual(await figures('o.parquet', '--label', 'y'));
    const refused = await evaluate(at('o.parquet'), { label: 'z' }).catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(BatchCoreError);
    expect(refused).toMatchObject({ code: 'COLUMN_NOT_FOUND', where: { option: 'label', column: 'z' } });
    await expect(evaluate(at('o.parquet'), { label: 'y', signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
      exitCode: 1,
    });
  });
});

describe('a source that is named', () => {
  it('may lie elsewhere, or be a table of labels with the same rows', async () => {
    mkdirSync(at('elsewhere'));
    copyFileSync(at('data.parquet'), at('elsewhere', 'data[1].parquet'));
    const expected = await figures('o.parquet', '--label', 'y');
    expect(await figures('o.parquet', '--label', 'y', '--source', 'elsewhere/data[1].parquet')).toEqual(expected);
    await parquet(at('labels.parquet'), `SELECT y AS "score" FROM '${at('data.parquet')}'`);
    const { label, unchecked, ...found } = await figures('o.parquet', '--label', 'score', '--source', 'labels.parquet');
    expect(found).toEqual(expect.objectContaining({ auroc: expected.auroc, rows: expected.rows }));
    expect([label, unchecked]).toEqual([{ column: 'score', from: 'source' }, [expect.stringContaining('--source')]]);
  });

  it('is all there is to go by where no job is known, also for rows that are not in the output', async () => {
    await parquet(at('moved.parquet'), labelled(1000));
    await sql(`COPY (SELECT row, score, anomaly FROM '${at('o.parquet')}' WHERE row < 1000 AND row % 3 > 0)
      TO '${at('some.parquet')}' (FORMAT parquet, KV_METADATA {'batch_core.fingerprint': 'x'})`);
    const found = await figures('some.parquet', '--label', 'y', '--source', 'moved.parquet');
    expect(found).toMatchObject({ jobId: null, rows: { evaluated: 666, absent: 334 }, source: { rows: 1000 } });
    expect(found.unchecked.length).toBe(2);
    const expected = await naive(beside('some.parquet', 'moved.parquet'));
    expect(found.auroc).toBeCloseTo(expected.auroc, 12);
    const { stdout } = await run(directory, 'evaluate', 'some.parquet', '--label', 'y', '--source', 'moved.parquet');
    expect(stdout).toContain('left out: 334 rows of the source that the output has not\n');
    expect(stdout).toMatch(/\n {2}not checked: .*\n {2}not checked: /);
  });

  it.each<[string, string[], string, RegExp]>([
    ['has other rows', ['few.parquet'], 'CONFIG', /few\.parquet has 10 rows, and the file that was scored had 9000$/],
    ['has more files', ['data.parquet', 'few.parquet'], 'CONFIG', /it has 2 files; what was scored had 1$/],
    ['is not there', ['nothing.parquet'], 'SOURCE_NOT_FOUND', /"nothing.parquet" does not exist/],
    ['is no Parquet file', ['words.parquet'], 'SOURCE_INVALID', /words\.parquet/],
  ])('that %s is refused', async (_, source, code, message) => {
    await parquet(at('few.parquet'), labelled(10));
    writeFileSync(at('words.parquet'), 'no table');
    const refused = await refusal('o.parquet', '--label', 'y', '--source', ...source);
    expect(refused).toMatchObject({ code, message: expect.stringMatching(message), hint: expect.stringMatching(/\w/) });
  });

  it('of which an output of nobody has more rows is refused', async () => {
    await parquet(at('few.parquet'), labelled(10));
    const home = ['--home', 'nowhere'];
    expect(await refusal('o.parquet', '--label', 'y', '--source', 'few.parquet', ...home)).toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/few\.parquet has 10 rows, and .*o\.parquet has row 8999 of it$/),
    });
    expect(
      await refusal('o.parquet', '--label', 'y', '--source', 'few.parquet', 'data.parquet', ...home),
    ).toMatchObject({
      code: 'CONFIG',
      message: expect.stringMatching(/has the rows of one file, and its source has several$/),
    });
  });
});

describe('refuses', () => {
  beforeAll(async () => {
    await parquet(
      at('labels-of-all-kinds.parquet'),
      `SELECT f0, IF(i = 4321, 2, y) AS two, IF(i = 17, 0.5, y) AS half, IF(i = 8000, 'maybe', y::VARCHAR) AS text, DATE '2024-01-01' AS day,
         [y] AS list, 0 AS none, true AS all, NULL::INTEGER AS unknown FROM (SELECT *, row_number() OVER () - 1 AS i FROM '${at('data.parquet')}')`,
    );
    await score(
      directory,
      'labels-of-all-kinds.parquet',
      '--columns',
      'f0',
      '-d',
      'zscore',
      '--keep',
      'two',
      '-o',
      'kinds.parquet',
    );
  });

  it.each<[string, RegExp]>([
    ['half', /"half" has 0\.50* in row 17; a label is true or false, or 1 or 0$/],
    ['text', /"text" has maybe in row 8000; /],
    ['day', /"day" is DATE; /],
    ['list', /"list" is INTEGER\[\]; /],
    ['none', /"none" all 9,000 rows that have a score and a label are negative$/],
    ['all', /"all" all 9,000 rows that have a score and a label are positive$/],
    ['unknown', /"unknown" no row has both a score and a label$/],
  ])('the label %s', async (label, message) => {
    expect(await refusal('kinds.parquet', '--label', label)).toMatchObject({
      ...{ exit: 65, code: 'LABEL_INVALID', where: { column: label, option: '--label' } },
      ...{ message: expect.stringMatching(message), hint: expect.stringMatching(/\w/) },
    });
  });

  it('a label that is none wherever it is read, and names the file that has it', async () => {
    const source = await refusal('kinds.parquet', '--label', 'two', '--source', 'labels-of-all-kinds.parquet');
    const own = await refusal('kinds.parquet', '--label', 'two');
    expect(source).toMatchObject({ code: 'LABEL_INVALID', where: { file: at('labels-of-all-kinds.parquet') } });
    expect(own).toMatchObject({ code: 'LABEL_INVALID', where: { file: at('kinds.parquet') } });
    for (const { message } of [source, own]) expect(message).toMatch(/"two" has 2 in row 4321; /);
  });

  it('a column that is not there, and names those that are near', async () => {
    expect(await refusal('o.parquet', '--label', 'Y')).toMatchObject({
      ...{ exit: 78, code: 'COLUMN_NOT_FOUND', message: '--label: there is no column "Y"', hint: 'did you mean "y"?' },
      where: { column: 'Y', file: at('data.parquet'), option: '--label' },
    });
    expect((await refusal('o.parquet', '--label', 'score')).code).toBe('COLUMN_NOT_FOUND');
  });

  it.each<[string, string[], string, number]>([
    ['no label', ['o.parquet'], 'USAGE', 2],
    ['a label without a name', ['o.parquet', '--label', ''], 'USAGE', 2],
    ['a source without a name', ['o.parquet', '--label', 'y', '--source', ''], 'USAGE', 2],
    ['nothing at all', ['--label', 'y'], 'USAGE', 2],
    ['a foreign file', ['data.parquet', '--label', 'y'], 'USAGE', 2],
    ['a foreign directory', ['.', '--label', 'y'], 'USAGE', 2],
    ['a model', ['m.bcm', '--label', 'y'], 'USAGE', 2],
    ['an output that is not there', ['nothing.parquet', '--label', 'y'], 'SOURCE_NOT_FOUND', 74],
    ['an output of nobody, without a source', ['o.parquet', '--label', 'y', '--home', 'nowhere'], 'JOB_NOT_FOUND', 78],
  ])('%s', async (_, args, code, exit) => {
    await run(directory, 'fit', 'data.parquet', ...NOT_SCORED, '-m', 'm.bcm');
    expect(await refusal(...args)).toMatchObject({ exit, code, hint: expect.stringMatching(/\w/) });
  });

  it('a source that is gone or not what it was, and a damaged output', async () => {
    await parquet(at('changing.parquet'), labelled(3000));
    await score(directory, 'changing.parquet', ...NOT_SCORED, '-o', 'changed.parquet');
    const ask = () => refusal('changed.parquet', '--label', 'y');
    renameSync(at('changing.parquet'), at('away.parquet'));
    expect(await ask()).toMatchObject({
      code: 'SOURCE_NOT_FOUND',
      exit: 74,
      hint: expect.stringContaining('--source'),
    });
    copyFileSync(at('away.parquet'), at('changing.parquet'));
    utimesSync(at('changing.parquet'), 1e9, 1e9);
    expect(await ask()).toMatchObject({
      ...{ code: 'INPUT_CHANGED', exit: 78, where: { file: at('changing.parquet') } },
      message: expect.stringMatching(/is not what was scored: mtimeNs: /),
      hint: expect.stringContaining('--source'),
    });
    // What lies there is what was scored all the same.
    const named = await figures('changed.parquet', '--label', 'y', '--source', 'changing.parquet');
    expect(named.unchecked).toEqual([]);
    await parquet(at('changing.parquet'), labelled(3000, 9));
    expect(await ask()).toMatchObject({ code: 'INPUT_CHANGED', message: expect.stringContaining('footerSha256: ') });

    const bytes = readFileSync(at('changed.parquet'));
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(at('changed.parquet'), bytes);
    expect(await ask()).toMatchObject({ code: 'OUTPUT_DAMAGED', exit: 65 });
  });

  it('pages that cannot be read, in the source or in an output that no job knows', async () => {
    const spoil = (path: string) => {
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0, 40, bytes.length - 4000));
    };
    await parquet(at('spoilt.parquet'), labelled(9000));
    spoil(at('spoilt.parquet'));
    copyFileSync(at('o.parquet'), at('spoilt-out.parquet'));
    spoil(at('spoilt-out.parquet'));
    const [out, source] = [at('spoilt-out.parquet'), at('spoilt.parquet')];
    const of = (output: string, labels: string) => refusal(output, '--label', 'y', '--source', labels);
    expect(await of('o.parquet', 'spoilt.parquet')).toMatchObject({
      code: 'SOURCE_INVALID',
      exit: 65,
      where: { file: source },
    });
    expect(await of(out, 'data.parquet')).toMatchObject({ code: 'OUTPUT_DAMAGED', exit: 65, where: { file: out } });
  });

  it('what the package is given wrongly, by its names', async () => {
    type Loose = (...args: unknown[]) => Promise<unknown>;
    const out = at('o.parquet');
    for (const [option, args] of [
      ['label', [out, {}]],
      ['label', [out, { label: 3 }]],
      ['label', [out, { label: 'a\0' }]],
      ['source', [out, { label: 'y', source: [] }]],
      ['source', [out, { label: 'y', source: ['a', 3] }]],
      ['lable', [out, { lable: 'y' }]],
      ['detector', [out, { label: 'y', detector: 'mad' }]],
      ['signal', [out, { label: 'y', signal: 1 }]],
      ['options', [out]],
      ['out', ['', { label: 'y' }]],
      ['evaluate', [out, { label: 'y' }, 1]],
    ] as const)
      await expect((evaluate as Loose)(...args), JSON.stringify(args)).rejects.toMatchObject({
        ...{ code: 'USAGE', exitCode: 2, where: { option }, hint: expect.stringMatching(/\w/) },
      });
  });
});

it('leaves nothing behind, also when it is stopped', async () => {
  await sql(`COPY (SELECT i AS row, random() AS score, false AS anomaly FROM range(3000000) r(i))
    TO '${at('long.parquet')}' (FORMAT parquet, KV_METADATA {'batch_core.fingerprint': 'x'})`);
  await parquet(at('long-labels.parquet'), 'SELECT i % 10 = 0 AS y FROM range(3000000) r(i)', 122_880);
  mkdirSync(at('tmp'));
  const left = () => readdirSync(at('tmp')).filter((name) => name.startsWith('batch-core-evaluate-'));
  const args = ['evaluate', 'long.parquet', '--label', 'y', '--source', 'long-labels.parquet', '--json'];
  const { child, ended } = start(directory, args, { TMPDIR: at('tmp') });
  while (left().length === 0) await sleep(2);
  child.kill('SIGINT');
  const stopped = await ended;
  expect([stopped.code, errorOf(stopped).code, left()]).toEqual([130, 'CANCELLED', []]);
  expect((await start(directory, args, { TMPDIR: at('tmp') }).ended).code).toBe(0);
  expect(left()).toEqual([]);
});
