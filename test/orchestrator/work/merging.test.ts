/** Summaries are merged in chunk order while their chunks run, with a real store and an engine that makes small files. */
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, expect, it } from 'vitest';
import { checkSummary } from '../../../src/bindings/native.ts';
import { noChunks } from '../../../src/events/progress.ts';
import { mergePass } from '../../../src/orchestrator/work/merging.ts';
import { sha256Of } from '../../../src/sink/sink.ts';
import { scratch } from '../../cli/harness.ts';
import { chunkRows } from '../../store/fixture.ts';
import { type CarryOut, withPhaseRun } from './phaseHarness.ts';

const directory = scratch();
const path = join(directory, 'job.duckdb');
const chunks = chunkRows(6);
const fileOf = (chunk: number) => join(directory, `fit.${chunk}`);

/** Writes the summary of a chunk into its file; what a worker says of it. */
function kept(chunk: number): Buffer {
  const bytes = `summary ${chunk}`;
  writeFileSync(fileOf(chunk), bytes);
  const record = { file: fileOf(chunk), bytes: bytes.length, sha256: sha256Of(Buffer.from(bytes)) };
  return Buffer.from(`batch-core-summary-file\n${JSON.stringify(record)}`);
}

beforeEach(() => {
  for (const suffix of ['', '.wal']) rmSync(path + suffix, { force: true });
});

/**
 * Runs the pass, of which `before` was done by an earlier execution and `lost` has gone since; `during` is told of each
 * chunk whose summary is written, before its receipt is given. What every merger was given that was begun, and the chunks
 * that ran.
 */
async function pass(before: readonly number[], during: (chunk: number) => void = () => {}, lost: number[] = []) {
  const [merged, ran]: [string[], number[]] = [[], []];
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
    const add = async (record: Uint8Array) => {
      await checkSummary(record);
      merged[mine] = `${merged[mine]}${/fit\.(\d)/.exec(Buffer.from(record).toString())?.[1]}`;
    };
    return { add };
  };
  await withPhaseRun(path, { chunks, capacity: 1, chunksMax: 1, carryOut }, async (run) => {
    if (before.length > 0) await run.store.plan('fit', chunks);
    for (const chunk of before) {
      await run.store.claim('fit', [chunk]);
      await run.store.complete('fit', chunk, { rowsOut: 1, summary: kept(chunk) });
    }
    for (const chunk of lost) rmSync(fileOf(chunk));
    await mergePass(run, { name: 'fit', phase: 'fit', counts: noChunks(), work: () => ({ kind: 'verify' }) }, begin);
  });
  return { merged, ran };
}

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
  expect(await pass(before, during)).toEqual({ merged, ran });
});

it('those that are damaged beyond the first gap are made again at once, and nothing is merged anew', async () => {
  expect(await pass([1, 2, 3, 4, 5], undefined, [3, 5])).toEqual({ merged: ['012345'], ran: [0, 3, 5] });
});

it('one that is damaged each time it is made ends the pass, naming its file', async () => {
  let tries = 0;
  const lose = (chunk: number) => {
    if (chunk !== 2) return;
    rmSync(fileOf(2));
    tries += 1;
  };
  await expect(pass([], lose)).rejects.toMatchObject({ code: 'JOB_DAMAGED', where: { file: fileOf(2) } });
  expect(tries).toBe(3);
});
