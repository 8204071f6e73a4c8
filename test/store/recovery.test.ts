/** Whatever a kill, a full disk or damage left of a job's database: it opens, says so, and loses only what it must. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { openFile } from '../../src/duckdb/client.ts';
import { JobStore, type Recovery } from '../../src/store/job.ts';
import { logExtent } from '../../src/store/log.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { scratch } from '../cli/harness.ts';
import { finish, type Image, JOB_ID, jobImage } from './fixture.ts';

const directory = scratch();
let image: Image;
let homes = 0;

beforeAll(async () => {
  image = await jobImage(join(directory, 'image'));
  // What the tests below rest on.
  expect(image.database.length).toBeGreaterThan(500_000);
  expect(logExtent(image.log).ends.length).toBeGreaterThan(80);
});

/** A job's directory with these files. */
function home({ database, log }: { database?: Buffer; log?: Buffer }): string {
  const path = join(directory, `home${homes++}`);
  mkdirSync(path);
  if (database) writeFileSync(join(path, 'job.duckdb'), database);
  if (log) writeFileSync(join(path, 'job.duckdb.wal'), log);
  return path;
}

interface Opened {
  recovery: Recovery | undefined;
  /** Chunks that are done; nothing when there is no job. */
  done: number[] | undefined;
  /** What lies beside the database and its log. */
  beside: string[];
}

/** Opens the job as a run does, and works on it: it has to be as good as any. */
async function opened(path: string, options: { fresh?: boolean } = {}): Promise<Opened> {
  const store = await JobStore.open(join(path, 'job.duckdb'), { jobId: JOB_ID, ...options });
  const job = await store.read();
  const done = job && (await store.chunks('score')).filter(({ state }) => state === 'done').map((c) => c.chunkId);
  if (job) await store.beginExecution({ pid: 2, bootId: 'b', host: 'h', out: '/o' });
  else await store.create({ jobId: JOB_ID, specJson: '{}', fingerprint: 'f', files: [] });
  if (job) await finish(store, 99, 100, 10);
  const { recovery } = store;
  await store.close();
  const again = await JobStore.open(join(path, 'job.duckdb'), { jobId: JOB_ID });
  expect(again.recovery, 'once repaired, it stays so').toBeUndefined();
  if (job) expect((await again.chunks('score'))[99]?.state).toBe('done');
  await again.close();
  const beside = readdirSync(path).filter((name) => !/^job\.duckdb(\.wal)?$/.test(name));
  return { recovery, done, beside };
}

const first = (count: number) => Array.from({ length: count }, (_, i) => i);

describe('a sound database', () => {
  it('opens with all of it, and nothing is said', async () => {
    expect(await opened(home(image))).toEqual({ recovery: undefined, done: first(80), beside: [] });
  });

  it('whose log was cut by a power loss keeps every whole commit, and nothing is said', async () => {
    const { ends } = logExtent(image.log);
    for (const bytes of [0, 5, 20, 5000, ends[50]!, ends[50]! + 7, image.log.length - 1]) {
      const { recovery, done, beside } = await opened(home({ ...image, log: image.log.subarray(0, bytes) }));
      expect({ recovery, beside }, `${bytes} bytes`).toEqual({ recovery: undefined, beside: [] });
      expect(done).toEqual(first(done?.length ?? 0));
      expect(done!.length).toBeGreaterThanOrEqual(40);
    }
  });
});

describe('a database that was never finished', () => {
  it.each([0, 1, 4096, 8192, 12_287])('of %i bytes is made again, and that is said', async (bytes) => {
    const { recovery, done, beside } = await opened(home({ database: image.database.subarray(0, bytes) }));
    expect(recovery).toEqual({ kind: 'fresh', words: expect.stringContaining('made again'), setAside: [] });
    expect({ done, beside }).toEqual({ done: undefined, beside: [] });
  });
});

