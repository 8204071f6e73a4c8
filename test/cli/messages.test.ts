/** The words of the command line: what is wrong, how it is used, what to do; and that nothing said is not so. */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, gaussian, MAIN, parquet, run, score, scratch, shell, sql } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const windows = process.platform === 'win32';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(5000));
  await sql(
    `COPY (SELECT i::DOUBLE AS "a,b", sin(i) AS c, cos(i) AS "[x]" FROM range(500) r(i)) TO '${at('commas.parquet')}' (FORMAT parquet)`,
  );
});

describe('a command line that is wrong', () => {
  it.each<[string[], string, string, string]>([
    [
      ['score', 'a', '--contaminaton', '1'],
      "unknown option '--contaminaton'",
      'batch-core score [options] <source...>',
      'did you mean --contamination?',
    ],
    [
      ['score'],
      "missing required argument 'source'",
      'batch-core score [options] <source...>',
      'see "batch-core score --help"',
    ],
    [
      ['fit', 'a'],
      "required option '-m, --model <file>' not specified",
      'batch-core fit [options] <source...>',
      'see "batch-core fit --help"',
    ],
    [['status', 'a', 'b'], 'too many arguments', 'batch-core status [options] [job]', 'see "batch-core status --help"'],
    [['scroe', 'a'], 'there is no command "scroe"', 'batch-core [options] [command]', 'did you mean "score"?'],
    [
      ['data.parquet'],
      'there is no command "data.parquet"',
      'batch-core [options] [command]',
      'to score it: batch-core score data.parquet',
    ],
    [
      ['help', 'nothing'],
      'there is no command "nothing"',
      'batch-core [options] [command]',
      'see "batch-core --help" for the commands',
    ],
  ])('%j says the error first, then the usage of that command, then what to do', async (args, message, usage, hint) => {
    const { code, stdout, stderr } = await run(directory, ...args);
    const [error = '', ...rest] = stderr.trimEnd().split('\n');
    expect(error.startsWith(`error[USAGE]: ${message}`), error).toBe(true);
    expect(rest).toEqual([`  usage: ${usage}`, `  hint: ${hint}`]);
    expect([code, stdout]).toEqual([2, '']);
  });

  it('names the option in JSON', async () => {
    expect(errorOf(await run(directory, 'score', 'a', '--contaminaton', '1', '--json'))).toMatchObject({
      code: 'USAGE',
      message: "unknown option '--contaminaton'",
      where: { option: '--contaminaton' },
      hint: 'did you mean --contamination?',
    });
  });

  it('help of a command is that of --help', async () => {
    const [help, asked] = await Promise.all([run(directory, 'help', 'score'), run(directory, 'score', '--help')]);
    expect(help).toEqual(asked);
    expect([help.code, help.stderr]).toEqual([0, '']);
    expect((await run(directory, '--help')).stdout).toContain('BATCH_CORE_HOME');
  });
});

describe('what is not in this version', () => {
  const options = [
    ['--where', 'x > 1'],
    ...[
      '--time-limit',
      '--cpu-limit',

      '--max-quarantined',
      '--by',
      '--time',
    ].map((option) => [option, '1']),
    ...['--rechunk', '--categories', '--only-new', '--fail-on-drift'].map((option) => [option]),
    ['-e', 'ray'],
    ['--engine', 'processes'],
    ['--out', 'x.csv'],
    ['-o', 'x.ndjson'],
    ['-o', 'x.arrow'],
  ];
  it.each(options.map((words) => [words]))('score %j is refused as such', async (words) => {
    const ended = await run(directory, 'score', 'data.parquet', ...words, '--json');
    expect(errorOf(ended)).toMatchObject({ code: 'USAGE', message: expect.stringMatching(/is not in this version$/) });
    expect(ended.code).toBe(2);
  });

  it.each([
    ['repair', 'x'],
    ['quarantine', 'list', 'x'],
    ['pipeline', 'run', 'f.yaml'],
    ['schedule', 'add', '--cron', '* * * * *'],
    ['stream', '--model', 'm'],
    ['serve', '--port', '1'],
    ['submit', 'a.parquet'],
    ['worker'],
    ['report', 'x'],
    ['completion', 'bash'],
    ['jobs', '--prune'],
  ])('%s is refused as such', async (...words) => {
    const { code, stderr } = await run(directory, ...words);
    expect(stderr).toMatch(/^error\[USAGE\]: .* is not in this version\n/);
    expect(code).toBe(2);
  });

  it('is shown so in --help', async () => {
    for (const args of [['--help'], ['score', '--help'], ['jobs', '--help']])
      expect((await run(directory, ...args)).stdout).toContain('Not in this version:');
  });
});

