/** The pages of docs/ are what really happens: made from the program, or compared with what a run writes. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../src/cli/program.ts';
import { detectors } from '../src/orchestrator/core/inspect.ts';
import { gaussian, parquet, run, score, scratch, sql } from './cli/harness.ts';
import { rowsUnder, tableOf } from './markdown.ts';

const root = resolve(import.meta.dirname, '..');
const page = (name: string) => readFileSync(join(root, 'docs', name), 'utf8');
const directory = scratch();
const at = (name: string) => join(directory, name);

const OPTIONS_HEAD = `# Options

Made from the command line itself; \`batch-core help <command>\` prints the same. Options under "not in this version" are words of
the contract that are refused until they are built.

Counts may be written \`5K\` or \`2M\` (decimal; binary for \`--chunk-rows\` and sizes), shares \`0.01\` or \`1%\`. Lists of columns are
\`a,b\` or, for names with commas, a JSON array such as \`'["a,b"]'\`, and may be given several times. A path that exists is taken
literally, whatever characters it holds; otherwise \`*\`, \`?\`, \`[...]\` and \`**\` make it a pattern.

\`--config\` names a JSON or YAML file of options by these names without dashes (\`chunk-rows: 64K\`), or by those of the package
(\`chunkRows\`). Lists are lists, a flag is \`true\`, parameters of the detector are an object (\`set: { n_bins: 20 }\`), paths are relative
to the working directory. What is typed wins; what the command does not take is refused (exit 78).
`;

it('docs/options.md is what the program takes (npx vitest run test/docs.test.ts -u writes it)', async () => {
  const program = buildProgram(() => {});
  const known = program.commands
    .filter((command) => !command.helpGroup())
    .flatMap((command) => (command.commands.length > 0 ? command.commands : [command]));
  const sections = known.map((command) => {
    const name = [command.parent === program ? '' : `${command.parent?.name()} `, command.name()].join('');
    const rows = (later: boolean) =>
      command.options
        .filter((option) => (option.helpGroupHeading !== undefined) === later)
        .map((option) => [
          `\`${option.flags}\``,
          option.description.replaceAll('<', '\\<') +
            (option.defaultValue === undefined ? '' : ` (default: ${String(option.defaultValue)})`),
        ]);
    const later = rows(true).map(([flags = '']) => flags.replace(/ .*/, '`').replace(/``$/, '`'));
    return [
      `## ${name}`,
      `\`batch-core ${name} ${command.usage()}\`: ${command.description()}`,
      ...(rows(false).length > 0 ? [tableOf(['option', 'does'], rows(false))] : []),
      ...(later.length > 0 ? [`Not in this version: ${later.join(', ')}.`] : []),
    ].join('\n\n');
  });
  const later = program.commands.filter((command) => command.helpGroup()).map((command) => `\`${command.name()}\``);
  const text = [
    OPTIONS_HEAD,
    ...sections.map((section) => `${section}\n`),
    `## Not in this version\n\n${later.join(', ')}.\n`,
  ];
  await expect(text.join('\n')).toMatchFileSnapshot('../docs/options.md');
});

