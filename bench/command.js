// Runs whole commands and takes their time from outside, start of the process to its end.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const RIVALS = fileURLToPath(new URL('./rivals.js', import.meta.url));

/** Runs `node ...args`; what it printed, its wall time in seconds and when it began. `hear` is told each line of stderr as it comes. */
export function node(args, { env = {}, hear = () => {} } = {}) {
  return new Promise((resolve, reject) => {
    const startedMs = nowMs();
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    createInterface({ input: child.stderr }).on('line', (line) => {
      stderr += `${line}\n`;
      hear(line);
    });
    child.on('error', reject);
    child.on('close', (code) => {
      const wallSeconds = (nowMs() - startedMs) / 1000;
      if (code === 0) resolve({ startedMs, wallSeconds, stdout, stderr });
      else reject(new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`));
    });
  });
}

/** Milliseconds of the clock that all processes share, and parts of them. */
export const nowMs = () => performance.timeOrigin + performance.now();

/** Seconds from the start of `node ...args` until it says `text` on stderr; then it is left to end. */
export async function secondsUntil(text, args) {
  let heardMs;
  const hear = (line) => {
    if (line.includes(text)) heardMs ??= nowMs();
  };
  const { startedMs } = await node(args, { hear });
  if (heardMs === undefined) throw new Error(`never said ${text}`);
  return (heardMs - startedMs) / 1000;
}

/** The arguments of `batch-core score`, from nothing; it prints its report. */
export const scoring = (file, out, home, ...flags) => [
  ...[MAIN, 'score', file, '-o', out, '--home', home],
  ...['--fresh', '--force', '--json', ...flags],
];

/** `batch-core score`, from nothing: its report and wall time. */
export async function score(...asked) {
  const { wallSeconds, stdout } = await node([...scoring(...asked), '--progress', 'none']);
  return { wallSeconds, report: JSON.parse(stdout) };
}

/** `batch-core fit` of a z-score model, saved at `model`. */
export const fitZ = (file, model, home, ...flags) =>
  node([MAIN, 'fit', file, '-d', 'zscore', '-m', model, '--home', home, ...flags, '--progress', 'none', '-q']);

/** What one would otherwise use, in a process of its own, with as many threads as there are cores unless told otherwise. */
export async function rival(mode, file, { out = '', threads = availableParallelism() } = {}) {
  const { wallSeconds, stdout } = await node([RIVALS, mode, file, String(threads), out]);
  return { wallSeconds, ...JSON.parse(stdout) };
}

export const sha256 = (path) => createHash('sha256').update(readFileSync(path)).digest('hex');

export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
};

/** Runs every contender once per round, in turn, so that a machine that slows down slows all of them. */
export async function inTurn(rounds, contenders) {
  const times = Object.fromEntries(Object.keys(contenders).map((name) => [name, []]));
  for (let round = 0; round < rounds; round += 1)
    for (const [name, run] of Object.entries(contenders)) times[name].push(await run());
  return times;
}
