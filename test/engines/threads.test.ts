/** The pool, with threads that die in every way a thread can. */
import { spawn, spawnSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Engine } from '../../src/engines/engine.ts';
import { ENTRY, openThreads } from '../../src/engines/threads.ts';
import type { Ending, Task } from '../../src/worker/protocol.ts';
import { ending } from '../cli/harness.ts';

const entries = join(import.meta.dirname, 'entries');
const open = new Set<Engine>();
afterEach(async () => {
  await Promise.all([...open].map((engine) => engine.close()));
  open.clear();
});

function engine(entry: string, workers = 1): Engine {
  const options = { workers, worker: { library: 'from its options', files: [], directory: '/' } };
  const made = openThreads(options, pathToFileURL(join(entries, entry)));
  open.add(made);
  return made;
}

/** A task of a kind that only the entries here know. */
async function send(to: Engine, kind: string, ms = 0): Promise<Ending & { heard: unknown[] }> {
  const heard: unknown[] = [];
  const hear = (receipt: unknown) => heard.push(receipt);
  const { signal } = new AbortController();
  const ending = await to.run({ kind, ms } as unknown as Task, {
    signal,
    drain: signal,
    onReceipt: hear,
    onProgress: () => {},
  });
  return { ...ending, heard };
}

const whole = { ok: true, heard: [1, 'from its options'] };

describe('a worker that dies', () => {
  it.each<[string, string, RegExp, string?]>([
    ['exit', 'TRANSIENT_IO', /a worker was lost: .*exited with code: 7/, 'exit'],
    ['heap', 'OUT_OF_MEMORY', /ran out of memory: .*memory limit/, 'memory'],
    ['clone', 'BUG', /an answer that cannot be copied/],
    ['wrong', 'BUG', /TypeError: .*undefined/],
  ])('of %s is a reply, and another takes its place', async (kind, code, says, took) => {
    const pool = engine('faulty.mjs', 2);
    const [lost, beside] = await Promise.all([send(pool, kind), send(pool, 'good')]);
    expect(lost).toMatchObject({ ok: false, error: { code, message: expect.stringMatching(says) } });
    expect(lost.ok || lost.lost).toBe(took);
    expect(beside).toEqual(whole);
    expect(await Promise.all([send(pool, 'good'), send(pool, 'good'), send(pool, 'good')])).toEqual([
      whole,
      whole,
      whole,
    ]);
  });

  it.each([
    ['exitsAtStart.mjs', /lost: (worker exited with code: 3|it ended before it was ready)/],
    ['throwsAtStart.mjs', /lost: this worker cannot start/],
  ])('before it is ready (%s) leaves no task waiting and ends no process', async (entry, says) => {
    const pool = engine(entry, 2);
    const reply = { ok: false, error: { code: 'TRANSIENT_IO', message: expect.stringMatching(says) } };
    expect(await Promise.all([send(pool, 'good'), send(pool, 'good'), send(pool, 'good')])).toMatchObject([
      reply,
      reply,
      reply,
    ]);
    expect(await send(pool, 'good')).toMatchObject(reply);
  });
});

describe('closing', () => {
  it('waits for what runs and for what was given before', async () => {
    const pool = engine('faulty.mjs', 1);
    const settled: string[] = [];
    const given = ['wait', 'good', 'exit'].map((kind) =>
      send(pool, kind, 300).then((reply) => settled.push(`${kind} ${reply.ok}`)),
    );
    await pool.close();
    expect(settled.sort()).toEqual(['exit false', 'good true', 'wait true']);
    await Promise.all(given);
  });

  it('twice is closing once, and nothing is run afterwards', async () => {
    const pool = engine('faulty.mjs', 2);
    const first = send(pool, 'wait', 100);
    await Promise.all([pool.close(), pool.close()]);
    expect(await first).toMatchObject({ ok: true });
    expect(await send(pool, 'good')).toMatchObject({ ok: false, error: { code: 'BUG' } });
  });
});

describe('the process', () => {
  const fixture = resolve(import.meta.dirname, '../fixtures/pages/v1-zstd.parquet');
  const child = (rounds: number, how: string) =>
    spawnSync(process.execPath, [join(entries, 'teardown.mjs'), fixture, '400,200', String(rounds), how], {
      encoding: 'utf8',
    });

  it('outlives a hundred teardowns of workers that had scanners', () => {
    expect(child(100, 'close')).toMatchObject({ status: 0, signal: null, stdout: '100 rounds\n', stderr: '' });
  }, 120_000);

  it('outlives teardowns of workers that are at work', () => {
    expect(child(20, 'idle')).toMatchObject({ status: 0, signal: null, stdout: '20 rounds\n', stderr: '' });
  }, 60_000);

  it('outlives workers that are ended while they load their modules, on a busy machine', async () => {
    const args = [join(entries, 'teardown.mjs'), fixture, '400,200', '40', 'loading'];
    const children = await Promise.all(Array.from({ length: 8 }, () => ending(spawn(process.execPath, args))));
    for (const child of children) expect(child).toEqual({ code: 0, signal: null, stdout: '40 rounds\n', stderr: '' });
  }, 120_000);

  it('loads no ES module by require(): Node aborts when a thread is ended in there', () => {
    expect(ENTRY.pathname).toMatch(/\.cjs$/);
  });

  it('may end while workers run', () => {
    for (let i = 0; i < 10; i += 1) expect(child(1, 'exit')).toMatchObject({ status: 0, signal: null, stderr: '' });
  }, 60_000);
});