describe('counts, shares and names', () => {
  it('--top 1K is a thousand, and 1 % is a hundredth', async () => {
    expect((await score(directory, 'data.parquet', '--top', '1K', '-o', 'top.parquet')).anomalies?.count).toBe(1000);
    const [percent, share] = [
      await score(directory, 'data.parquet', '--contamination', '0.7%', '-o', 'percent.parquet'),
      await score(directory, 'data.parquet', '--contamination', '0.007', '-o', 'share.parquet', '--home', 'other'),
    ];
    expect(percent.model.digest).toBe(share.model.digest);
  });

  it('a column with a comma is named in a JSON array, and options of names add up', async () => {
    const report = await score(
      directory,
      'commas.parquet',
      '--columns',
      '["a,b"]',
      '--columns',
      'c',
      '-o',
      'commas-out.parquet',
    );
    expect(report.source.columns).toEqual(['a,b', 'c']);
    expect((await score(directory, 'commas.parquet', '--columns', '[x]', '-o', 'x.parquet')).source.columns).toEqual([
      '[x]',
    ]);
    const kept = await score(
      directory,
      'commas.parquet',
      '--exclude',
      '["a,b"]',
      '--exclude',
      'c',
      '--keep',
      '["a,b","c"]',
      '-o',
      'kept.parquet',
    );
    expect(kept.source.columns).toEqual(['[x]']);
    const columns = await sql(`DESCRIBE SELECT * FROM '${at('kept.parquet')}'`);
    expect(columns.map((column) => column['column_name'])).toEqual([
      'row',
      'a,b',
      'c',
      'score',
      'severity',
      'anomaly',
      'reasons',
    ]);
  });

  it.each(['--columns', '--exclude', '--keep'])('%s that names a column twice is refused', async (option) => {
    for (const words of [
      [option, 'c,c'],
      [option, 'c', option, '["c"]'],
    ]) {
      const ended = await run(directory, 'score', 'commas.parquet', ...words, '--json');
      expect(errorOf(ended)).toMatchObject({ code: 'USAGE', message: expect.stringMatching(/"c" is named twice/) });
    }
  });

  it('--exclude of everything says so', async () => {
    const ended = await run(directory, 'score', 'data.parquet', '--exclude', 'id,f0,f1,f2', '--json');
    expect(errorOf(ended)).toMatchObject({
      code: 'NO_USABLE_COLUMN',
      message: '--exclude leaves out all 4 columns to score',
      where: { option: '--exclude' },
    });
  });
});

describe('a report for people', () => {
  it('shows flagged rows under the anomalies and no others', async () => {
    const { stdout } = await run(directory, 'score', 'data.parquet', '--top', '3', '-o', 'three.parquet');
    expect(stdout.slice(stdout.indexOf('\n\n')).trim().split('\n')).toHaveLength(4);
    const many = await run(directory, 'score', 'data.parquet', '--top', '50', '-o', 'fifty.parquet');
    expect(many.stdout.trimEnd()).toMatch(/\nand 40 more rows: those with anomaly = true in the output$/);
    // The last that is flagged has the threshold for its score.
    expect(many.stdout).toMatch(/\n {2}anomalies 50 \(1\.00 %; top 50, scores of [\d.]+ and more\)\n/);
    const few = await run(directory, 'score', 'data.parquet', '--top', '5001', '-o', 'few.parquet');
    expect(few.stdout).toMatch(/\n {2}note {6}--top 5001: 5000 rows have a score, and all of them are flagged\n/);
    const none = await run(directory, 'score', 'data.parquet', '--threshold', '1e9', '-o', 'none.parquet');
    expect(none.stdout.trimEnd()).toMatch(/\n\nno row is flagged; the highest score is [\d.]+, of row \d+$/);
  });

  it('of a job that was finished says first that nothing was run', async () => {
    const args = ['score', 'data.parquet', '--seed', '9', '-o', 'twice.parquet'];
    expect((await run(directory, ...args)).stdout).toMatch(/^scored 5,000 rows in /);
    const again = await run(directory, ...args);
    expect(again.stdout).toMatch(/^already scored 5,000 rows: nothing was run/);
    expect(again.stdout.match(/nothing was run/g)).toHaveLength(1);
  });

  it('is all that a short run prints off a terminal', async () => {
    expect((await run(directory, 'score', 'data.parquet', '-o', 'short.parquet')).stderr).toBe('');
  });

  it('of a fit names a few columns and counts the rest', async () => {
    await parquet(
      at('wide.parquet'),
      `SELECT ${Array.from({ length: 40 }, (_, j) => `sin(i * ${j + 1}) AS w${j}`)} FROM range(200) r(i)`,
    );
    expect((await run(directory, 'fit', 'wide.parquet', '-m', 'wide.bcm')).stdout).toMatch(
      /columns {3}40: w0, .*w5 and 34 more\n/,
    );
    const slash = errorOf(await run(directory, 'fit', 'wide.parquet', '-m', 'models/', '--json'));
    expect(slash).toMatchObject({ code: 'USAGE', message: expect.stringMatching(/^--model: .* is a directory/) });
    expect(existsSync(at('models'))).toBe(false);
  });

  it('spells infinities out in JSON, where null is a missing cell', async () => {
    await parquet(
      at('extremes.parquet'),
      `SELECT CASE i WHEN 10 THEN 'inf'::DOUBLE WHEN 20 THEN '-inf'::DOUBLE WHEN 30 THEN NULL ELSE sin(i) END AS a, CASE i WHEN 30 THEN 1e6 ELSE cos(i) END AS b FROM range(1000) r(i)`,
    );
    const report = await score(directory, 'extremes.parquet', '-d', 'mad', '--top', '3', '-o', 'extremes-out.parquet');
    const value = (row: number, column: string) =>
      report.anomalies?.top.find((top) => top.row === row)?.reasons.find((reason) => reason.column === column)?.value;
    expect([value(10, 'a'), value(20, 'a'), value(30, 'b')]).toEqual(['Infinity', '-Infinity', 1e6]);
  });

  it('status of a finished job speaks of no process', async () => {
    await score(directory, 'data.parquet', '-o', 'ended.parquet', '--home', 'ended-home');
    const { stdout } = await run(directory, 'status', '--home', 'ended-home');
    expect(stdout).toMatch(/ {2}ended {4}\d{4}-.*, exit code 0; started /);
    expect(stdout).not.toMatch(/pid/);
  });
});

