/** Whether both disks have room for what a run will write there: asked before it begins. */
import { readdirSync, statfsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { BatchCoreError, systemError } from '../../errors.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { roomNeeded } from '../spec/resources.ts';
import type { OpenJob } from './job.ts';

/** Refuses to begin what could not end for lack of room. What an earlier execution has written already is not asked for again. */
export function checkRoom(prepared: Prepared, job: OpenJob): void {
  const { output, options } = prepared;
  const there = bytesOf(job.paths.parts);
  const needed = roomNeeded(needsFor(prepared, there > 0));
  const place = dirname(output.place);
  // A directory's parts are links where both lie on one disk.
  const shared = deviceOf(place) === deviceOf(job.paths.directory);
  const home = Math.max(0, (shared ? needed.oneDiskBytes : needed.homeBytes) - there);
  check(job.paths.directory, home, options.home === undefined ? '--out' : '--home');
  if (!shared) check(place, needed.outputBytes, '--out');
}

function needsFor({ rows, spec, needs, output }: Prepared, resumed: boolean) {
  const flag = spec.score?.flag;
  const topRows = Math.min(rows, flag?.kind === 'top' ? flag.rows : 0);
  const flaggedRows = flag?.kind === 'contamination' ? flag.share * rows : topRows;
  // Only a fit that samples leaves summaries of a size, and they are gone when parts are there.
  const samples = spec.fit !== null && spec.fit.detector !== 'zscore' && !resumed;
  return {
    rows,
    columns: samples ? spec.columns.length : 0,
    chunks: needs.chunks,
    flaggedRows,
    topRows: resumed ? 0 : topRows,
    explain: Math.min(spec.score?.explain ?? 0, spec.columns.length),
    keptRowBytes: needs.keptRowBytes,
    layout: output.layout,
  };
}

function check(directory: string, needed: number, option: string): void {
  let free: number;
  try {
    const { bavail, bsize } = statfsSync(directory);
    free = bavail * bsize;
  } catch (cause) {
    throw systemError(cause, `ask how much room ${directory} has`, { path: directory, option });
  }
  if (free >= needed) return;
  // Never rounded to the same.
  const mib = (bytes: number, round: typeof Math.ceil) => `${round((bytes / 2 ** 20) * 10) / 10} MiB`;
  const room = `${mib(free, Math.floor)} free; this needs about ${mib(needed, Math.ceil)} there`;
  throw new BatchCoreError('DISK_FULL', `${directory} has ${room}`, {
    where: { file: directory, option },
    hint: 'make room, or choose another disk with --out and --home',
  });
}

function deviceOf(path: string): number {
  try {
    return statSync(path).dev;
  } catch (cause) {
    throw systemError(cause, `look at ${path}`, { path });
  }
}

function bytesOf(parts: string): number {
  return readdirSync(parts).reduce((sum, name) => {
    const stats = statSync(join(parts, name), { throwIfNoEntry: false });
    return sum + (stats?.isFile() ? stats.size : 0);
  }, 0);
}
