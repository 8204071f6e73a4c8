/** What other processes can do with a job whatever lies in place of the small files by which they know it. */
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { lockHolder } from '../../src/bindings/native.ts';
import { jobPaths } from '../../src/store/home.ts';
import { readStatus, requestControl } from '../../src/store/status.ts';
import { gaussian, parquet, type Running, run, scratch, sha256, start } from '../cli/harness.ts';
import { strangersTo } from './strangers.ts';

const cwd = scratch();
const home = join(cwd, '.batch-core');
const OUT = 'in.scores.parquet';
const ROWS = 100_000;
const args = ['score', 'in.parquet', '-d', 'zscore', '--workers', '1', '--progress', 'none', '--chunk-rows', '2048'];
let wanted: string;

beforeAll(async () => {
  await parquet(join(cwd, 'in.parquet'), gaussian(ROWS));
  expect(await run(cwd, ...args)).toMatchObject({ code: 0 });
  wanted = sha256(join(cwd, OUT));
});

function again(): void {
  rmSync(home, { recursive: true, force: true });
  rmSync(join(cwd, OUT), { force: true });
}

/** The job of the home, as soon as a process has taken its lock. */
async function lockedJob(running: Running): Promise<string> {
  for (;;) {
    expect(running.child.exitCode, 'it ended before it had begun').toBeNull();
    const [jobId] = existsSync(join(home, 'jobs')) ? readdirSync(join(home, 'jobs')) : [];
    if (jobId !== undefined && lockHolder(jobPaths(home, jobId).lock)) return jobId;
    await new Promise(setImmediate);
  }
}

async function until(check: () => boolean): Promise<void> {
  while (!check()) await new Promise((resolve) => setTimeout(resolve, 20));
}

it('a job is paused by who asks in its first moments', async () => {
  again();
  const running = start(cwd, args);
  const jobId = await lockedJob(running);
  const { directory } = jobPaths(home, jobId);
  requestControl(directory, 'pause');
  await until(() => readStatus(directory)?.state === 'paused' || running.child.exitCode !== null);
  expect(readStatus(directory)?.state).toBe('paused');
  expect(readStatus(directory)?.progress.rowsDone, 'before it had done much').toBeLessThan(ROWS);
  requestControl(directory, 'resume');
  expect(await running.ended).toMatchObject({ code: 0 });
  expect(sha256(join(cwd, OUT))).toBe(wanted);
});

it('a job that was killed is listed, told and resumed whatever lies in place of its status', async () => {
  const makers = [
    (path: string) => writeFileSync(path, ''),
    (path: string) => writeFileSync(path, '{"schema":"batch-core.sta'),
    ...strangersTo(join(cwd, 'in.parquet')),
  ];
  const source = sha256(join(cwd, 'in.parquet'));
  for (const make of makers) {
    again();
    const running = start(cwd, args);
    const jobId = await lockedJob(running);
    const { directory, report, request } = jobPaths(home, jobId);
    await until(() => existsSync(request));
    running.child.kill('SIGKILL');
    await running.ended;
    for (const path of [join(directory, 'status.json'), report, join(directory, 'control.json')]) {
      rmSync(path, { recursive: true, force: true });
      make(path);
    }
    const listed = await run(cwd, 'jobs', '--home', home, '--json');
    expect(JSON.parse(listed.stdout)).toMatchObject([{ jobId, state: 'failed', out: join(cwd, OUT) }]);
    const told = await run(cwd, 'status', jobId, '--home', home);
    expect(told).toMatchObject({ code: 0, stdout: expect.stringContaining(`"batch-core resume ${jobId}" goes on`) });
    const resumed = await run(cwd, 'resume', jobId, '--home', home);
    expect(resumed, resumed.stderr).toMatchObject({ code: 0 });
    expect(sha256(join(cwd, OUT))).toBe(wanted);
  }
  expect(sha256(join(cwd, 'in.parquet')), 'nothing was written through a link').toBe(source);
}, 180_000);
