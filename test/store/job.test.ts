import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openFile } from '../../src/duckdb/client.ts';
import { readFacts } from '../../src/source/facts.ts';
import { type ChunkRow, JobStore } from '../../src/store/job.ts';
import type { JobEvent } from '../../src/store/states.ts';
import { parquet, scratch } from '../cli/harness.ts';

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

const directory = scratch();
let stores = 0;
const newPath = () => join(directory, `${stores++}.duckdb`);
const identity = { pid: 17, bootId: 'boot', host: 'host', out: '/out.parquet' };
const spec = { jobId: 'j1', specJson: '{"a":1}', fingerprint: 'sha256:f', files: [] };
const error = { code: 'DATA', message: 'page 3 of "x" is damaged', where: { rowGroup: 3 } } as const;

function chunks(count: number): ChunkRow[] {
  return Array.from({ length: count }, (_, i) => ({
    chunkId: i,
    fileId: 0,
    rowGroupFirst: 2 * i,
    rowGroupLast: 2 * i + 1,
    rowFirst: 1000 * i,
    rows: 1000,
    bytes: 2 ** 40 + i,
  }));
}

/** A store with a job that runs and a planned phase. */
async function running(count = 3, path = newPath()): Promise<JobStore> {
  const store = await JobStore.open(path);
  await store.beginExecution(identity, { created: spec });
  await store.plan('score', chunks(count));
  return store;
}

const bug = { code: 'BUG', exitCode: 70 };
const states = async (store: JobStore) => (await store.chunks('score')).map((chunk) => chunk.state);

