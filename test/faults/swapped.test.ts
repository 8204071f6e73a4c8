/** A kill in the instant of a swap: what somebody else had just put at the target stays, under whatever name, and is named. */
import { spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { errorOf, MAIN, run, score } from '../cli/harness.ts';
import { at, directory, done, FILE, PARTS, QUIET } from './cases.ts';
import { missingForTraces } from './syscalls/trace.ts';

const missing = missingForTraces();
if (missing !== undefined) process.stdout.write(`skipped: kills in a swap, ${missing} is not here\n`);

function putFile(target: string): void {
  writeFileSync(at('mine'), 'PRECIOUS');
  renameSync(at('mine'), target);
}

/** Runs `args`, puts something in the target's place just before it is swapped out, and kills just after. */
async function killedInSwap(args: string[], target: string, put = putFile): Promise<void> {
  const log = at('trace');
  const delayed = ['-e', 'trace=renameat2', '-e', 'inject=renameat2:delay_enter=1500000', '-P', target];
  const options = ['-f', '--seccomp-bpf', '-qq', ...delayed, '-o', log];
  const traced = spawn('strace', [...options, process.execPath, MAIN, ...args, ...QUIET], {
    cwd: directory,
    detached: true,
    stdio: 'ignore',
  });
  const ended = new Promise((done) => traced.on('close', done));
  // The call is written when it is entered: the swap is still to come.
  const swaps = () => (existsSync(log) ? readFileSync(log, 'utf8').split('\n') : []).filter(isSwap);
  const isSwap = (line: string) => line.includes('EXCHANGE') && line.includes(basename(target));
  while (swaps().length === 0) await pause(20);
  put(target);
  const { ino } = statSync(target);
  while (statSync(target).ino === ino) await pause(5);
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
    const refused = await run(directory, ...again, ...QUIET);
    expect([refused.code, errorOf(refused).code], refused.stdout).toEqual([78, 'OUTPUT_EXISTS']);
    expect(readFileSync(at(target), 'utf8')).toBe('PRECIOUS');
    renameSync(at(target), at('away'));
    await done(again);
    expect(readdirSync(directory).filter((name) => name.startsWith('.batch-core-'))).toEqual([]);
  });

  it('a directory that was swapped out', async () => {
    await done(['score', 'in2.parquet', '-o', 'o.parquet']);
    await killedInSwap([...FILE, '--force'], at('o.parquet'), () => {
      rmSync(at('o.parquet'));
      mkdirSync(at('o.parquet'));
      writeFileSync(at('o.parquet', 'mine'), 'PRECIOUS');
    });
    for (const args of [FILE, [...FILE, '--force'], [...FILE, '--fresh']]) {
      const refused = await run(directory, ...args, ...QUIET);
      expect([refused.code, errorOf(refused).message]).toEqual([
        78,
        expect.stringContaining('a directory, not a file'),
      ]);
    }
    expect(readFileSync(at('o.parquet', 'mine'), 'utf8')).toBe('PRECIOUS');
    renameSync(at('o.parquet'), at('away'));
    await done(FILE);
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
