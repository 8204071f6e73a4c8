/** Signals of every kind end a run in good order, and a pipe that closes ends what would go on for ever. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  errorOf,
  gaussian,
  MAIN,
  parquet,
  run,
  score,
  scratch,
  sha256,
  shell,
  start,
  startScoring,
  statusIn,
  whileStopped,
} from './harness.ts';

const directory = scratch();
const at = (name: string) => join(directory, name);
const FLAGS = ['data.parquet', '-m', 'zscore.bcm', '--chunk-rows', '4096'];
let expected = '';

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(500_000), 4096);
  await parquet(at('short.parquet'), gaussian(3000));
  expect((await run(directory, 'fit', 'data.parquet', '-d', 'zscore', '-m', 'zscore.bcm')).code).toBe(0);
  await score(directory, ...FLAGS, '-o', 'whole.parquet', '--home', 'home-whole');
  expected = sha256(at('whole.parquet'));
});

const flagsOf = (name: string) => [...FLAGS, '-o', `${name}.parquet`, '--home', `home-${name}`, '--progress', 'none'];

/** Starts a run named `name` and waits until it scores. */
const scoring = (name: string, ...more: string[]) =>
  startScoring(directory, ['score', ...flagsOf(name), ...more], `home-${name}`);
const status = (name: string) => statusIn(directory, `home-${name}`);

describe('a signal', () => {
  it('that comes when all is done changes nothing', async () => {
    for (const [i, signal] of (['SIGTERM', 'SIGINT', 'SIGHUP'] as const).entries()) {
      const flags = ['-m', 'zscore.bcm', '-o', `late-${i}.parquet`, '--progress', 'json', '--json'];
      const { child, ended } = start(directory, ['score', 'short.parquet', ...flags]);
      child.stderr?.on('data', (data) => `${data}`.includes('"event":"finished"') && child.kill(signal));
      const { code, signal: killed, stdout } = await ended;
      expect([code, killed, JSON.parse(stdout).status]).toEqual([0, null, 'completed']);
    }
  });

  it.each([
    ['SIGHUP', 129],
    ['SIGINT', 130],
    ['SIGQUIT', 131],
    ['SIGTERM', 143],
  ] as const)('%s stops the run with exit %i, says so, and the run goes on from there', async (signal, exit) => {
    const name = signal.toLowerCase();
    const running = await scoring(name, '--json');
    running.child.kill(signal);
    const ended = await running.ended;
    expect([ended.code, errorOf(ended).code]).toEqual([exit, 'CANCELLED']);
    expect(ended.stderr).toMatch(new RegExp(`^${signal}: stopping in good order`, 'm'));
    expect(status(name)).toMatchObject({ state: 'stopped', exitCode: exit });
    expect(readdirSync(directory).filter((file) => file.startsWith(name) || file.endsWith('.tmp'))).toEqual([]);
    const report = await score(directory, ...flagsOf(name));
    expect(report.chunks.resumed).toBeGreaterThan(0);
    expect(sha256(at(`${name}.parquet`))).toBe(expected);
  });

  it('of another kind, as the second, ends at once', async () => {
    const running = await scoring('second');
    // Both are there before it looks at either.
    await whileStopped(running, () => {
      running.child.kill('SIGHUP');
      running.child.kill('SIGQUIT');
    });
    const { code } = await running.ended;
    expect([129, 131]).toContain(code);
    // It waited for nothing that was in flight, and wrote nothing more.
    expect(status('second')?.state).toBe('running');
    await score(directory, ...flagsOf('second'));
    expect(sha256(at('second.parquet'))).toBe(expected);
  });

  it('SIGUSR1 opens no debugger and changes nothing', async () => {
    const running = await scoring('debugger');
    running.child.kill('SIGUSR1');
    const { code, stderr } = await running.ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(sha256(at('debugger.parquet'))).toBe(expected);
  });
});

it('status --watch of a job that waits ends when its reader has gone', async () => {
  const running = await scoring('watched');
  await whileStopped(running, () => run(directory, 'pause', running.jobId, '--home', 'home-watched'));
  while (status('watched')?.state !== 'paused') await sleep(20);
  const watching = shell(directory, '"$@" status --watch --home home-watched | head -1; exit $PIPESTATUS');
  expect(await Promise.race([watching, sleep(20_000)])).toMatchObject({
    code: 0,
    stderr: '',
    stdout: expect.stringMatching(/paused/),
  });
  await run(directory, 'cancel', running.jobId, '--home', 'home-watched');
  expect((await running.ended).code).toBe(1);
});

const noScript = process.platform !== 'linux' || !existsSync('/usr/bin/script');
// A shell passes the hang-up on to its jobs; without that, only writing to the terminal fails.
it.skipIf(noScript).each([
  ['and tells by SIGHUP stops the run in good order', '', 'trap "kill -HUP $job" HUP', '129', 'stopped'],
  ['and tells one that nohup started changes nothing', 'nohup', 'trap "kill -HUP $job" HUP', '0', 'completed'],
  ['in silence ends the telling, not the job', '', "trap '' HUP", '74', 'completed'],
])('a terminal that goes away %s', async (_, prefix, trap, exit, state) => {
  const name = `terminal-${exit}`;
  const flags = flagsOf(name).slice(0, -2).join(' ');
  const command = `${prefix} node ${MAIN} score ${flags} --progress bar < /dev/tty & job=$!; ${trap}; wait $job; wait $job; echo $? > ${name}.code`;
  const terminal = spawn('/usr/bin/script', ['-qec', command, '/dev/null'], {
    cwd: directory,
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { ...process.env, SHELL: '/bin/bash' },
  });
  terminal.stdout.resume();
  while (status(name)?.phase !== 'score') await sleep(10);
  terminal.kill('SIGKILL');
  while (!existsSync(at(`${name}.code`)) || readFileSync(at(`${name}.code`), 'utf8') === '') await sleep(20);
  expect([readFileSync(at(`${name}.code`), 'utf8').trim(), status(name)?.state]).toEqual([exit, state]);
  await score(directory, ...flagsOf(name));
  expect(sha256(at(`${name}.parquet`))).toBe(expected);
});

it('pipes that close, both of them, end nothing but the telling', async () => {
  const running = start(directory, ['score', ...flagsOf('gone').slice(0, -2), '--progress', 'json']);
  await once(running.child.stderr!, 'data');
  running.child.stderr!.destroy();
  running.child.stdout!.destroy();
  const [code] = await once(running.child, 'exit');
  expect(code).toBe(0);
  expect(sha256(at('gone.parquet'))).toBe(expected);
});
