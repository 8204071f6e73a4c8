/** Summaries are merged in chunk order while their chunks run, with a real store and an engine that makes small files. */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { checkSummary } from '../../../src/bindings/native.ts';
import { BatchCoreError } from '../../../src/errors.ts';
import { noChunks } from '../../../src/events/progress.ts';
import { type MergedPass, mergePass } from '../../../src/orchestrator/work/merging.ts';
import { sha256Of } from '../../../src/sink/sink.ts';
import { scratch } from '../../cli/harness.ts';
import { chunkRows } from '../../store/fixture.ts';
import { type CarryOut, withPhaseRun } from './phaseHarness.ts';

const directory = scratch();
const path = join(directory, 'job.duckdb');
const summaries = join(directory, 'summaries');
const chunks = chunkRows(6);
const fileOf = (chunk: number) => join(summaries, `fit.${chunk}`);

/** Writes a summary into its file; what a worker says of it. */
function keep(file: string, text: string): Buffer {
  writeFileSync(file, text);
  const record = { file, bytes: text.length, sha256: sha256Of(Buffer.from(text)) };
  return Buffer.from(`batch-core-summary-file\n${JSON.stringify(record)}`);
}

/** That of a chunk says its number. */
const kept = (chunk: number) => keep(fileOf(chunk), `${chunk}`);

/** What `record` names. */
async function textOf(record: Uint8Array): Promise<string> {
  await checkSummary(record);
  return readFileSync(JSON.parse(Buffer.from(record).toString().split('\n')[1] ?? '').file, 'utf8');
}

beforeEach(() => {
  for (const suffix of ['', '.wal']) rmSync(path + suffix, { force: true });
  rmSync(summaries, { recursive: true, force: true });
  mkdirSync(summaries);
});

