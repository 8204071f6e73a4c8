/** A kill in the instant of a swap: what somebody else had just put at the target stays, under whatever name, and is named. */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, renameSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { errorOf, MAIN, run, score } from '../cli/harness.ts';
import { at, directory, done, FILE, PARTS, QUIET } from './cases.ts';
import { missingForTraces } from './syscalls/trace.ts';

const missing = missingForTraces();
if (missing !== undefined) process.stdout.write(`skipped: kills in a swap, ${missing} is not here\n`);

/** Runs `args`, puts a file in the target's place just before it is swapped out, and kills just after. */
async function killedInSwap(args: string[], target: string): Promise<void> {
  const log = at('trace');
  const delayed = ['-e', 'trace=renameat2', '-e', 'inject=renameat2:delay_enter=1500000'];
  const traced = spawn('strace', ['-f', '-qq', ...delayed, '-o', log, process.execPath, MAIN, ...args, ...QUIET], {
    cwd: directory,
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise((done) => traced.on('close', done));
  // The call is written when it is entered: the swap is still to come.
  const swaps = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []).filter(isSwap);
  const isSwap = (line: string) => line.includes('EXCHANGE') && line.includes(basename(target));
  while (swaps().length === 0) await pause(20);
  writeFileSync(at('mine'), 'PRECIOUS');
  renameSync(at('mine'), target);
  while (readFileSync(target, 'utf8') === 'PRECIOUS') await pause(5);
  process.kill(-(traced.pid ?? 0), 'SIGKILL');
  await ended;
}

/** The files of a directory that hold what was put there. */
const precious = (path: string) =>
  readdirSync(path).filter((name) => name.endsWith('.swap') && readFileSync(join(path, name), 'utf8') === 'PRECIOUS');

const MODEL = ['fit', 'in2.parquet', '-d', 'zscore', '-m', 'm.bcm'];

describe.skipIf(missing !== undefined)('stays', () => {
  it.each<[string, string[], string[], string, () => void]>([
    ['beside an output that was damaged', FILE, FILE, 'o.parquet', () => truncateSync(at('o.parquet'), 50_000)],
    [
      'beside one that was forced',
      ['score', 'in2.parquet', '-o', 'o.parquet'],
      [...FILE, '--force'],
      'o.parquet',
      noop,
    ],
    ['beside a model', ['fit', 'in.parquet', '-m', 'm.bcm'], [...MODEL, '--force'], 'm.bcm', noop],
    ['beside a saved model', MODEL, [...FILE, '--save-model', 'm.bcm', '--force'], 'm.bcm', noop],
  ])('%s', async (_, before, args, target, change) => {
    await done(before);
    change();
    await killedInSwap(args, at(target));
    const again = args.filter((word) => word !== '--force');
    for (let round = 0; round < 2; round += 1) {
      const { code, stdout } = await run(directory, ...again, ...QUIET);
      expect(code, stdout).toBe(0);
      const [kept] = precious(directory);
      expect(JSON.parse(stdout).warnings).toContain(`${at(kept ?? '')} is not ours; it was left alone`);
      expect(readdirSync(directory).filter((name) => name.endsWith('.tmp'))).toEqual([]);
    }
  });

  it('in a directory, where it is a stranger until it is moved away', async () => {
    await done(PARTS);
    const part = at('d', 'part-0000003.parquet');
    truncateSync(part, 5000);
    await killedInSwap(PARTS, part);
    const refused = await run(directory, ...PARTS, ...QUIET);
    expect([refused.code, errorOf(refused).code]).toEqual([78, 'OUTPUT_EXISTS']);
    const [kept = ''] = precious(dirname(part));
    expect(errorOf(refused).message).toContain(kept);
    renameSync(join(dirname(part), kept), at('away'));
    await done(PARTS);
    expect(readdirSync(at('d')).filter((name) => name.startsWith('.'))).toEqual([]);
    expect((await run(directory, 'verify', 'd')).code).toBe(0);
  });

  it('and what was to go, goes', async () => {
    await done(['score', 'in2.parquet', '-o', 'o.parquet']);
    await done([...FILE, '--force']);
    await score(directory, ...FILE.slice(1));
    expect(readdirSync(directory).filter((name) => name.startsWith('.batch-core-'))).toEqual([]);
  });
});

function noop(): void {}