describe('a damaged log', () => {
  const middle = () => logExtent(image.log).ends[60]! + 30;
  const flipped = (at: number) => {
    const log = Buffer.from(image.log);
    log[at]! ^= 0x10;
    return log;
  };
  it.each<[string, () => Buffer, number]>([
    ['zeros behind it', () => Buffer.concat([image.log, Buffer.alloc(5000)]), 80],
    ['ones behind it', () => Buffer.concat([image.log, Buffer.alloc(5000, 0xff)]), 80],
    ['its end zeroed', () => Buffer.from(image.log).fill(0, middle()), 41],
    ['its last write half there', () => Buffer.from(image.log).fill(0, image.log.length - 400), 79],
    ['a flipped bit in the middle', () => flipped(middle()), 41],
    ['a flipped bit in its header', () => flipped(5), 40],
    ['a size that points beyond the end', () => flipped(logExtent(image.log).ends[60]! + 4), 41],
  ])('%s: what replays is kept, the rest is set aside', async (_, damage, least) => {
    const log = damage();
    const path = home({ ...image, log });
    const { recovery, done, beside } = await opened(path);
    expect(recovery).toMatchObject({ kind: 'cut', words: expect.stringMatching(/last \d+ of \d+ bytes are lost/) });
    expect(done).toEqual(first(done!.length));
    expect(done!.length).toBeGreaterThanOrEqual(least);
    expect(beside).toEqual(['job.duckdb.damaged-1', 'job.duckdb.wal.damaged-1']);
    expect(recovery?.setAside).toEqual(beside);
    expect(readFileSync(join(path, 'job.duckdb.wal.damaged-1')).equals(log), 'the only copy is kept').toBe(true);
    expect(readFileSync(join(path, 'job.duckdb.damaged-1')).equals(image.database)).toBe(true);
  });

  it('without its database is set aside when anything was committed in it', async () => {
    expect(await opened(home({ log: image.log }))).toMatchObject({
      recovery: { kind: 'fresh', setAside: ['job.duckdb.wal.damaged-1'] },
      done: undefined,
    });
    expect(await opened(home({ log: image.log.subarray(0, 20) }))).toMatchObject({ recovery: undefined, beside: [] });
  });
});

describe('a damaged database', () => {
  it('is set aside wherever a bit is wrong, unless nothing depends on it', async () => {
    let fresh = 0;
    for (let i = 0; i < 30; i++) {
      const database = Buffer.from(image.database);
      const at = i < 6 ? i * 2000 + 3 : Math.imul(i, 2_654_435_761) >>> 0;
      database[at % database.length]! ^= 1 << (i % 8);
      const { recovery, done } = await opened(home({ ...image, database }));
      if (recovery === undefined) expect(done).toEqual(first(80));
      else {
        expect(recovery).toMatchObject({ kind: 'fresh', words: expect.stringContaining('is damaged') });
        expect(recovery.setAside).toContain('job.duckdb.damaged-1');
        expect(done).toBeUndefined();
        fresh += 1;
      }
    }
    expect(fresh).toBeGreaterThan(20);
  });

  it.each([12_288, 100_000])('cut to %i bytes is set aside', async (bytes) => {
    const { recovery } = await opened(home({ ...image, database: image.database.subarray(0, bytes) }));
    expect(recovery).toMatchObject({ kind: 'fresh', setAside: ['job.duckdb.damaged-1', 'job.duckdb.wal.damaged-1'] });
  });

  const wrong: [string, string][] = [
    ['another job', "UPDATE job SET job_id = 'j2'"],
    ['two jobs', 'INSERT INTO job FROM job'],
    ['a state nobody knows', "UPDATE job SET state = 'asleep'"],
    ['a request that is no JSON', "UPDATE job SET spec_json = '{'"],
    ['a chunk twice', 'INSERT INTO chunk FROM chunk WHERE chunk_id = 3'],
    ['a chunk missing', 'DELETE FROM chunk WHERE chunk_id = 3'],
    ['a finished chunk without rows', 'UPDATE chunk SET rows_out = NULL WHERE chunk_id = 3'],
    ['what is merged twice', "INSERT INTO merged SELECT 'score', 1, 'a'::BLOB FROM range(2)"],
    ['what is merged of chunks that are not done', "INSERT INTO merged VALUES ('score', 1000, 'a'::BLOB)"],
    ['an epoch twice', 'UPDATE execution SET epoch = 1'],
    ['a publication that is no JSON', "INSERT INTO publication VALUES ('staged', '', '{', NULL)"],
  ];
  it.each(
    wrong.flatMap(([what, statement]) => (['file', 'log'] as const).map((where) => ({ what, statement, where }))),
  )('that holds $what in its $where is set aside', async ({ statement, where }) => {
    const path = home(image);
    const database = await openFile(join(path, 'job.duckdb'));
    await database.run(statement);
    // As long as it is in the log alone, that is cut before it.
    if (where === 'file') await database.run('CHECKPOINT');
    await database.close();
    expect(await opened(path)).toMatchObject(
      where === 'file'
        ? { recovery: { kind: 'fresh' }, done: undefined }
        : { recovery: { kind: 'cut' }, done: first(80), beside: ['job.duckdb.damaged-1', 'job.duckdb.wal.damaged-1'] },
    );
  });

  it.runIf(process.platform === 'linux')('is none of ours when it is a pipe, a link or a directory', async () => {
    const target = join(directory, 'precious');
    writeFileSync(target, 'not to be touched');
    const makers: ((file: string) => void)[] = [
      (file) => execFileSync('mkfifo', [file]),
      (file) => symlinkSync(target, file),
      (file) => mkdirSync(file),
    ];
    for (const make of makers)
      for (const name of ['job.duckdb', 'job.duckdb.wal']) {
        const path = home(name === 'job.duckdb' ? {} : { database: image.database });
        make(join(path, name));
        expect(await opened(path)).toMatchObject({ recovery: { kind: 'fresh' }, done: undefined });
      }
    expect(readFileSync(target, 'utf8')).toBe('not to be touched');
  });
});

