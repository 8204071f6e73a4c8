// What a run shows from outside while it goes on: what it tells, how large its job's directory is, how old its status.
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { node, nowMs } from './command.js';

const SIZE_INTERVAL_MS = 200;
const STATUS_INTERVAL_MS = 20;

/** Runs a command that begins one job in `home`, empty so far, and prints its report; what was seen of it. */
export async function watched(args, home) {
  const told = [];
  const seen = { directoryBytesMax: 0, statusAgeMaxSeconds: null };
  const hear = (line) => {
    const record = JSON.parse(line);
    if (record.type === 'progress') told.push({ atMs: nowMs(), ...record });
  };
  const timers = [
    setInterval(() => {
      seen.directoryBytesMax = Math.max(seen.directoryBytesMax, bytesIn(jobIn(home)));
    }, SIZE_INTERVAL_MS),
    setInterval(() => {
      const age = publishingAge(jobIn(home));
      if (age !== undefined) seen.statusAgeMaxSeconds = Math.max(seen.statusAgeMaxSeconds ?? 0, age);
    }, STATUS_INTERVAL_MS),
  ];
  try {
    const { wallSeconds, stdout } = await node([...args, '--progress', 'json'], { hear });
    return { wallSeconds, report: JSON.parse(stdout), ...seen, merging: waitedForMerging(told) };
  } finally {
    for (const timer of timers) clearInterval(timer);
  }
}

/** The directory of the home's job, once there is one. */
function jobIn(home) {
  const [job] = namesIn(join(home, 'jobs'));
  return join(home, 'jobs', job ?? 'none yet');
}

const namesIn = (directory) => orElse([], () => readdirSync(directory));

/** What is read goes away meanwhile, or is not there yet. */
function orElse(other, read) {
  try {
    return read();
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'ENOTDIR') throw error;
    return other;
  }
}

/** Bytes of the files in `directory`, its parts left out. */
function bytesIn(directory) {
  return namesIn(directory)
    .filter((name) => name !== 'parts')
    .map((name) => {
      const stats = orElse(undefined, () => lstatSync(join(directory, name)));
      return stats?.isDirectory() ? bytesIn(join(directory, name)) : (stats?.size ?? 0);
    })
    .reduce((sum, bytes) => sum + bytes, 0);
}

/** Seconds since the status was written, while it says that the run publishes. */
function publishingAge(directory) {
  const text = orElse(undefined, () => readFileSync(join(directory, 'status.json'), 'utf8'));
  const { state, phase, updatedAt } = JSON.parse(text ?? '{}');
  return state === 'running' && phase === 'publish' ? (Date.now() - Date.parse(updatedAt)) / 1000 : undefined;
}

/**
 * How long a fit stood with every chunk of a pass done, for its summaries were not merged yet: at least and at most, for it is
 * told twice a second how many chunks are done, and what is between two of these is not known.
 */
export function waitedForMerging(told) {
  const waited = { hasPasses: told.some(({ phase }) => phase === 'fit'), secondsMin: 0, secondsMax: 0 };
  const stands = ({ phase, chunksDone, chunksTotal }) =>
    phase === 'fit' && chunksTotal > 0 && chunksDone === chunksTotal;
  for (const [i, before] of told.entries()) {
    const now = told[i + 1];
    if (before.phase !== 'fit' || now === undefined) continue;
    const isSamePass =
      now.phase === 'fit' && now.chunksTotal === before.chunksTotal && now.chunksDone >= before.chunksDone;
    const seconds = (now.atMs - before.atMs) / 1000;
    if (isSamePass && stands(before)) waited.secondsMin += seconds;
    if (!isSamePass || stands(now)) waited.secondsMax += seconds;
  }
  return waited;
}
