/** What is made of finished chunks is begun anew while one of them turns out damaged, three times, with a real store. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { BatchCoreError } from '../../../src/errors.ts';
import { untilWhole } from '../../../src/orchestrator/work/untilWhole.ts';
import { scratch } from '../../cli/harness.ts';
import { chunkRows } from '../../store/fixture.ts';
import { withPhaseRun } from './phaseHarness.ts';

const directory = scratch();
const chunks = chunkRows(3);
const carryOut = async () => ({ ok: true }) as const;

/** Tries that find `damaged` one after the other and then nothing; what came of it, and all that happened meanwhile. */
async function tried(damaged: readonly (number | undefined)[]) {
  const told: string[] = [];
  const path = join(directory, `${Math.random()}.duckdb`);
  return withPhaseRun(path, { chunks, capacity: 1, chunksMax: 1, carryOut }, async ({ store }) => {
    await store.plan('score', chunks);
    const finish = async () => {
      for (const { chunkId, state } of await store.chunks('score')) {
        if (state === 'done') continue;
        await store.claim('score', [chunkId]);
        await store.complete('score', chunkId, { rowsOut: 10 });
        told.push(`${chunkId} done`);
      }
    };
    let tries = 0;
    const begin = () => {
      const mine = tries++;
      return {
        async make() {
          await finish();
          if (mine < damaged.length) throw new BatchCoreError('DATA', `part of try ${mine}`);
          return `try ${mine}`;
        },
        async giveUp({ message }: BatchCoreError) {
          told.push(`gives up for ${message}`);
          return damaged[mine];
        },
      };
    };
    const emit = (event: string, { phase, chunk, error }: { phase: string; chunk: number; error: { code: string } }) =>
      void told.push(`${event}: ${phase} ${chunk} ${error.code}`);
    const result = await untilWhole({ store, emit }, { name: 'score', phase: 'publish' }, begin).catch(
      (thrown: unknown) => thrown,
    );
    const states = (await store.chunks('score')).map(({ state }) => state);
    return { result, tries, told: told.slice(3), states };
  });
}

const DONE = ['done', 'done', 'done'];

it('nothing is done twice where all is whole', async () => {
  expect(await tried([])).toEqual({ result: 'try 0', tries: 1, told: [], states: DONE });
});

it('what is damaged is told, done again alone, and the whole is begun anew', async () => {
  expect(await tried([1, 2])).toEqual({
    result: 'try 2',
    tries: 3,
    told: [
      ...['gives up for part of try 0', 'retry: publish 1 DATA', '1 done'],
      ...['gives up for part of try 1', 'retry: publish 2 DATA', '2 done'],
    ],
    states: DONE,
  });
});

it('the third time it ends with what was wrong, and the chunk stays as it is', async () => {
  const { result, tries, told, states } = await tried([1, 1, 1, 1]);
  expect(result).toMatchObject({ code: 'DATA', message: 'part of try 2' });
  expect([tries, told.filter((words) => words.startsWith('retry')).length, states]).toEqual([3, 2, DONE]);
});

it('an error that is about no chunk ends it at once', async () => {
  const { result, tries, told } = await tried([undefined]);
  expect(result).toMatchObject({ message: 'part of try 0' });
  expect([tries, told]).toEqual([1, ['gives up for part of try 0']]);
});
