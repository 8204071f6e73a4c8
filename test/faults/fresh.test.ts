/** A finished job that begins again is not told as finished, wherever its process dies. */
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { gaussian, parquet, run, score, scratch } from '../cli/harness.ts';
import { jobOf } from './syscalls/scenarios.ts';
import { missingForTraces, processOf, tampered } from './syscalls/trace.ts';

const directory = scratch();
const missing = missingForTraces();

it.skipIf(missing !== undefined)('killed before it has said anything, it is told as failed, and goes on', async () => {
  await parquet(join(directory, 'data.parquet'), gaussian(20_000));
  const args = ['data.parquet', '-d', 'zscore', '-o', 'o.parquet', '--home', 'home'];
  const first = await score(directory, ...args);
  const pid = await processOf(directory, 'kill');
  const path = join(directory, 'home/jobs', jobOf(directory), `status.json.${pid}.tmp`);
  const call = { call: 'openat', path, nth: 1 };
  const killed = await tampered(directory, ['score', ...args, '--fresh', '--json'], call, 'KILL', 60_000);
  expect(killed.code).toBe(137);
  const status = await run(directory, 'status', '--home', 'home', '--json');
  expect(JSON.parse(status.stdout)).toMatchObject({ state: 'failed', error: { code: 'CANCELLED' } });
  const again = await score(directory, ...args);
  expect(again).toMatchObject({ recalled: false, output: { sha256: first.output.sha256 } });
});