describe('inspect', () => {
  it('takes directories, patterns and several files as score does', async () => {
    mkdirSync(at('many'), { recursive: true });
    await parquet(at('many/a.parquet'), gaussian(100));
    await parquet(at('many/b.parquet'), gaussian(200));
    for (const args of [['many'], ['many/*.parquet'], ['many/a.parquet', 'many/b.parquet']]) {
      const { code, stdout } = await run(directory, 'inspect', ...args, '--json');
      expect(code).toBe(0);
      expect(JSON.parse(stdout)).toMatchObject({ kind: 'source', rows: 300, files: [{ rows: 100 }, { rows: 200 }] });
    }
    expect((await run(directory, 'inspect', 'many')).stdout).toMatch(/^source {4}2 files: 300 rows/);
  });

  it('tells an output by its flags, not by what of it could be scored', async () => {
    const report = await score(directory, 'data.parquet', '--top', '7', '-o', 'seven.parquet');
    await score(directory, 'data.parquet', '--top', '7', '-o', 'seven/', '--chunk-rows', '2048');
    for (const path of ['seven.parquet', 'seven']) {
      const { stdout } = await run(directory, 'inspect', path);
      expect(stdout).toMatch(/^output .*5,000 rows/);
      expect(stdout).toMatch(/\nflagged {3}7 rows \(0\.14 %\), with scores of [\d.]+ and more\n/);
      expect(stdout).not.toMatch(/scored by default|^\{/m);
      const { flags } = JSON.parse((await run(directory, 'inspect', path, '--json')).stdout);
      expect(flags).toMatchObject({
        rows: 5000,
        flagged: 7,
        unscored: 0,
        lowestFlagged: report.anomalies?.top[6]?.score,
      });
    }
  });

  it('tells a job in words', async () => {
    const report = await score(directory, 'data.parquet', '-o', 'job.parquet', '--home', 'job-home');
    const { stdout } = await run(directory, 'inspect', `job-home/jobs/${report.jobId}`);
    expect(stdout).toMatch(new RegExp(`^${report.jobId} {2}completed`));
  });

  it('says which columns DuckDB calls otherwise than the file does', async () => {
    // DuckDB writes no two names that differ in case only: pyarrow does, and so does a patched footer.
    await sql(
      `COPY (SELECT i AS column, i * 2 AS COLUMX FROM range(10) r(i)) TO '${at('case.parquet')}' (FORMAT parquet)`,
    );
    const { readFileSync } = await import('node:fs');
    const bytes = readFileSync(at('case.parquet')).toString('latin1').replaceAll('COLUMX', 'COLUMN');
    writeFileSync(at('case.parquet'), Buffer.from(bytes, 'latin1'));
    const { stdout } = await run(directory, 'inspect', 'case.parquet');
    expect(stdout).toMatch(/COLUMN_1 \(in the file "COLUMN"/);
    expect(stdout).not.toMatch(/column \(in the file/);
  });

  it.skipIf(windows)('tells a file that may not be read from one that is not there', async () => {
    await parquet(at('secret.parquet'), gaussian(10));
    chmodSync(at('secret.parquet'), 0);
    chmodSync(directory, 0o755);
    // Root may read anything: the command then runs as nobody.
    writeFileSync(
      at('nobody.mjs'),
      `if (process.getuid() === 0) process.setuid(65534); await import(${JSON.stringify(MAIN)});`,
    );
    for (const [name, code] of [
      ['secret.parquet', 'SOURCE_UNREADABLE'],
      ['no.parquet', 'SOURCE_NOT_FOUND'],
    ] as const) {
      const args = ['nobody.mjs', 'inspect', name, '--json'];
      const { stdout } = spawnSync(process.execPath, args, { cwd: directory, encoding: 'utf8', timeout: 30_000 });
      expect(JSON.parse(stdout).error.code).toBe(code);
    }
  });
});

describe.skipIf(windows)('a source that is no file', () => {
  /** Every command that takes a source, within a time in which nothing that blocks would answer. */
  async function check(source: string, code: string, says: RegExp) {
    for (const command of ['score', 'plan', 'inspect']) {
      const ended = await shell(directory, `timeout -s KILL 20 "$@" ${command} ${source} --json`);
      expect(errorOf(ended)).toMatchObject({ code, message: expect.stringMatching(says) });
    }
  }

  it('a pipe', async () => {
    spawnSync('mkfifo', [at('pipe.parquet')]);
    await check('pipe.parquet', 'SOURCE_INVALID', /is a pipe$/);
    await check('/dev/stdin < <(cat data.parquet)', 'SOURCE_INVALID', /"\/dev\/stdin" is a pipe$/);
  });

  it('a socket', async () => {
    const server = createServer().listen(at('socket.parquet'));
    await once(server, 'listening');
    await check('socket.parquet', 'SOURCE_INVALID', /is a socket$/);
    server.close();
  });

  it('a device', async () => {
    await check('/dev/null', 'SOURCE_INVALID', /is a device$/);
    await check('/dev/zero', 'SOURCE_INVALID', /is a device$/);
  });

  it('a link that leads nowhere', async () => {
    symlinkSync('gone.parquet', at('dangling.parquet'));
    await check('dangling.parquet', 'SOURCE_NOT_FOUND', /is a link to "gone\.parquet", which does not exist$/);
  });

  it('a name that is not UTF-8', async () => {
    await check(`$'n\\xff.parquet'`, 'SOURCE_NOT_FOUND', /is not UTF-8/);
    const made = spawn('bash', ['-c', `mkdir bytes && cp data.parquet $'bytes/n\\xff.parquet'`], { cwd: directory });
    await once(made, 'close');
    await check('bytes', 'SOURCE_NOT_FOUND', /is not UTF-8/);
    rmSync(at('bytes'), { recursive: true });
  });
});

describe('outputs among sources', () => {
  it('are named in the hint when they do not fit', async () => {
    mkdirSync(at('again'), { recursive: true });
    await parquet(at('again/a.parquet'), gaussian(100));
    const again = at('again');
    await score(again, 'a.parquet');
    const { hint } = errorOf(await run(again, 'score', '.', '--json'));
    expect(hint).toMatch(/a\.scores\.parquet" is an output of batch-core/);
  });

  it.skipIf(windows)('a name with brackets keeps them in the name of its output', async () => {
    await parquet(at('[a].parquet'), gaussian(100));
    await parquet(at('?a?.parquet'), gaussian(200));
    expect((await score(directory, '[a].parquet')).output.path).toBe(at('[a].scores.parquet'));
    expect((await score(directory, '?a?.parquet')).output.path).toBe(at('?a?.scores.parquet'));
  });
});

it('inspect says that score refuses a file, whatever is asked', async () => {
  await parquet(at('numbers.parquet'), 'SELECT i::DOUBLE AS file_row_number, sin(i) AS x FROM range(100) r(i)');
  const refused = errorOf(await run(directory, 'score', 'numbers.parquet', '--json'));
  const told = await run(directory, 'inspect', 'numbers.parquet');
  expect(told.stdout).toContain(`score refuses it: ${refused.message} (${refused.hint})`);
  const { refusal } = JSON.parse((await run(directory, 'inspect', 'numbers.parquet', '--json')).stdout);
  expect(refusal).toMatchObject({ code: refused.code, message: refused.message });
});

it('a count that no double tells from the next is refused as it was typed', async () => {
  const { stderr } = await run(directory, 'score', 'data.parquet', '--seed', '9007199254740993');
  expect(stderr).toContain("'9007199254740993' is invalid. It is more than 9007199254740991.");
});

it('help has help', async () => {
  const { code, stdout } = await run(directory, 'help', '--help');
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^Usage: batch-core help /)]);
});
