/** Nothing is said to be finished, whole or sound that is not. */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { errorOf, gaussian, killAtPart, parquet, run, score, scratch, sha256 } from '../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const BIG = 260_000;
const FLAGS = ['-d', 'zscore', '--chunk-rows', '4096'];
const QUIET = ['--json', '--progress', 'none'];

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(60_000));
  await parquet(at('big.parquet'), gaussian(BIG), 4096);
});

/** Flips one bit in the middle of a file. */
function damage(path: string, place = 0.5): void {
  const bytes = readFileSync(path);
  const offset = Math.floor(bytes.length * place);
  bytes[offset] = (bytes[offset] ?? 0) ^ 4;
  writeFileSync(path, bytes);
}

describe('a finished job is recalled', () => {
  const cases: { name: string; change: (source: string, out: string) => unknown; recalled: boolean; says?: RegExp }[] =
    [
      { name: 'when nothing changed', change: () => {}, recalled: true },
      {
        name: 'when its output was copied and is the same',
        change: (_, out) => {
          copyFileSync(out, `${out}.copy`);
          renameSync(`${out}.copy`, out);
        },
        recalled: true,
      },
      {
        name: 'when its output got another name too',
        change: (_, out) => linkSync(out, `${out}.twin`),
        recalled: true,
      },
      {
        name: 'but not when its source was replaced by another of the same footer',
        change: (source) => {
          const bytes = readFileSync(source);
          bytes[60] = (bytes[60] ?? 0) ^ 1;
          writeFileSync(`${source}.new`, bytes);
          renameSync(`${source}.new`, source);
        },
        recalled: false,
        says: /source was touched/,
      },
      {
        name: 'but not when its source was rewritten in place and its time set back',
        change: (source) => {
          const { atime, mtime } = statSync(source);
          damage(source, 0.3);
          utimesSync(source, atime, mtime);
        },
        recalled: false,
        says: /source was touched.*ctimeNs/,
      },
      { name: 'but not when its source was touched', change: (source) => chmodSync(source, 0o600), recalled: false },
      { name: 'but not when its output is damaged', change: (_, out) => damage(out), recalled: false, says: /SHA-256/ },
      { name: 'but not when its output is gone', change: (_, out) => rmSync(out), recalled: false, says: /not there/ },
    ];
  it.each(cases)('$name', async ({ name, change, recalled, says }) => {
    const place = name.replaceAll(/\W/g, '');
    mkdirSync(at(place));
    const [source, out] = [at(place, 'in.parquet'), at(place, 'out.parquet')];
    copyFileSync(at('data.parquet'), source);
    const first = await score(directory, source, ...FLAGS, '-o', out);
    change(source, out);
    const second = await score(directory, source, ...FLAGS, '-o', out);
    expect([first.recalled, second.recalled]).toEqual([false, recalled]);
    if (says) expect(second.warnings.join()).toMatch(says);
    expect(sha256(out)).toBe(second.output.sha256);
    expect((await run(directory, 'verify', out)).code).toBe(0);
  });

  it('as a directory, and not when a part of it is damaged', async () => {
    const args = ['data.parquet', ...FLAGS, '-o', 'out/'];
    await score(directory, ...args);
    expect((await score(directory, ...args)).recalled).toBe(true);
    const [part = ''] = readdirSync(at('out')).filter((name) => name.startsWith('part-'));
    const whole = sha256(at('out', part));
    damage(at('out', part));
    expect((await score(directory, ...args)).recalled).toBe(false);
    expect(sha256(at('out', part))).toBe(whole);
  });

  it('with its report, whatever became of the copy in the job', async () => {
    const args = ['data.parquet', ...FLAGS, '-o', 'told.parquet', '--home', 'told'];
    const first = await score(directory, ...args);
    const path = at('told', 'jobs', first.jobId, 'report.json');
    for (const content of ['', '{"schema":"batch-core.rep', 'null', '{}']) {
      writeFileSync(path, content);
      const { warnings, recalled, ...report } = await score(directory, ...args);
      expect(recalled).toBe(true);
      expect({ ...report, recalled: false, warnings: [] }).toEqual({ ...first, warnings: [] });
      expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ jobId: first.jobId });
    }
  });
});

