/** What is printed: it cannot end a job, and nothing in it can steer a terminal. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { escapeText, jsonText } from '../../src/cli/streams.ts';
import { gaussian, parquet, run, scratch, shell, sql } from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const STACK = /\n\s+at |node:events|Unhandled|panicked/;
/** Ends a line of bash with the exit code of the first command of its pipe. */
const FIRST = 'exit $PIPESTATUS';
const noDevFull = !existsSync('/dev/full');

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(20_000));
  await parquet(
    at('wide.parquet'),
    `SELECT ${Array.from({ length: 3000 }, (_, j) => `i AS column_${j}`)} FROM range(9) r(i)`,
  );
});

/** Scores to out.parquet, which must not be there, with the streams as `redirection` says. */
async function scored(redirection: string, flags = '') {
  rmSync(at('out.parquet'), { force: true });
  rmSync(at('.batch-core'), { recursive: true, force: true });
  const ended = await shell(
    directory,
    `"$@" score data.parquet -d zscore -o out.parquet ${flags} ${redirection}; ${FIRST}`,
  );
  const status = JSON.parse((await run(directory, 'status', '--json')).stdout);
  return { ...ended, published: existsSync(at('out.parquet')), state: status.state };
}

describe('a standard output that cannot be written', () => {
  const full: [string, string][] = [
    ['score', 'score data.parquet -o full.parquet --force'],
    ['score --json', 'score data.parquet -o full.parquet --force --fresh --json'],
    ['inspect', 'inspect data.parquet'],
    ['inspect --json', 'inspect data.parquet --json'],
    ['plan', 'plan data.parquet'],
    ['jobs', 'jobs'],
    ['--help', '--help'],
    ['score --help', 'score --help'],
    ['--version', '--version'],
  ];
  it.skipIf(noDevFull).each(full)('%s > /dev/full says so and ends with 74', async (_, command) => {
    const { code, stderr } = await shell(directory, `"$@" ${command} > /dev/full`);
    expect(stderr).toMatch(/^error\[DISK_FULL\]: cannot write to standard output: /m);
    expect(stderr).not.toMatch(STACK);
    expect(code).toBe(74);
  });

  it.skipIf(noDevFull)('does not undo the job', async () => {
    expect(await scored('> /dev/full', '--json')).toMatchObject({ code: 74, published: true, state: 'completed' });
  });

  it('not open for writing is told like a full one', async () => {
    const ended = await scored('1< /dev/null');
    expect(ended).toMatchObject({ code: 74, published: true, state: 'completed' });
    expect(ended.stderr).toMatch(/error\[TRANSIENT_IO\]: cannot write to standard output: .*EBADF/);
    expect(ended.stderr).not.toMatch(STACK);
  });

  // Node puts /dev/null where a standard stream is closed before any of our code runs, and cannot tell the two apart.
  it.each(['>&-', '2>&-', '>&- 2>&-'])('closed with %s is silence', async (redirection) => {
    expect(await scored(redirection)).toMatchObject({ code: 0, published: true, state: 'completed' });
  });

  it.skipIf(noDevFull)(
    'keeps the exit code of the error that could not be told in JSON, and tells it on stderr',
    async () => {
      const { code, stderr } = await shell(directory, '"$@" inspect no.parquet --json > /dev/full');
      expect(code).toBe(74);
      expect(stderr).toMatch(/error\[SOURCE_NOT_FOUND\]/);
      expect(stderr).not.toMatch(STACK);
      expect((await shell(directory, '"$@" score data.parquet -w 0 --json > /dev/full')).code).toBe(2);
    },
  );

  it('cut short by a size limit is not taken for written', async () => {
    // The limit of 1 block lets the first kilobyte of 100 pass: what was written is not what was printed.
    const { code, stderr } = await shell(directory, 'ulimit -f 1; "$@" inspect wide.parquet --json > short.json');
    expect(stderr).toMatch(/error\[QUOTA_EXCEEDED\]: cannot write to standard output/);
    expect(code).toBe(74);
  });
});

