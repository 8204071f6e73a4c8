// Runs whole commands and takes their time from outside, start of the process to its end.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export const MAIN = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
const RIVALS = fileURLToPath(new URL('./rivals.js', import.meta.url));

/** Runs `node ...args`; what it printed as JSON, and its wall time in seconds. */
export function node(args, env = {}) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (data) => {
      stdout += data;
    });
    child.stderr.on('data', (data) => {
      stderr += data;
    });
    child.on('close', (code) => {
      const wallSeconds = (performance.now() - started) / 1000;
      if (code === 0) resolve({ wallSeconds, stdout, stderr });
      else reject(new Error(`${args.join(' ')}: exit ${code}\n${stdout}${stderr}`));
    });
  });
}

/** Seconds from the start of `node ...args` until it says `text` on stderr; then it is left to end. */
export function secondsUntil(text, args) {
  return new Promise((resolve, reject) => {
    const started = performance.now();
    let seconds;
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
    child.stderr.on('data', (data) => {
      if (seconds === undefined && String(data).includes(text)) seconds = (performance.now() - started) / 1000;
    });
    child.on('close', () => (seconds === undefined ? reject(new Error(`never said ${text}`)) : resolve(seconds)));
  });
}

/** `batch-core score`, from nothing: its report and wall time. */
export async function score(file, out, home, ...flags) {
  const args = [
    MAIN,
    'score',
    file,
    '-o',
    out,
    '--home',
    home,
    '--fresh',
    '--force',
    '--json',
    '--progress',
    'none',
    ...flags,
  ];
  const { wallSeconds, stdout } = await node(args);
  return { wallSeconds, report: JSON.parse(stdout) };
}

/** What one would otherwise use, in a process of its own. */
export async function rival(mode, file, out) {
  const { wallSeconds, stdout } = await node([RIVALS, mode, file, out ?? '']);
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
