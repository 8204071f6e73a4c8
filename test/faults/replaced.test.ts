/**
 * The source of an unfinished job is not what it was: whoever gives the command again gets a new job, and is told; whoever
 * asks to go on with that very job is refused, with what differs.
 */
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Report } from '../../src/report.ts';
import { errorOf, run } from '../cli/harness.ts';
import { at, directory, killed, QUIET } from './cases.ts';

beforeEach(() => {
  mkdirSync(at('s'));
  copyFileSync(at('in.parquet'), at('s/1.parquet'));
  copyFileSync(at('in2.parquet'), at('s/2.parquet'));
  symlinkSync('s', at('link'));
});

const put = (name: string) => copyFileSync(at('in2.parquet'), at(name));

const CHANGES: [string, string, () => void, RegExp][] = [
  ['that a file came to', 's', () => put('s/3.parquet'), /s\/3\.parquet is not .*: path: none -> /],
  ['that a file came into the midst of', 's', () => put('s/1a.parquet'), /s\/1a\.parquet is not .*: path: none -> /],
  ['that a file went from', 's', () => rmSync(at('s/2.parquet')), /s\/2\.parquet is not .*: path: .* -> none/],
  ['of which a file was renamed', 's', () => renameSync(at('s/2.parquet'), at('s/4.parquet')), /s\/2\.parquet is not/],
  ['that a file came to that matches', 's/*.parquet', () => put('s/3.parquet'), /s\/3\.parquet is not/],
  ['of which a file was replaced', 's', () => put('s/1.parquet'), /s\/1\.parquet is not .*: size: /],
  ['that is another file', 's/1.parquet', () => put('s/1.parquet'), /s\/1\.parquet is not .*: size: /],
  [
    'to which a link leads elsewhere, where the same lies',
    'link/1.parquet',
    () => {
      execFileSync('cp', ['-a', at('s'), at('t')]);
      rmSync(at('link'));
      symlinkSync('t', at('link'));
    },
    /real path of the source: .*\/s\/1\.parquet.* -> .*\/t\/1\.parquet/,
  ],
];

describe.each([
  ['score', ['-d', 'zscore', '--chunk-rows', '2048', '-o', 'o.parquet']],
  ['fit', ['-d', 'zscore', '-m', 'm.bcm']],
])('an unfinished %s of a source', (kind, flags) => {
  it.each(CHANGES)('%s is retired by its command, and not gone on with', async (_, source, change, says) => {
    const args = [kind, source, ...flags];
    await killed(args);
    const [before = ''] = readdirSync(at('.batch-core/jobs'));
    change();
    for (let i = 0; i < 2; i += 1) {
      const refused = await run(directory, 'resume', before, ...QUIET);
      expect([refused.code, errorOf(refused).code], refused.stdout).toEqual([78, 'INPUT_CHANGED']);
      expect(errorOf(refused).message).toMatch(says);
      // Its last word: not the hint that led here.
      const { state, error } = JSON.parse((await run(directory, 'status', before, '--json')).stdout);
      const { code, message } = errorOf(refused);
      expect([state, error]).toMatchObject(['failed', { code, message }]);
    }
    const again = await run(directory, ...args, ...QUIET);
    expect(again.code, again.stdout).toBe(0);
    const { jobId, warnings } = JSON.parse(again.stdout) as Report;
    expect(jobId).not.toBe(before);
    expect(warnings.join()).toMatch(new RegExp(`job ${before}, left unfinished .* its source is not what it was`));
    const told = await run(directory, 'status', before);
    expect(told.stdout).toMatch(/retired/);
  });
});