describe('a pipe that closes', () => {
  it.each([
    ['inspect wide.parquet --json'],
    ['inspect wide.parquet'],
    ['--help'],
    ['plan wide.parquet'],
    ['--version'],
  ])('%s | head -1 ends as if all was printed', async (command) => {
    const { code, stderr } = await shell(directory, `"$@" ${command} | head -1 > /dev/null; ${FIRST}`);
    expect([code, stderr]).toEqual([0, '']);
  });

  it('on stdout does not undo the job', async () => {
    expect(await scored('| true', '--json -q')).toMatchObject({
      code: 0,
      stderr: '',
      published: true,
      state: 'completed',
    });
  });

  it('on stderr ends the telling, not the job', async () => {
    const ended = await scored('2> >(head -1 > /dev/null)', '--progress json --chunk-rows 2048');
    expect(ended).toMatchObject({ code: 0, published: true, state: 'completed' });
    expect(ended.stdout).toMatch(/^scored /);
  });
});

it.skipIf(noDevFull)('a standard error that cannot be written drops progress and never ends the job', async () => {
  const ended = await scored('2> /dev/full', '--progress json');
  expect(ended).toMatchObject({ code: 0, published: true, state: 'completed' });
  expect((await scored('2> /dev/full > /dev/full')).code).toBe(74);
});

it('all of a long output reaches a reader that is slow', async () => {
  const { code, stdout } = await shell(directory, `"$@" inspect wide.parquet --json | { sleep 1; cat; }; ${FIRST}`);
  expect(code).toBe(0);
  expect(JSON.parse(stdout).columns).toHaveLength(3000);
});

describe('characters that steer a terminal', () => {
  const HOSTILE = 'a\u001b[2J\u0007\n\u009b1m\u202e\u2066\u200e\u061c\u2028\u200b\ufeff\u007fz';

  it('are escaped: controls, bidirectional and invisible ones, lone surrogates', () => {
    expect(escapeText(HOSTILE)).toBe(
      'a\\x1b[2J\\x07\\x0a\\x9b1m\\u202e\\u2066\\u200e\\u061c\\u2028\\u200b\\ufeff\\x7fz',
    );
    expect(escapeText('\ud800x\udc00')).toBe('\\ud800x\\udc00');
    expect(escapeText('größe 日本 🎉 עברית')).toBe('größe 日本 🎉 עברית');
    expect(escapeText('\u{e0041}')).toBe('\\u{e0041}');
  });

  it('are escaped in JSON, which stays JSON', () => {
    const text = jsonText({ name: HOSTILE, odd: '\u{e0041}\ud800' }, 2);
    expect(text).not.toMatch(/[\p{Cf}\p{Zl}\p{Zp}\u007f-\u009f]/u);
    expect(JSON.parse(text)).toEqual({ name: HOSTILE, odd: '\u{e0041}\ud800' });
  });

  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const STEERING = /[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\u061c\ufeff]/;

  it('in names of columns and files reach no command raw', async () => {
    const name = 'e\u001b]0;x\u0007\u202e\u200b\u2028v';
    const out = `${name}.scores.parquet`;
    await sql(`COPY (SELECT i::DOUBLE AS "${name}", (i * i)::DOUBLE AS b, 'x' AS "t${name}", 1 AS "c${name}" FROM range(500) r(i))
      TO '${at(`${name}.parquet`)}' (FORMAT parquet)`);
    const commands = [
      ['plan', `${name}.parquet`],
      ['inspect', `${name}.parquet`],
      ['score', `${name}.parquet`, '-o', out, '--save-model', `${name}.bcm`, '--progress', 'plain', '-v'],
      ['score', `${name}.parquet`, '-o', out, '--save-model', `${name}.bcm`, '--progress', 'json'],
      ['fit', `${name}.parquet`, '-m', `2${name}.bcm`],
      ['inspect', `${name}.bcm`],
      ['inspect', out],
      ['status'],
      ['status', '--json'],
      ['jobs'],
      ['jobs', '--json'],
      ['verify', out],
      ['plan', `${name}.nothing`],
      ['score', `${name}.parquet`, '--columns', `${name}x`],
      ['score', `--${name}`],
      ['score', `${name}.parquet`, '-w', name],
      [name],
      ['help', name],
    ];
    for (const args of commands) {
      const { stdout, stderr } = await run(directory, ...args);
      expect(stdout + stderr, args.join(' ')).not.toBe('');
      expect(stdout + stderr, args.join(' ')).not.toMatch(STEERING);
      expect(stderr, args.join(' ')).not.toMatch(STACK);
    }
    expect(readFileSync(at(out)).length).toBeGreaterThan(0);
  });
});
