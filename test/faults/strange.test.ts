/** Whatever lies at a path of a job's own directory, the same command gets past it, or says what to do. */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readText } from '../../src/store/smallFile.ts';
import { dieTold, errorOf, gaussian, parquet, run, score, scratch, sha256 } from '../cli/harness.ts';
import { strangersTo } from '../store/strangers.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const precious = at('precious');
const strangers = [...strangersTo(precious), (path: string) => symlinkSync(basename(path), path)].reverse();
const ARGS = ['data.parquet', '-d', 'zscore', '--chunk-rows', '1000', '-o', 'o.parquet'];
const NAMES = ['job.json', 'model.bcm', 'row-groups.json', 'parts', 'summaries'];
const MORE = ['report.json', 'job.duckdb', 'job.duckdb.wal', 'status.json', 'control.json', 'fit-0.state'];
let whole = '';

beforeAll(async () => {
  writeFileSync(precious, 'not to be touched');
  await parquet(at('data.parquet'), gaussian(6000), 1000);
  await score(directory, ...ARGS, '--home', 'finished');
  whole = sha256(at('o.parquet'));
  die('score', 'dead');
  die('fit', 'young');
});

/** Leaves a home with a job that died in `phase`. */
function die(phase: string, home: string): void {
  dieTold(directory, 'data.parquet', { detector: 'zscore', chunkRows: 1000, out: 'o.parquet', home }, { phase });
}

/** The directory of the one job of a copy of the home `from`. */
function copyOf(from: string): string {
  rmSync(at('home'), { recursive: true, force: true });
  cpSync(at(from), at('home'), { recursive: true });
  return at('home', 'jobs', readdirSync(at('home', 'jobs'))[0] ?? '');
}

describe.each([
  ['finished', [...NAMES, ...MORE]],
  ['dead', [...NAMES, 'parts/.tmp']],
])('in a job that is %s', (from, names) => {
  it.each(names)('%s', async (name) => {
    for (const [i, make] of strangers.entries()) {
      const job = copyOf(from);
      rmSync(join(job, name), { recursive: true, force: true });
      make(join(job, name));
      const more = i % 2 === 0 ? [] : ['--fresh'];
      const ended = await run(directory, 'score', ...ARGS, '--home', 'home', '--json', ...more);
      expect(ended.code, `${i} ${more.join()} ${ended.stdout}`).toBe(0);
      expect(sha256(at('o.parquet'))).toBe(whole);
      // Others know it by these.
      for (const file of ['job.json', 'report.json'])
        expect(JSON.parse(readText(join(job, file)) ?? '{}').jobId, file).toBe(basename(job));
    }
    expect(readFileSync(precious, 'utf8')).toBe('not to be touched');
  });

  it('job.lock stays, and the hint says what to do', async () => {
    for (const make of strangers) {
      const job = copyOf(from);
      const lock = join(job, 'job.lock');
      rmSync(lock, { force: true });
      make(lock);
      const ended = await run(directory, 'score', ...ARGS, '--home', 'home', '--json');
      expect([ended.code, errorOf(ended).code]).toEqual([74, 'OUTPUT_UNWRITABLE']);
      expect(errorOf(ended).hint).toBe(`remove ${lock}, then run the same command again`);
      rmSync(lock, { recursive: true });
      if (make === strangers[0]) await score(directory, ...ARGS, '--home', 'home');
    }
    expect(existsSync(precious)).toBe(true);
  });
});

/** Names that no job gives. */
const THEIRS = [
  ...['parts/notes.txt', 'parts/part-9.parquet', 'parts/.tmp/mine', 'parts/.a.1-2.tmp', 'summaries/mine'],
  ...['mine.tmp', '.mine.1-2.tmp', 'mine.taken', 'x.state', 'notes/a'],
];
const OURS = ['parts/.tmp/0.1.1', 'summaries/fit-1.0', '.job.json.12-3.tmp', 'status.json.12.tmp', 'fit-1.state'];

describe.each(['finished', 'dead'])('among the files of a job that is %s', (from) => {
  it.each([[], ['--fresh']])("others' files stay, and are named %s", async (...more) => {
    const job = copyOf(from);
    for (const name of [...THEIRS, ...OURS]) {
      mkdirSync(join(job, dirname(name)), { recursive: true });
      writeFileSync(join(job, name), 'theirs');
    }
    // A whole part of nobody here, under a name that a part might have.
    cpSync(at('data.parquet'), join(job, 'parts/part-9.parquet'));
    const { warnings } = await score(directory, ...ARGS, '--home', 'home', ...more);
    for (const name of THEIRS) expect(existsSync(join(job, name)), name).toBe(true);
    for (const name of OURS) expect(existsSync(join(job, name)), name).toBe(false);
    const named = ['parts/.a.1-2.tmp', 'parts/.tmp', 'parts/notes.txt', 'parts/part-9.parquet', 'summaries/mine'].map(
      (name) => join(job, name),
    );
    expect([...new Set(warnings.filter((text) => text.includes('is not ours')))].sort()).toEqual(
      named.map((path) => `${path} is not ours; it was left alone`),
    );
    expect(sha256(at('o.parquet'))).toBe(whole);
  });
});

it.each<[string, (path: string) => void]>([
  ['a file of other rows', (path) => cpSync(at('data.parquet'), path)],
  ['a note', (path) => writeFileSync(path, 'mine')],
])('%s under the name of a part that is still to come gets another name', async (_, make) => {
  const job = copyOf('young');
  const place = join(job, 'parts', 'part-0000001.parquet');
  make(place);
  const mine = readFileSync(place);
  const { warnings } = await score(directory, ...ARGS, '--home', 'home');
  expect(warnings).toContain(`${place}.not-ours is not ours; it was left alone`);
  expect(readFileSync(`${place}.not-ours`)).toEqual(mine);
  expect(sha256(at('o.parquet'))).toBe(whole);
});

it('an execution that could not begin is the last word of its job', async () => {
  const job = copyOf('dead');
  const told = JSON.parse(readFileSync(join(job, 'status.json'), 'utf8'));
  rmSync(at('o.parquet'), { force: true });
  writeFileSync(at('o.parquet'), 'mine');
  const refused = await run(directory, 'score', ...ARGS, '--home', 'home', '--json');
  expect(refused.code).toBe(78);
  const { stdout } = await run(directory, 'status', '--home', 'home', '--json');
  expect(JSON.parse(stdout)).toMatchObject({
    state: 'failed',
    exitCode: 78,
    error: errorOf(refused),
    progress: told.progress,
  });
  rmSync(at('o.parquet'));
  expect((await run(directory, 'score', ...ARGS, '--home', 'home', '--json')).code).toBe(0);
});