describe('what is set aside', () => {
  it('is one set: a second accident replaces the first', async () => {
    const path = home({ ...image, database: image.database.subarray(0, 100_000) });
    await opened(path);
    const store = await JobStore.open(join(path, 'job.duckdb'));
    await store.close();
    writeFileSync(join(path, 'job.duckdb'), Buffer.alloc(20_000));
    const { recovery, beside } = await opened(path);
    expect(recovery?.setAside).toEqual(['job.duckdb.damaged-2', 'job.duckdb.wal.damaged-2']);
    expect(beside).toEqual(recovery?.setAside);
  });

  it('is gone once the job says that it needs it no more', async () => {
    const path = home({ ...image, database: image.database.subarray(0, 100_000) });
    expect((await opened(path)).beside).toHaveLength(2);
    JobStore.discardSetAside(join(path, 'job.duckdb'));
    expect(readdirSync(path)).toEqual(['job.duckdb', 'job.duckdb.wal']);
  });

  it('is joined by what a kill in between left behind', async () => {
    // The log was moved, the database was not yet.
    const path = home({ database: image.database.subarray(0, 100_000) });
    writeFileSync(join(path, 'job.duckdb.wal.damaged-4'), image.log);
    expect((await opened(path)).beside).toEqual(['job.duckdb.damaged-4', 'job.duckdb.wal.damaged-4']);
  });

  it('leaves no copy of a repair behind, not even one that was killed', async () => {
    const path = home(image);
    writeFileSync(join(path, 'job.duckdb.trial'), 'half a copy');
    writeFileSync(join(path, 'job.duckdb.trial.wal'), 'half a log');
    expect((await opened(path)).beside).toEqual([]);
  });
});

describe('a database of a newer version', () => {
  const newer = async () => {
    const path = home(image);
    const database = await openFile(join(path, 'job.duckdb'));
    for (let number = MIGRATIONS.length + 1; number < 90; number++)
      await database.run("INSERT INTO migration VALUES ($1, '9.0.0', epoch_ms(0))", [number]);
    await database.close();
    return path;
  };

  it('is refused, and stays as it was', async () => {
    const path = await newer();
    const bytes = () => ['job.duckdb', 'job.duckdb.wal'].map((name) => readFileSync(join(path, name)).toString('hex'));
    const before = bytes();
    await expect(JobStore.open(join(path, 'job.duckdb'))).rejects.toMatchObject({ code: 'JOB_MISMATCH' });
    expect(bytes()).toEqual(before);
    expect(readdirSync(path)).toEqual(['job.duckdb', 'job.duckdb.wal']);
  });

  it('gives way to a fresh start', async () => {
    const path = await newer();
    expect(await opened(path, { fresh: true })).toMatchObject({
      recovery: { kind: 'fresh', setAside: ['job.duckdb.damaged-1', 'job.duckdb.wal.damaged-1'] },
      done: undefined,
    });
  });
});

describe('a fresh start', () => {
  it('does not try to keep what is damaged', async () => {
    const log = Buffer.concat([image.log, Buffer.alloc(5000)]);
    expect(await opened(home({ ...image, log }), { fresh: true })).toMatchObject({
      recovery: { kind: 'fresh' },
      done: undefined,
    });
  });

  it('keeps what is sound: the log of events goes on', async () => {
    expect(await opened(home(image), { fresh: true })).toMatchObject({ recovery: undefined, done: first(80) });
  });
});

it('a database that this process has open is refused untouched', async () => {
  const path = home({});
  const store = await JobStore.open(join(path, 'job.duckdb'));
  await expect(JobStore.open(join(path, 'job.duckdb'), { fresh: true })).rejects.toMatchObject({ code: 'JOB_BUSY' });
  expect(existsSync(join(path, 'job.duckdb'))).toBe(true);
  await store.create({ jobId: JOB_ID, specJson: '{}', fingerprint: 'f', files: [] });
  await store.close();
});