it('docs/detectors.md says of each detector what its table does (npx vitest run test/docs.test.ts -u writes it)', async () => {
  const written = page('detectors.md');
  const table = detectors();
  const named = [...written.matchAll(/^## (\w+)$/gm)].map(([, name]) => name);
  expect(named).toEqual(table.map(({ name }) => name));
  const text = table.reduce((text, { name, summary, passes, parameters }) => {
    const values = ({ kind, choices, min, max }: (typeof parameters)[number]) =>
      [...(choices ?? []), ...(kind === 'choice' ? [] : [`${min ?? ''} to ${max ?? ''}`])].join(', ');
    const rows = parameters.map((it) => [`\`${it.name}\``, values(it), String(it.default), it.help]);
    const made = [
      `<!-- made: ${name} -->`,
      `${summary} A fit reads ${['a sample of the source', 'the source once'][passes] ?? 'the source twice at most'}.`,
      ...(rows.length > 0 ? [tableOf(['`--set`', 'values', 'default', 'is'], rows)] : []),
      '<!-- end -->',
    ];
    const place = new RegExp(`<!-- made: ${name} -->\n(?:(?:(?!<!-- made)[^])*?<!-- end -->\n)?`);
    expect(text, `${name} has a place for what is made`).toMatch(place);
    return text.replace(place, () => `${made.join('\n\n')}\n`);
  }, written);
  await expect(text).toMatchFileSnapshot('../docs/detectors.md');
});

/** Every field of a value by its path, with the types it has there. */
function fieldsOf(value: unknown, path = '', fields = new Map<string, Set<string>>()): Map<string, Set<string>> {
  const note = (type: string) => fields.set(path, (fields.get(path) ?? new Set()).add(type));
  if (Array.isArray(value)) for (const item of value) fieldsOf(item, `${path}[]`, fields);
  else if (value === null) note('null');
  else if (typeof value === 'object') {
    if (path !== '') note('object');
    for (const [key, item] of Object.entries(value)) fieldsOf(item, path === '' ? key : `${path}.${key}`, fields);
  } else note(typeof value === 'number' ? (Number.isInteger(value) ? 'integer' : 'number') : typeof value);
  return fields;
}

/** Compares what was written with the table of a page: no field more, none less, each of a type the page names. */
function compare(name: string, documents: unknown[]): void {
  const documented = new Map<string, string[]>();
  for (const [paths = '', type = ''] of rowsUnder(page(name), 'field'))
    for (const path of paths.split(', ')) documented.set(path, type.split(/, | or /));
  const written = new Map<string, Set<string>>();
  for (const document of documents) fieldsOf(document, '', written);

  const structural = (path: string) => [...documented.keys()].some((other) => other.startsWith(`${path}.`));
  const allowed = (path: string, type: string) => {
    const types = documented.get(path);
    if (types === undefined) return type === 'object' && structural(path);
    return types.includes(type) || (type === 'integer' && types.includes('number'));
  };
  const undocumented = [...written].flatMap(([path, types]) =>
    [...types].filter((type) => !allowed(path.replace(/^\[\]\.?/, ''), type)).map((type) => `${path}: ${type}`),
  );
  const missing = [...documented].filter(([path, types]) => !types.includes('optional') && !written.has(path));
  expect({ undocumented, missing: missing.map(([path]) => path) }).toEqual({ undocumented: [], missing: [] });
}

const read = (path: string) => JSON.parse(readFileSync(at(path), 'utf8'));

describe('what a run writes', () => {
  const reports: unknown[] = [];

  beforeAll(async () => {
    await parquet(
      at('data.parquet'),
      `SELECT *, 'name' AS name, 1 AS constant, CASE id WHEN 7 THEN 'inf'::DOUBLE WHEN 8 THEN NULL ELSE f0 END AS gaps FROM (${gaussian(20_000)})`,
    );
    await parquet(at('more.parquet'), `SELECT * FROM '${at('data.parquet')}'`);
    reports.push(
      await score(
        directory,
        'data.parquet',
        '-o',
        'file.parquet',
        '--home',
        'home',
        '--keep',
        'name,id',
        '--id',
        'name',
      ),
    );
    reports.push(
      await score(
        directory,
        'data.parquet',
        'more.parquet',
        '-o',
        'parts/',
        '--home',
        'home',
        '--top',
        '5',
        '--id',
        'id',
      ),
    );
    reports.push(
      await score(
        directory,
        'data.parquet',
        '--threshold',
        '3',
        '-o',
        'bare.parquet',
        '--home',
        'home',
        '--explain',
        '0',
      ),
    );
    const fitted = await run(directory, 'fit', 'data.parquet', '-m', 'm.bcm', '--home', 'home', '--json');
    reports.push(JSON.parse(fitted.stdout));
  });

  it('docs/report.md is the report', () => {
    compare('report.md', reports);
    for (const report of reports as { jobId: string }[])
      compareSame(report, read(`home/jobs/${report.jobId}/report.json`));
  });

  /** report.json and --json are one document. */
  function compareSame(printed: unknown, kept: unknown): void {
    expect(kept).toEqual(printed);
  }

  it('docs/status.md is status.json, of jobs that ended well and of one that did not', async () => {
    const failed = await run(
      directory,
      'score',
      'data.parquet',
      '--missing',
      'error',
      '-o',
      'failed.parquet',
      '--home',
      'home',
    );
    expect(failed.code).toBe(65);
    const jobs = readdirSync(at('home/jobs')).map((job) => read(`home/jobs/${job}/status.json`));
    expect(jobs.map(({ state }) => state).sort()).toEqual([
      'completed',
      'completed',
      'completed',
      'completed',
      'failed',
    ]);
    compare('status.md', jobs);
  });

  it('docs/status.md lists every event, and what a run tells of them', async () => {
    const rows = rowsUnder(page('status.md'), 'event').map(([name = '', says = '']) => [name, says] as const);
    const declared = /interface Details \{(.*?)\n\}/s.exec(
      readFileSync(join(root, 'src/events/event.ts'), 'utf8'),
    )?.[1];
    const names = [...(declared ?? '').matchAll(/^ {2}(\w+):/gm)].map(([, name]) => name);
    expect(rows.map(([name]) => name)).toEqual(names);
    const args = ['score', 'data.parquet', '-o', 'told.parquet', '--progress', 'json'];
    for (const flags of [[], ['--fresh']]) {
      const lines = (await run(directory, ...args, ...flags)).stderr.trim().split('\n');
      const events = lines.map((line) => JSON.parse(line)).filter(({ type }) => type === 'event');
      expect(events.map(({ event }) => event)).toEqual(['started', 'published', 'finished']);
      expect(events.map(({ seq }) => seq)).toEqual([1, 2, 3]);
      expect(events.map(({ epoch }) => epoch)).toEqual(Array(3).fill(flags.length + 1));
      for (const { type: _type, event, jobId: _job, epoch: _epoch, seq: _seq, ...detail } of events) {
        const says = new Map(rows).get(event) ?? '';
        expect([...says.matchAll(/\w+/g)].map(([word]) => word).sort()).toEqual(Object.keys(detail).sort());
      }
    }
  });

  it('docs/evaluation.md is what evaluate prints', async () => {
    await parquet(at('labels.parquet'), `SELECT id % 7 = 0 AS y FROM '${at('data.parquet')}'`);
    await parquet(at('kept.parquet'), `SELECT f0, id % 7 = 0 AS y FROM '${at('data.parquet')}'`);
    await score(directory, 'kept.parquet', '--keep', 'y', '-o', 'kept-scores.parquet', '--home', 'kept-home');
    const evaluations = [
      ['file.parquet', '--source', 'labels.parquet', '--home', 'home'],
      ['kept-scores.parquet', '--home', 'nowhere'],
    ].map(async (args) => (await run(directory, 'evaluate', ...args, '--label', 'y', '--json')).stdout);
    compare(
      'evaluation.md',
      (await Promise.all(evaluations)).map((text) => JSON.parse(text)),
    );
  });

  it('docs/manifest.md is manifest.json', () => {
    compare('manifest.md', [read('parts/manifest.json')]);
    expect(existsSync(at('parts/_SUCCESS'))).toBe(true);
  });

  it('docs/output.md is what lies in the files', async () => {
    const rows = rowsUnder(page('output.md'), 'column');
    const documented = new Map(rows.map(([name = '', type = '']) => [name, type.replace(/, optional$/, '')]));
    const optional = rows.filter(([, type = '']) => type.endsWith(', optional')).map(([name]) => name);
    const described = async (path: string) =>
      (await sql(`DESCRIBE SELECT * FROM read_parquet('${at(path)}')`)).map(
        (row) => [row['column_name'], row['column_type']] as [string, string],
      );
    const kept = new Set(['name', 'id']);
    const of = {
      file: await described('file.parquet'),
      parts: await described('parts/*.parquet'),
      bare: await described('bare.parquet'),
    };
    for (const columns of Object.values(of))
      for (const [name, type] of columns.filter(([name]) => !kept.has(name)))
        expect(documented.get(name), name).toBe(type);
    const required = [...documented.keys()].filter((name) => !optional.includes(name));
    for (const columns of Object.values(of))
      expect(columns.map(([name]) => name)).toEqual(expect.arrayContaining(required));
    expect(of.file.map(([name]) => name)).toEqual(['row', 'name', 'id', 'score', 'severity', 'anomaly', 'reasons']);
    expect(of.parts.map(([name]) => name)).toEqual(['row', 'file', 'score', 'severity', 'anomaly', 'reasons']);
    expect(of.bare.map(([name]) => name)).toEqual(['row', 'score', 'severity', 'anomaly']);
  });

  it('docs/output.md names the metadata', async () => {
    const rows = rowsUnder(page('output.md'), 'key');
    const keys = async (path: string) =>
      (await sql(`SELECT DISTINCT decode(key) AS key FROM parquet_kv_metadata('${at(path)}')`)).map(({ key }) =>
        String(key),
      );
    const required = rows.filter(([, type = '']) => !type.includes('optional')).map(([key]) => key);
    for (const path of ['file.parquet', 'parts/*.parquet', 'bare.parquet']) {
      const written = await keys(path);
      expect(written).toEqual(expect.arrayContaining(required));
      expect(rows.map(([key]) => key)).toEqual(expect.arrayContaining(written));
    }
  });

  it.each(['docs/output.md', 'README.md'])('the SQL of %s runs on it', async (name) => {
    const text = readFileSync(join(root, name), 'utf8');
    const queries = [...text.matchAll(/```sql\n(.*?)```/gs)].map(([, query = '']) => query);
    expect(queries.length).toBeGreaterThan(0);
    const flagged = await sql(`SELECT count(*) AS n FROM '${at('file.parquet')}' WHERE anomaly`);
    for (const query of queries) {
      const rows = await sql(
        query
          .replaceAll("'data.scores.parquet'", `'${at('file.parquet')}'`)
          .replaceAll("'data.parquet'", `'${at('data.parquet')}'`)
          .replace(/;\s*$/, ''),
      );
      expect(rows.length).toBeGreaterThan(0);
      if (/WHERE s?\.?anomaly\b/.test(query) && !/GROUP BY|LIMIT/.test(query))
        expect(String(rows.length)).toBe(flagged[0]?.['n']);
    }
  });

  it('contributions add up as docs/output.md says', async () => {
    await parquet(at('sum.parquet'), gaussian(3000));
    const sums = async (name: string, ...flags: string[]) => {
      await score(
        directory,
        'sum.parquet',
        '--exclude',
        'id',
        '--explain',
        '1000',
        '--threshold',
        '-1e6',
        '-o',
        `${name}.parquet`,
        '--home',
        'home',
        ...flags,
      );
      return sql(`SELECT score, list_sum(list_transform(reasons, r -> r.contribution)) AS total, list_max(list_transform(reasons, r -> r.contribution)) AS largest
        FROM '${at(`${name}.parquet`)}' ORDER BY score DESC LIMIT 300`);
    };
    for (const { score: value, total } of await sums('auto')) expect(Number(total)).toBeCloseTo(Number(value), 9);
    for (const { score: value, largest } of await sums('zscore', '-d', 'zscore'))
      expect(Number(largest)).toBeCloseTo(Number(value), 9);
    for (const { score: value, largest } of await sums('mad', '-d', 'mad'))
      expect(Number(largest)).toBeCloseTo(Number(value), 9);
    for (const detector of ['zscore', 'mad'])
      for (const { score: value, total } of await sums(`${detector}-sum`, '-d', detector, '--set', 'aggregate=sum'))
        expect(Number(total)).toBeCloseTo(Number(value), 9);
    const squares =
      await sql(`SELECT s.score, ((d.f0 - f.m0) / f.s0) ** 2 + ((d.f1 - f.m1) / f.s1) ** 2 + ((d.f2 - f.m2) / f.s2) ** 2 AS squares
      FROM '${at('zscore-sum.parquet')}' s JOIN '${at('sum.parquet')}' d ON s.row = d.id,
        (SELECT avg(f0) AS m0, avg(f1) AS m1, avg(f2) AS m2, stddev_pop(f0) AS s0, stddev_pop(f1) AS s1, stddev_pop(f2) AS s2
         FROM '${at('sum.parquet')}') f`);
    for (const row of squares) expect(Number(row['squares'])).toBeCloseTo(Number(row['score']), 9);
    for (const detector of ['hbos', 'loda']) {
      const constant = (await sums(detector, '-d', detector)).map(
        ({ score: value, total }) => Number(value) - Number(total ?? 0),
      );
      for (const difference of constant) expect(difference).toBeCloseTo(constant[0]!, 9);
    }
  });
});

it('severity and what is usual are the percentiles that docs/output.md says', async () => {
  await parquet(at('usual.parquet'), gaussian(20_000));
  await score(directory, 'usual.parquet', '--columns', 'f0,f1', '-o', 'usual-scores.parquet', '--home', 'home');
  const [found] = await sql(`SELECT max(abs(severity - rank)) FILTER (severity < 99) AS body,
      max(abs(severity - rank)) FILTER (severity >= 99) AS tail, min(severity) FILTER (anomaly) AS flagged,
      max(severity) FILTER (NOT anomaly) AS ordinary, arg_max(severity, score) < 100 AS room
    FROM (SELECT *, 100 * (rank() OVER (ORDER BY score) - 1) / (count(*) OVER () - 1) AS rank FROM '${at('usual-scores.parquet')}')`);
  expect(Number(found?.['body'])).toBeLessThanOrEqual(1 / 64 + 0.1);
  expect(Number(found?.['tail'])).toBeLessThan(1e-4);
  expect(Number(found?.['flagged'])).toBeGreaterThan(99);
  expect(Number(found?.['ordinary'])).toBeLessThanOrEqual(99);
  expect(found?.['room']).toBe(true);
  const usual = await sql(`SELECT reason.column AS column_name, count(*) AS n,
      max(abs(reason.usual_low - CASE reason.column WHEN 'f0' THEN low0 ELSE low1 END)) AS low,
      max(abs(reason.usual_high - CASE reason.column WHEN 'f0' THEN high0 ELSE high1 END)) AS high
    FROM (SELECT unnest(reasons) AS reason FROM '${at('usual-scores.parquet')}'),
      (SELECT quantile_cont(f0, 0.01) AS low0, quantile_cont(f0, 0.99) AS high0,
        quantile_cont(f1, 0.01) AS low1, quantile_cont(f1, 0.99) AS high1 FROM '${at('usual.parquet')}')
    GROUP BY ALL`);
  expect(usual).toHaveLength(2);
  for (const { low, high } of usual)
    expect([Number(low), Number(high)]).toEqual([expect.closeTo(0, 9), expect.closeTo(0, 9)]);
});

it('medians are as exact as docs/output.md says', async () => {
  expect(page('output.md')).toMatch(/up to 131,072.*some 1e-5 of\s+themselves/s);
  const worst = async (rows: number) => {
    const name = `normal-${rows}`;
    await parquet(at(`${name}.parquet`), gaussian(rows, 1), 122_880);
    await score(
      directory,
      `${name}.parquet`,
      '-d',
      'mad',
      '--columns',
      'f0',
      '-o',
      `${name}-mad.parquet`,
      '--home',
      'home',
    );
    const [row] = await sql(`SELECT max(abs(s.score / (0.6745 * abs(d.f0 - f.middle) / f.deviation) - 1)) AS worst
      FROM '${at(`${name}-mad.parquet`)}' s JOIN '${at(`${name}.parquet`)}' d ON s.row = d.id,
        (SELECT median(f0) AS middle, mad(f0) AS deviation FROM '${at(`${name}.parquet`)}') f WHERE s.anomaly`);
    return Number(row?.['worst']);
  };
  expect(await worst(131_072)).toBeLessThan(1e-12);
  expect(await worst(300_000)).toBeLessThan(5e-5);
});

it('README.md and the pages of docs/ name no page, command or option that is not there', () => {
  const pages = ['README.md', 'CONTRIBUTING.md', ...readdirSync(join(root, 'docs')).map((name) => `docs/${name}`)];
  const help = page('options.md');
  for (const name of pages) {
    const text = readFileSync(join(root, name), 'utf8');
    for (const [, link = ''] of text.matchAll(/\]\(([^)#:]+)\)/g))
      expect(existsSync(resolve(root, name, '..', link)), `${name} -> ${link}`).toBe(true);
    for (const [, option = ''] of text.matchAll(/batch-core [a-z]+ [^`\n]*?(--[a-z-]+)/g))
      expect(help, `${name}: ${option}`).toContain(option);
  }
});
