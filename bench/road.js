// Where the time of a whole `score` with a saved model goes, from the start of its process to its end: processor seconds, wall,
// and how long cores waited. What is only measured on Linux is null elsewhere, and nothing is estimated.
//
//   the command    what its threads had taken when each phase began, and in the end (`probe.cjs`); from outside, what the
//                  whole process took, until the system had it back
//   to a directory the same command, whose parts stay where they are: what its pool does while chunks are scored are commits
//   alone          the road of the same chunks by itself, on one thread (`cargo bench -p batch-core-chunk`)
import { spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { median, node, scoring } from './command.js';

const PROBE = fileURLToPath(new URL('./probe.cjs', import.meta.url));
const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** The kernel's unit in /proc/<pid>/stat, on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;
/** Rows that the figures of the road alone are for. */
const ALONE_ROWS = 20e6;
export const ALONE_PARTS = ['scan', 'kernel', 'encode and hash', 'write', 'write back and sync'];

export const isMeasuredHere = process.platform === 'linux';

/** Processor seconds of all processes that this one started and that have ended. */
function childrenSeconds() {
  const stat = readFileSync('/proc/self/stat', 'utf8');
  // The name, in parentheses, may have spaces; the third field follows it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user, system] = [fields[13], fields[14]].map(Number);
  return (user + system) / TICKS_PER_SECOND;
}

/** One `score` of `file`, with the marks of its phases. */
export async function markedRun(file, out, home, marks, ...flags) {
  const before = childrenSeconds();
  const env = { BATCH_CORE_BENCH_MARKS: marks };
  const args = ['--require', PROBE, ...scoring(file, out, home, ...flags), '--progress', 'json'];
  const { startedMs, wallSeconds } = await node(args, { env });
  const processSeconds = childrenSeconds() - before;
  const told = JSON.parse(readFileSync(marks, 'utf8'));
  rmSync(marks);
  const { score: claimed, publish: last, published } = told;
  if (!claimed || !last || !published) throw new Error(`not every phase was told: ${Object.keys(told).join(', ')}`);
  if (!(claimed.workers > 0 && claimed.owner > 0))
    throw new Error('the threads of the workers or of the owner were not found');
  if (processSeconds < published.process - 1 / TICKS_PER_SECOND)
    throw new Error(`${processSeconds} s of the whole process, of which ${published.process} before its end`);
  const ended = { atMs: startedMs + 1000 * wallSeconds, process: processSeconds };
  return { wallSeconds, processSeconds, startedMs, claimed, last, published, ended };
}

/** Processor seconds of the pool while chunks were scored. */
const poolSeconds = ({ claimed, last }) => pool(last) - pool(claimed);
const pool = ({ process, owner, workers }) => process - owner - workers;

/** The parts of the run whose wall time is the median of `runs`; those `within` another are counted in it. */
export function partsOf(runs, toDirectory, alone) {
  const run = [...runs].sort((a, b) => a.wallSeconds - b.wallSeconds)[runs.length >> 1];
  const { claimed, last, published, ended } = run;
  const began = { atMs: run.startedMs, process: 0 };
  const commit = median(toDirectory.map(poolSeconds));
  const workers = last.workers - claimed.workers;
  const rest = alone && workers - alone.reduce((sum, { cpuSeconds }) => sum + cpuSeconds, 0);
  return [
    stretch('start', began, claimed),
    stretch('chunks', claimed, last),
    part('workers', 'chunks', workers),
    ...ALONE_PARTS.map((name, i) => part(name, 'workers', alone?.[i].cpuSeconds, alone?.[i].wallSeconds)),
    part('what the road alone has not', 'workers', rest),
    part("owner's thread", 'chunks', last.owner - claimed.owner),
    part('commit', 'chunks', commit),
    part('stage', 'chunks', poolSeconds(run) - commit),
    stretch('publish', last, published),
    stretch('end', published, ended),
    stretch('whole', began, ended),
  ];
}

const part = (name, within, cpuSeconds = null, wallSeconds = null) => ({
  ...{ part: name, within, cpuSeconds, wallSeconds },
  waitSeconds: null,
});

/** From one mark to another, of all threads; what the cores had left is what they waited. */
function stretch(name, from, to) {
  const [cpuSeconds, wallSeconds] = [to.process - from.process, (to.atMs - from.atMs) / 1000];
  const waitSeconds = availableParallelism() * wallSeconds - cpuSeconds;
  return { part: name, within: null, cpuSeconds, wallSeconds, waitSeconds };
}

/** The parts that only the road alone tells, for `rows` rows; null where there is no cargo to build it. */
export function roadAlone(file, rows, directory) {
  const env = { ...process.env, BATCH_CORE_BENCH_FILE: resolve(file), BENCH_DIRECTORY: directory };
  const args = ['bench', '--quiet', '--package', 'batch-core-chunk', '--bench', 'road'];
  const { error, status, stdout, stderr } = spawnSync('cargo', args, { cwd: ROOT, env, encoding: 'utf8' });
  if (error?.code === 'ENOENT') return null;
  if (error || status !== 0)
    throw new Error(`cargo ${args.join(' ')}: ${error ?? `exit ${status}`}\n${stdout}${stderr}`);
  return readAlone(stdout, rows);
}

/** What `crates/chunk/benches/road.rs` prints. */
export function readAlone(text, rows) {
  return ALONE_PARTS.map((name) => {
    const line = text.split('\n').find((line) => line.startsWith(`${name} `) && /\d\s*$/.test(line));
    const [cpu, wall] = line?.slice(name.length).trim().split(/\s+/).map(Number) ?? [];
    if (!Number.isFinite(cpu) || !Number.isFinite(wall)) throw new Error(`no figures of "${name}":\n${text}`);
    return { cpuSeconds: (cpu * rows) / ALONE_ROWS, wallSeconds: (wall * rows) / ALONE_ROWS };
  });
}

/** The parts as a table, indented by what they are within. */
export function tableOf(parts) {
  const depth = (name) => {
    const { within } = parts.find(({ part }) => part === name);
    return within === null ? 0 : 1 + depth(within);
  };
  const figure = (seconds) => (seconds === null ? '-' : seconds.toFixed(3)).padStart(10);
  const line = ({ part, cpuSeconds, wallSeconds, waitSeconds }) =>
    `${'  '.repeat(depth(part))}${part}`.padEnd(36) + [cpuSeconds, wallSeconds, waitSeconds].map(figure).join('');
  return [
    `${'seconds'.padEnd(36)}${['processor', 'wall', 'waiting'].map((head) => head.padStart(10)).join('')}`,
    ...parts.map(line),
  ]
    .map((text) => `        ${text}\n`)
    .join('');
}