describe('a job', () => {
  it('is stored with its files and read again by the next process', async () => {
    const path = newPath();
    const source = await parquet(join(directory, 'in.parquet'), 'SELECT i FROM range(5000) r(i)');
    const { files } = await readFacts([source]);
    const store = await JobStore.open(path);
    expect(await store.read()).toBeUndefined();
    await store.create({ ...spec, files });
    await store.close();

    const again = await JobStore.open(path);
    expect(await again.read()).toEqual({
      jobId: 'j1',
      specJson: '{"a":1}',
      fingerprint: 'sha256:f',
      state: 'created',
      createdAt: expect.stringMatching(/^20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      files: [{ ...files[0], rowGroups: 3 }],
    });
    expect(Math.abs(Date.now() - Date.parse((await again.read())!.createdAt))).toBeLessThan(60_000);
    await again.close();
  });

  it('is one a database', async () => {
    const store = await JobStore.open(newPath());
    await store.create(spec);
    await expect(store.create({ ...spec, jobId: 'j2' })).rejects.toMatchObject(bug);
    expect((await store.read())?.jobId).toBe('j1');
    await store.close();
  });

  it('of 700 files keeps them in order', async () => {
    const files = Array.from({ length: 700 }, (_, i) => ({
      ...{
        kind: 'file' as const,
        path: `/in/${i}'"é.parquet`,
        size: 2 ** 45 + i,
        mtimeNs: '1795470387727267655',
        inode: '18446744073709551615',
        device: '2049',
        ctimeNs: '1700000000000000001',
      },
      ...{ footerBytes: i, footerSha256: `${i}`, rows: i, rowGroups: Array(i % 4) },
    }));
    const store = await JobStore.open(newPath());
    await store.create({ ...spec, files });
    expect((await store.read())?.files).toEqual(files.map((file, i) => ({ ...file, rowGroups: i % 4 })));
    await store.close();
  });

  it('of objects of a store keeps by what they are known, and of nothing else', async () => {
    const path = newPath();
    const footer = { footerBytes: 1, footerSha256: 'ab', rows: 5, rowGroups: Array(2) };
    const files = [null, '3HL4'].map((version, i) => ({
      ...{ kind: 'object' as const, path: `s3://bucket/${i}.parquet`, size: 2 ** 45, etag: `"e-${i}"`, version },
      ...footer,
    }));
    const store = await JobStore.open(path);
    await store.create({ ...spec, files });
    expect((await store.read())?.files).toEqual(files.map((file) => ({ ...file, rowGroups: 2 })));
    await store.close();

    const database = await openFile(path);
    for (const wrong of ["kind = 'other'", "kind = 'file'", 'etag = NULL'])
      await expect(database.run(`UPDATE input_file SET ${wrong}`), wrong).rejects.toThrow(/CHECK constraint/);
    await database.close();
  });

  it('changes state only as the table of states says', async () => {
    const store = await JobStore.open(newPath());
    await store.create(spec);
    const walk: JobEvent[] = ['start', 'pause', 'continue', 'stop', 'halt', 'start', 'fail', 'start', 'complete'];
    for (const event of walk) await store.setState(event);
    expect((await store.read())?.state).toBe('completed');
    await expect(store.setState('start')).rejects.toMatchObject({ ...bug, message: 'a completed job cannot start' });
    // Each sees what the one before it did, though they were asked for at once.
    expect(
      await Promise.all(['restart', 'start', 'stop', 'halt'].map((event) => store.setState(event as JobEvent))),
    ).toEqual(['created', 'running', 'stopping', 'stopped']);
    await store.close();
  });
});

describe('an execution', () => {
  it('begins in one commit with its job, which runs from then on', async () => {
    const store = await JobStore.open(newPath());
    expect(await store.beginExecution(identity, { created: spec })).toEqual({ executionId: 1, epoch: 1 });
    expect(store.commits).toBe(1);
    expect(await store.read()).toMatchObject({ jobId: spec.jobId, state: 'running' });
    await expect(store.beginExecution(identity, { created: spec }), 'a database holds one job').rejects.toMatchObject(
      bug,
    );
    expect(await store.executions()).toHaveLength(1);
    await store.close();
  });

  it('that never ended is found dead by the next one, and its chunks wait again with their attempts', async () => {
    const path = newPath();
    const store = await running(4, path);
    for (const id of [0, 1, 2]) await store.claim('score', [id]);
    await store.complete('score', 0, { rowsOut: 1000 });
    await store.fail('score', 2, { state: 'retry_wait', error });
    await store.close();

    const next = await JobStore.open(path);
    expect(await next.beginExecution({ ...identity, pid: 18 })).toEqual({ executionId: 2, epoch: 2 });
    expect((await next.chunks('score')).map(({ state, attempt }) => [state, attempt])).toEqual([
      ['done', 1],
      ['pending', 1],
      ['pending', 1],
      ['pending', 0],
    ]);
    expect(await next.claim('score', [1])).toEqual([2]);
    await next.setState('stop');
    await next.endExecution(2, 'halt', { status: 'stopped', exitCode: 130, reason: 'SIGINT' });
    expect((await next.read())?.state).toBe('stopped');
    expect(await next.executions()).toMatchObject([
      { executionId: 1, epoch: 1, pid: 17, status: 'died', exitCode: null, endedAt: expect.any(String) },
      { executionId: 2, epoch: 2, pid: 18, status: 'stopped', exitCode: 130, reason: 'SIGINT', out: '/out.parquet' },
    ]);
    await next.setState('start');
    await expect(next.endExecution(2, 'fail', { status: 'failed', exitCode: 1, reason: null })).rejects.toMatchObject(
      bug,
    );
    expect((await next.read())?.state, 'one commit').toBe('running');
    await next.close();
  });
});

describe('a chunk that kills its process', () => {
  /** Each execution claims `claimed`, finishes `finished` of them and ends without a word. */
  async function die(path: string, claimed: number[], finished: number[] = [], bootId = 'boot'): Promise<void> {
    const store = await JobStore.open(path);
    await store.beginExecution({ ...identity, bootId });
    for (const id of claimed) await store.claim('score', [id]);
    for (const id of finished) await store.complete('score', id, { rowsOut: 1 });
    await store.close();
  }
  const deaths = async (store: JobStore) => (await store.chunks('score')).map((chunk) => chunk.deaths);
  const poisoned = async (store: JobStore) => (await store.poisoned('score')).map(({ chunkId }) => chunkId);

  it('is poisoned when three executions died with it; its neighbours, which got done, are not', async () => {
    const path = newPath();
    const store = await running(5, path);
    await store.claim('score', [0]);
    await store.claim('score', [3]);
    await store.close();
    await die(path, [0, 3], [0]);
    await die(path, [1, 3]);
    const after = await JobStore.open(path);
    expect(await poisoned(after), 'two deaths so far').toEqual([]);
    await after.beginExecution(identity);
    expect(await deaths(after)).toEqual([0, 1, 0, 3, 0]);
    expect(await poisoned(after)).toEqual([3]);
    expect(await after.poisoned('rank')).toEqual([]);
    await after.close();
  });

  it('gets one more attempt when a person asks, and none of its own accord', async () => {
    const path = newPath();
    await (await running(3, path)).close();
    for (let i = 0; i < 5; i++) await die(path, [2]);
    const store = await JobStore.open(path);
    await store.beginExecution(identity);
    expect(await deaths(store)).toEqual([0, 0, 5]);
    expect(await store.allowOneMore()).toBe(1);
    expect(await poisoned(store)).toEqual([]);
    await store.close();
    await die(path, [2]);
    const again = await JobStore.open(path);
    await again.beginExecution(identity);
    expect(await poisoned(again)).toEqual([2]);
    await again.allowOneMore();
    await again.claim('score', [2]);
    await again.complete('score', 2, { rowsOut: 1 });
    expect(await deaths(again), 'done is done').toEqual([0, 0, 0]);
    await again.close();
  });

  it('is not blamed for a stop, for a machine that was started anew, or after a fresh start', async () => {
    const path = newPath();
    const store = await running(2, path);
    await store.claim('score', [0]);
    await store.setState('stop');
    await store.endExecution(1, 'halt', { status: 'stopped', exitCode: 130, reason: 'SIGINT' });
    await store.close();
    await die(path, [0]);
    const next = await JobStore.open(path);
    await next.beginExecution({ ...identity, bootId: 'another boot' });
    expect(await deaths(next)).toEqual([0, 0]);
    await next.close();
    for (let i = 0; i < 4; i++) await die(path, [1]);
    const last = await JobStore.open(path);
    await last.beginExecution(identity);
    expect(await poisoned(last)).toEqual([1]);
    await last.beginExecution(identity, { restarted: { specJson: '{}', files: [] } });
    await last.plan('score', chunks(2));
    expect(await poisoned(last)).toEqual([]);
    await last.close();
  });
});

describe('a plan', () => {
  it('is made once: a second one changes nothing', async () => {
    const store = await running(3);
    await store.claim('score', [1]);
    await store.plan('score', chunks(3));
    expect(await states(store)).toEqual(['pending', 'running', 'pending']);
    await expect(store.plan('score', chunks(4))).rejects.toMatchObject(bug);
    await store.plan('fit-1', chunks(2));
    expect(await store.chunks('fit-1')).toHaveLength(2);
    expect(await store.chunks('fit-2')).toEqual([]);
    await store.close();
  });

  it('of 1,234 chunks comes back as it was', async () => {
    const store = await running(1234);
    const stored = await store.chunks('score');
    expect(stored.map(({ state, attempt, deaths, staged, rowsOut, error, ...chunk }) => chunk)).toEqual(chunks(1234));
    await store.close();
  });
});

describe('a chunk', () => {
  it('pending -> running -> done -> pending', async () => {
    const store = await running();
    expect(await store.claim('score', [1])).toEqual([1]);
    const staged = { name: 'part-0000001.parquet', size: 2 ** 40, sha256: 'ab' };
    await store.complete('score', 1, { rowsOut: 1000, staged, summary: Uint8Array.of(1, 2, 3) });
    expect((await store.chunks('score'))[1]).toMatchObject({
      ...{ state: 'done', attempt: 1, rowsOut: 1000, staged, error: null },
    });
    await store.reset('score', [1]);
    expect((await store.chunks('score'))[1]).toMatchObject({
      state: 'pending',
      attempt: 1,
      rowsOut: null,
      staged: null,
    });
    await expect(collect(store.summaries('score'))).rejects.toMatchObject(bug);
    expect(await store.claim('score', [1])).toEqual([2]);
    await store.close();
  });

  it('running -> retry_wait -> running -> quarantined', async () => {
    const store = await running();
    await store.claim('score', [0]);
    await store.fail('score', 0, { state: 'retry_wait', error });
    expect(await store.claim('score', [0])).toEqual([2]);
    await store.fail('score', 0, { state: 'quarantined', error });
    expect((await store.chunks('score'))[0]).toMatchObject({ state: 'quarantined', error });
    await expect(store.claim('score', [0])).rejects.toMatchObject(bug);
    await store.reset('score', [0]);
    expect((await store.chunks('score'))[0]).toMatchObject({ state: 'pending', error: null });
    await store.close();
  });

  it('is claimed with others in one statement, or none of them is', async () => {
    const store = await running(4);
    await store.claim('score', [1]);
    await store.release('score', [1]);
    expect(await store.claim('score', [2, 1])).toEqual([1, 2]);
    await expect(store.claim('score', [0, 1])).rejects.toMatchObject(bug);
    expect(await states(store)).toEqual(['pending', 'running', 'running', 'pending']);
    await store.close();
  });

  it('cannot be claimed twice, done without a claim, or be nowhere', async () => {
    const store = await running();
    await store.claim('score', [0]);
    await expect(store.claim('score', [0])).rejects.toMatchObject(bug);
    await expect(store.complete('score', 1, { rowsOut: 1 })).rejects.toMatchObject(bug);
    await expect(store.fail('score', 1, { state: 'pending', error })).rejects.toMatchObject(bug);
    await expect(store.claim('score', [99])).rejects.toMatchObject(bug);
    await expect(store.claim('rank', [0])).rejects.toMatchObject(bug);
    await expect(store.reset('score', [1, 99])).rejects.toMatchObject(bug);
    expect(await states(store)).toEqual(['running', 'pending', 'pending']);
    await store.close();
  });

  it('leaves a summary of any bytes, in plan order whoever was first', async () => {
    const store = await running(20);
    const summary = (i: number) => Uint8Array.from({ length: i === 7 ? 3_000_000 : i }, (_, at) => (at * i) % 256);
    const order = Array.from({ length: 20 }, (_, i) => (i * 7) % 20);
    for (const i of order) {
      await store.claim('score', [i]);
      await store.complete('score', i, { rowsOut: 1000, summary: summary(i) });
    }
    const summaries = await collect(store.summaries('score'));
    expect(summaries.map((bytes, chunk) => Buffer.compare(bytes, summary(chunk)))).toEqual(Array(20).fill(0));
    await store.close();
  });

  it('leaves it until those of the first chunks are merged into one, which goes when one of them does', async () => {
    const store = await running(4);
    for (const chunk of [0, 1, 2]) {
      await store.claim('score', [chunk]);
      await store.complete('score', chunk, { rowsOut: 1, summary: Uint8Array.of(chunk) });
    }
    expect(await store.merged('score')).toBeUndefined();
    for (const chunks of [1, 2]) await store.setMerged('score', { chunks, summary: Uint8Array.of(7, chunks) });
    expect(await store.merged('score')).toEqual({ chunks: 2, summary: Buffer.from([7, 2]) });
    await expect(store.summary('score', 1)).rejects.toMatchObject({ code: 'BUG' });
    expect(await store.summary('score', 2)).toEqual(Buffer.from([2]));
    await store.reset('score', [2]);
    expect((await store.merged('score'))?.chunks).toBe(2);
    await store.reset('score', [0, 1]);
    expect([await store.merged('score'), await states(store)]).toEqual([undefined, Array(4).fill('pending')]);
    await store.close();
  });
});

describe('many chunks', () => {
  it('a claim and a receipt among 100,000 cost little more than among 1,000', async () => {
    const milliseconds = async (count: number) => {
      const store = await running(count);
      let best = Number.POSITIVE_INFINITY;
      for (let round = 0; round < 4; round++) {
        const before = performance.now();
        const ids = Array.from({ length: 100 }, (_, i) => round * 100 + i);
        await Promise.all(ids.map((id) => store.claim('score', [id])));
        await Promise.all(ids.map((id) => store.complete('score', id, { rowsOut: 1, summary: Uint8Array.of(1) })));
        best = Math.min(best, performance.now() - before);
      }
      await store.close();
      return best;
    };
    const [few, many] = [await milliseconds(1000), await milliseconds(100_000)];
    // Measured: 1.5 times. Were chunks gone through one by one, it would be 100 times.
    expect(many / few).toBeLessThan(6);
  });

  it('leave summaries that come a page at a time, in order', async () => {
    const [path, count] = [newPath(), 20_000];
    await (await running(count, path)).close();
    const database = await openFile(path);
    // 1,200 bytes each, which begin with the chunk's number.
    const summary = "encode(lpad(chunk_id::VARCHAR, 6, '0') || repeat('.', 1194))";
    await database.run(`UPDATE chunk SET state = 'done', rows_out = 1, summary = ${summary}`);
    await database.close();

    const store = await JobStore.open(path);
    const before = performance.now();
    let next = 0;
    for await (const bytes of store.summaries('score')) {
      const wanted = String(next).padStart(6, '0');
      if (bytes.length !== 1200 || Buffer.from(bytes.subarray(0, 6)).toString() !== wanted) expect(bytes).toBe(wanted);
      // Others may use the store meanwhile: a stream that kept the connection would wait for itself here.
      if (next % 5000 === 0) await store.event('page', { next });
      next += 1;
    }
    expect(next).toBe(count);
    // One query each took 5 ms a chunk, and more the more there were.
    expect(performance.now() - before).toBeLessThan(10_000);
    await store.close();
  });
});

describe('writes that meet', () => {
  it('share one commit', async () => {
    const store = await running(100);
    const before = store.commits;
    const attempts = await Promise.all(chunks(100).map(({ chunkId }) => store.claim('score', [chunkId])));
    expect(new Set(attempts.flat())).toEqual(new Set([1]));
    expect(store.commits - before).toBe(1);
    // What arrives while a commit is under way waits for the next one, together.
    const first = store.event('first', {});
    await Promise.resolve();
    await Promise.resolve();
    await Promise.all([first, ...chunks(100).map(({ chunkId }) => store.complete('score', chunkId, { rowsOut: 1 }))]);
    expect(store.commits - before).toBeLessThanOrEqual(3);
    expect(await states(store)).toEqual(Array(100).fill('done'));
    await store.close();
  });

  it('claim and complete of one chunk, both in one commit', async () => {
    const store = await running(3);
    const before = store.commits;
    await Promise.all([
      store.claim('score', [2]),
      store.complete('score', 2, { rowsOut: 5, summary: Uint8Array.of(9) }),
    ]);
    expect(store.commits - before).toBe(1);
    expect(await states(store)).toEqual(['pending', 'pending', 'done']);
    await store.close();
  });

  it('a wrong one is rolled back alone; its neighbours are written', async () => {
    const path = newPath();
    const store = await running(6, path);
    const settled = await Promise.allSettled([
      store.claim('score', [0]),
      store.complete('score', 5, { rowsOut: 1 }),
      store.claim('score', [1]),
      store.reset('score', [3, 99]),
      store.setState('halt'),
      store.event('kept', { n: 1 }),
    ]);
    expect(settled.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    await store.close();
    const again = await JobStore.open(path);
    expect(await states(again)).toEqual(['running', 'running', 'pending', 'pending', 'pending', 'pending']);
    expect(await again.events()).toMatchObject([{ kind: 'kept', detail: { n: 1 }, epoch: 1 }]);
    await again.close();
  });

  it('are all settled when close returns', async () => {
    const path = newPath();
    const store = await running(50, path);
    const claims = chunks(50).map(({ chunkId }) => store.claim('score', [chunkId]));
    await store.close();
    await Promise.all(claims);
    const again = await JobStore.open(path);
    expect(await states(again)).toEqual(Array(50).fill('running'));
    await again.close();
  });
});

describe('the log', () => {
  it('keeps order, and starting over keeps the log', async () => {
    const store = await running(10);
    for (let i = 0; i < 30; i++) void store.event('tick', { i, text: "it's" });
    await store.claim('score', [0]);
    await store.beginExecution(identity, { restarted: { specJson: '{"b":2}', files: [] } });
    expect(await store.read()).toMatchObject({ state: 'running', specJson: '{"b":2}', files: [] });
    expect(await store.chunks('score')).toEqual([]);
    await store.plan('score', chunks(2));
    expect(await states(store)).toEqual(['pending', 'pending']);
    const events = await store.events();
    expect(events.map(({ detail }) => (detail as { i: number }).i)).toEqual(Array.from({ length: 30 }, (_, i) => i));
    expect(await store.executions()).toHaveLength(2);
    await store.close();
  });

  it('starting over twice with the same files', async () => {
    const { files } = await readFacts([await parquet(join(directory, 'again.parquet'), 'SELECT 1 AS a')]);
    const store = await JobStore.open(newPath());
    await store.create({ ...spec, files });
    for (const specJson of ['1', '2']) await store.beginExecution(identity, { restarted: { specJson, files } });
    expect((await store.read())?.files).toHaveLength(1);
    await store.close();
  });
});

it('a second store of one job in a process is refused', async () => {
  const path = newPath();
  const store = await running(2, path);
  await expect(JobStore.open(path)).rejects.toMatchObject({ code: 'JOB_BUSY', exitCode: 75 });
  await store.claim('score', [0]);
  await store.close();
  const again = await JobStore.open(path);
  expect(await states(again)).toEqual(['running', 'pending']);
  await again.close();
});

it('no statement deletes or changes an event', () => {
  const source = readFileSync(new URL('../../src/store/job.ts', import.meta.url), 'utf8');
  expect(source).not.toMatch(/(DELETE FROM|UPDATE) event/);
});

it('nothing but our own tables is taken for a job', async () => {
  const path = newPath();
  const other = await openFile(path);
  await other.run('CREATE TABLE customers(id BIGINT)');
  await other.close();
  await expect(JobStore.open(path)).rejects.toMatchObject({ code: 'JOB_MISMATCH' });
});