/** Joins the texts of summaries, and tells each time it has more. */
class Joiner {
  #text = '';
  readonly saved: string[] = [];
  readonly #told: (text: string) => void;
  constructor(told: (text: string) => void) {
    this.#told = told;
  }
  async add(record: Uint8Array): Promise<number> {
    const text = await textOf(record);
    this.#text += text;
    this.#told(this.#text);
    return text.length;
  }
  async save(file: string): Promise<{ kept: Uint8Array; bytes: number }> {
    this.saved.push(basename(file));
    return { kept: keep(file, this.#text), bytes: this.#text.length };
  }
  async restore(record: Uint8Array): Promise<number> {
    this.#text = await textOf(record);
    return this.#text.length;
  }
}

interface Asked {
  /** Done by an earlier execution. */
  before?: readonly number[];
  /** Told of each chunk whose summary is written, before its receipt is given. */
  during?: (chunk: number) => void;
  /** What was done before and has gone since. */
  lost?: readonly number[];
  savedBytesMin?: number;
}

/** Runs the pass. What every merger had in the end that was begun, the chunks that ran, and the files that were saved and that are left. */
async function pass({ before = [], during = () => {}, lost = [], savedBytesMin = 1000 }: Asked) {
  const [merged, ran]: [string[], number[]] = [[], []];
  let saved: string[] = [];
  const carryOut: CarryOut = async ({ ranges: [range] }, { onReceipt }) => {
    const { chunk } = range!;
    ran.push(chunk);
    const bytes = kept(chunk).toString('base64');
    during(chunk);
    onReceipt({ chunk, result: { kind: 'summary', bytes } });
    return { ok: true };
  };
  const begin = () => {
    const mine = merged.push('') - 1;
    return new Joiner((text) => {
      merged[mine] = text;
    });
  };
  const asked: Omit<MergedPass, 'paths'> = {
    name: 'fit',
    phase: 'fit',
    counts: noChunks(),
    work: () => ({ kind: 'verify' }),
  };
  await withPhaseRun(path, { chunks, capacity: 1, chunksMax: 1, carryOut }, async (run) => {
    if (before.length > 0) await run.store.plan('fit', chunks);
    for (const chunk of before) {
      await run.store.claim('fit', [chunk]);
      await run.store.complete('fit', chunk, { rowsOut: 1, summary: kept(chunk) });
    }
    for (const chunk of lost) rmSync(fileOf(chunk));
    saved = (await mergePass(run, { ...asked, paths: { summaries }, savedBytesMin }, begin)).saved;
  });
  return { merged, ran, saved, files: readdirSync(summaries).sort() };
}

const FILES = chunks.map(({ chunkId }) => `fit.${chunkId}`);

it.each<[string, number[], (chunk: number) => void, string[], number[]]>([
  ['all are new', [], () => {}, ['012345'], [0, 1, 2, 3, 4, 5]],
  ['some were done', [0, 1, 3, 5], () => {}, ['012345'], [2, 4]],
  ['all were done', [0, 1, 2, 3, 4, 5], () => {}, ['012345'], []],
  [
    'one is damaged before its turn comes',
    [1, 2, 3, 4, 5],
    (chunk) => chunk === 0 && rmSync(fileOf(3)),
    ['012', '012345'],
    [0, 3],
  ],
])('%s: every summary is in once, in chunk order', async (_, before, during, merged, ran) => {
  expect(await pass({ before, during })).toEqual({ merged, ran, files: FILES, saved: [] });
});

it('those that are damaged beyond the first gap are made again at once, and nothing is merged anew', async () => {
  const { merged, ran } = await pass({ before: [1, 2, 3, 4, 5], lost: [3, 5] });
  expect({ merged, ran }).toEqual({ merged: ['012345'], ran: [0, 3, 5] });
});

it('one that is damaged each time it is made ends the pass, naming its file', async () => {
  let tries = 0;
  const lose = (chunk: number) => {
    if (chunk !== 2) return;
    rmSync(fileOf(2));
    tries += 1;
  };
  await expect(pass({ during: lose })).rejects.toMatchObject({ code: 'JOB_DAMAGED', where: { file: fileOf(2) } });
  expect(tries).toBe(3);
});

describe('what is merged takes the place of its summaries', () => {
  const dies = (at: number) => (chunk: number) => {
    if (chunk === at) throw new BatchCoreError('DISK_FULL', 'no room is left');
  };

  it('once they take more of the disk, and at the end of the pass', async () => {
    // After two, and after two more, for then it takes two itself.
    expect(await pass({ savedBytesMin: 2 })).toEqual({
      ...{ merged: ['012345'], ran: [0, 1, 2, 3, 4, 5], files: ['fit.0-5'] },
      saved: ['fit.0-1', 'fit.0-3', 'fit.0-5'],
    });
  });

  it('and is where an execution goes on after one that died', async () => {
    await expect(pass({ during: dies(3), savedBytesMin: 2 })).rejects.toMatchObject({ code: 'DISK_FULL' });
    expect(readdirSync(summaries).sort()).toEqual(['fit.0-1', 'fit.2', 'fit.3']);
    // A kill came before this was removed.
    kept(1);
    const { merged, ran, files } = await pass({ savedBytesMin: 2 });
    expect({ merged, ran, files }).toEqual({ merged: ['012345'], ran: [3, 4, 5], files: ['fit.0-5'] });
    expect((await pass({ savedBytesMin: 2 })).ran).toEqual([]);
  });

  it.each<[string, (file: string) => void]>([
    ['has gone', (file) => rmSync(file)],
    ['is not what was written', (file) => writeFileSync(file, '10')],
  ])('where it %s, all that was in it is made again', async (_, damage) => {
    await expect(pass({ during: dies(3), savedBytesMin: 2 })).rejects.toMatchObject({ code: 'DISK_FULL' });
    damage(join(summaries, 'fit.0-1'));
    const { merged, ran, files } = await pass({ savedBytesMin: 2 });
    expect({ merged, ran, files }).toEqual({ merged: ['012345'], ran: [0, 1, 3, 4, 5], files: ['fit.0-5'] });
  });
});