describe('a finished part that changes before it is published', () => {
  it.each(['file.parquet', 'parts/'])('is made again, for %s', async (out) => {
    const home = `home-${out.replace(/\W/g, '')}`;
    const args = ['score', 'big.parquet', ...FLAGS, '-w', '2', '-o', out, '--home', home];
    const expected = await score(directory, 'big.parquet', ...FLAGS, '-o', `whole-${out}`, '--home', `${home}-whole`);
    // Three leases may be on their way at a time: the first parts are done.
    const parts = at(home, 'jobs', await killAtPart(directory, args, home, 40), 'parts');
    const [first = '', second = ''] = readdirSync(parts)
      .filter((name) => name.startsWith('part'))
      .sort()
      .map((name) => join(parts, name));
    damage(first);
    damage(second, 0.1);
    const again = await run(directory, ...args, '--json', '--progress', 'json');
    expect([again.code, JSON.parse(again.stdout).output.rows]).toEqual([0, BIG]);
    const told = again.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const place = (is: (line: { type: string; event?: string; phase: string }) => boolean) => told.findIndex(is);
    const retried = place(({ event, phase }) => event === 'retry' && phase === 'publish');
    expect(retried).toBeGreaterThan(0);
    // A file takes its parts while others are scored: damage is found then, and not at the end.
    const found = retried < place(({ type, phase }) => type === 'progress' && phase === 'publish');
    expect(found).toBe(!out.endsWith('/'));
    const digests = (path: string) =>
      out.endsWith('/')
        ? readdirSync(at(path))
            .sort()
            .map((name) => sha256(at(path, name)))
        : [sha256(at(path))];
    expect(digests(out)).toEqual(digests(`whole-${out}`));
    expect(expected.output.rows).toBe(BIG);
    expect((await run(directory, 'verify', out, '--home', home)).code).toBe(0);
  });
});

it('a model fitted with --missing skip scores with it', async () => {
  await parquet(
    at('holes.parquet'),
    `SELECT CASE WHEN id % 10 = 0 THEN NULL ELSE f0 END AS f0, f1 FROM (${gaussian(20_000)})`,
  );
  await run(directory, 'fit', 'holes.parquet', '-d', 'zscore', '--missing', 'skip', '-m', 'skip.bcm');
  const report = await score(directory, 'holes.parquet', '-m', 'skip.bcm', '-o', 'skipped.parquet');
  expect(report.anomalies?.skippedRows).toBe(2000);
  const other = await run(directory, 'score', 'holes.parquet', '-m', 'skip.bcm', '--missing', 'center', ...QUIET);
  expect([other.code, errorOf(other).code]).toEqual([78, 'MODEL_MISMATCH']);
});

describe('--verify-input', () => {
  it('says of a sound source what was checked, and that it was not when it was not asked for', async () => {
    const source = resolve(import.meta.dirname, '../fixtures/pages/v2-snappy.parquet');
    const plain = await score(directory, source, '-d', 'zscore', '-o', 'plain.parquet');
    expect(plain).toMatchObject({ inputVerified: false, inputDigests: null, inputPages: null });
    const verified = await score(directory, source, '-d', 'zscore', '-o', 'plain.parquet', '--verify-input');
    expect(verified).toMatchObject({ recalled: false, inputVerified: true });
    expect(verified.inputDigests).toEqual([expect.stringMatching(/^[0-9a-f]{64}$/)]);
    expect(verified.inputPages?.withChecksum).toBeGreaterThan(0);
    expect(verified.inputPages?.checked).toBe(verified.inputPages?.withChecksum);
    expect((await score(directory, source, '-d', 'zscore', '-o', 'plain.parquet', '--verify-input')).recalled).toBe(
      true,
    );
  });

  it('finds a flipped bit, names its place, and publishes nothing', async () => {
    const source = at('flipped.parquet');
    copyFileSync(resolve(import.meta.dirname, '../fixtures/pages/v2-snappy.parquet'), source);
    damage(source, 0.3);
    const ended = await run(directory, 'score', source, '-d', 'zscore', '-o', 'no.parquet', '--verify-input', ...QUIET);
    expect([ended.code, errorOf(ended).code]).toEqual([65, 'SOURCE_DAMAGED']);
    expect(errorOf(ended).where).toMatchObject({
      file: source,
      rowGroup: expect.any(Number),
      column: expect.any(String),
    });
    expect(existsSync(at('no.parquet'))).toBe(false);
  });

  it('digests the same however the source is cut into chunks', async () => {
    const digests = ['1000', '100000'].map(async (rows) => {
      const args = ['big.parquet', '-d', 'zscore', '--chunk-rows', rows, '-o', `cut-${rows}.parquet`, '--verify-input'];
      return (await score(directory, ...args)).inputDigests;
    });
    const [one, other] = await Promise.all(digests);
    expect(one).toEqual(other);
  });
});
