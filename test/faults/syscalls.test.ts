/**
 * A kill, and every errno that fits, at every system call by which a run changes the file system. `npm run faults` tries all
 * and writes the counts into docs/durability.md; the gate tries a share that a seed chooses.
 */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parquet, scratch, sixtyColumns } from '../cli/harness.ts';
import { type Counts, writeCounts } from './syscalls/counts.ts';
import { type Fault, Lane, tryAll } from './syscalls/point.ts';
import { SCENARIOS } from './syscalls/scenarios.ts';
import { missingForTraces } from './syscalls/trace.ts';

const all = process.env['BATCH_CORE_FAULTS'] === 'all';
/** Of how many faults one is tried in the gate: kills first. */
const SHARE = { kills: 10, errnos: 100 };
const SEED = 20261126;

const missing = missingForTraces();
if (missing !== undefined) process.stdout.write(`skipped: faults at system calls, ${missing} is not here\n`);

const directory = scratch();
const [source, wide] = [join(directory, 'data.parquet'), join(directory, 'wide.parquet')];
const counts: Counts[] = [];

beforeAll(async () => {
  const columns = 'hash(i) % 1000 / 7.0 AS a, hash(i * 3) % 1000 / 3.0 AS b';
  await parquet(source, `SELECT i AS id, ${columns} FROM range(20480) r(i)`);
  await parquet(wide, sixtyColumns(24 * 2048), 2048);
});
afterAll(() => {
  if (all) writeCounts(counts);
});

/** One in `SHARE`, chosen by the seed and the fault alone. */
function chosen(fault: Fault, scenario: number): boolean {
  if (all) return true;
  let hash = SEED + scenario;
  for (const letter of `${fault.call} ${fault.path} ${fault.nth} ${fault.kind}`)
    hash = Math.imul(hash ^ (letter.codePointAt(0) ?? 0), 0x01000193);
  return (hash >>> 8) % (fault.kind === 'KILL' ? SHARE.kills : SHARE.errnos) === 0;
}

describe.skipIf(missing !== undefined)('faults at the system calls of', () => {
  it.each(SCENARIOS.map((scenario, index) => ({ ...scenario, index })))(
    '$name',
    { timeout: 7_200_000 },
    async (scenario) => {
      const lanes = Array.from({ length: all ? availableParallelism() : 1 }, (_, lane) => {
        return new Lane(join(directory, `s${scenario.index}-${lane}`), scenario.wide ? wide : source, scenario);
      });
      const [faults = []] = await Promise.all(lanes.map((lane) => lane.begin()));
      const share = faults.filter((fault) => chosen(fault, scenario.index));
      const isKill = ({ kind }: Fault) => kind === 'KILL';
      const tried = [...share.filter(isKill), ...share.filter((fault) => !isKill(fault))];
      const wrong: string[] = [];
      const count: Counts = { scenario: scenario.name, calls: 0, kills: 0, errnos: 0, missed: 0, wrong: 0 };
      count.calls = faults.filter(isKill).length;
      await tryAll(lanes, tried, (fault, verdict) => {
        if (isKill(fault)) count.kills += 1;
        else count.errnos += 1;
        if (verdict === 'not reached') count.missed += 1;
        if (typeof verdict === 'object') {
          count.wrong += 1;
          wrong.push(`${fault.kind} at ${fault.call} ${fault.path} #${fault.nth}: ${verdict.wrong}`);
          if (all) process.stdout.write(`${scenario.name}: ${wrong.at(-1)}\n`);
        }
      });
      counts.push(count);
      expect(count.calls, 'calls that change the file system').toBeGreaterThan(100);
      const saves = faults.filter(({ path }) => /summaries\/fit-1\.0-\d+$/.test(path));
      expect(saves.length > 0, 'what is merged is saved').toBe(scenario.wide ?? false);
      expect(tried.length).toBeGreaterThan(all ? 500 : 10);
      expect(wrong).toEqual([]);
      // Which thread runs first decides some numbers: a fault may miss its call, not often.
      expect(count.missed).toBeLessThanOrEqual(Math.ceil(tried.length / 10));
    },
  );
});
