/** Runs the built command as a user does, on files made by DuckDB. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, expect } from 'vitest';
import type { Report } from '../../src/report.ts';
import type { JobStatus } from '../../src/store/status.ts';

/** The built command. */
export const MAIN = resolve(import.meta.dirname, '../../dist/cli/main.js');

const directories: string[] = [];
// Here, for a hook that a running test asks for is never called.
afterAll(() => {
  for (const directory of directories) rmSync(directory, { recursive: true, force: true });
});

/** A directory of this test file's own, gone when it ends. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'batch-core-'));
  directories.push(directory);
  return directory;
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
}

/** Starts `batch-core ...args` in `cwd`. */
export function start(cwd: string, args: readonly string[], env: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, [MAIN, ...args], { cwd, env: { ...process.env, NO_COLOR: '1', ...env } });
  return { child, ended: ending(child) };
}

/** How a child ended, and all it said. */
export function ending(child: ChildProcess): Promise<Ended> {
  let [stdout, stderr] = ['', ''];
  child.stdout?.on('data', (data) => {
    stdout += data;
  });
  child.stderr?.on('data', (data) => {
    stderr += data;
  });
  return new Promise<Ended>((done) => child.on('close', (code, signal) => done({ code, signal, stdout, stderr })));
}

export function run(cwd: string, ...args: string[]): Promise<Ended> {
  return start(cwd, args).ended;
}

/** The jobs of `home` that have part `part`. */
function withPart(cwd: string, home: string, part: number): string[] {
  const jobs = join(cwd, home, 'jobs');
  const name = `part-${String(part).padStart(7, '0')}.parquet`;
  return (existsSync(jobs) ? readdirSync(jobs) : []).filter((job) => existsSync(join(jobs, job, 'parts', name)));
}

/**
 * Starts a command and waits until part `part` of a job of `home` lies there that had none before. Its parts tell when it
 * scores: its status is told twice a second, and a run is over by then that need not be long.
 */
export async function startScoring(
  cwd: string,
  args: readonly string[],
  home: string,
  part = 0,
): Promise<Running & { jobId: string }> {
  const before = withPart(cwd, home, part);
  const running = start(cwd, args);
  for (;;) {
    const jobId = withPart(cwd, home, part).find((job) => !before.includes(job));
    if (jobId !== undefined) return { ...running, jobId };
    if (running.child.exitCode !== null) throw new Error(`ended before part ${part}: ${(await running.ended).stdout}`);
    await sleep(2);
  }
}

/** The same, and kills it; the job's id. */
export async function killAtPart(cwd: string, args: readonly string[], home: string, part: number): Promise<string> {
  const { child, ended, jobId } = await startScoring(cwd, args, home, part);
  child.kill('SIGKILL');
  expect((await ended).signal).toBe('SIGKILL');
  return jobId;
}

/** Does `work` while a run stands still: however quick the run, it is where it was. */
export async function whileStopped<T>({ child }: Running, work: () => T | Promise<T>): Promise<T> {
  child.kill('SIGSTOP');
  try {
    return await work();
  } finally {
    child.kill('SIGCONT');
  }
}

/** What the job of `home` last told of itself; nothing where it has told nothing yet. */
export function statusIn(cwd: string, home: string): JobStatus | undefined {
  const jobs = join(cwd, home, 'jobs');
  try {
    return JSON.parse(readFileSync(join(jobs, readdirSync(jobs)[0] ?? '', 'status.json'), 'utf8'));
  } catch {
    return undefined;
  }
}

/** Scores with the package in a process that kills itself when it is told of a phase or an event; the job's id. */
export function dieTold(
  cwd: string,
  source: string,
  options: { home: string; [option: string]: unknown },
  of: { phase: string } | { event: string },
): string {
  const [[field = '', word = ''] = []] = Object.entries(of);
  const script = `import { score } from '${pathToFileURL(resolve('dist/index.js'))}';
    const die = (told) => told.${field} === '${word}' && process.kill(process.pid, 'SIGKILL');
    await score('${source}', { ...${JSON.stringify(options)}, ${field === 'event' ? 'onEvent' : 'onProgress'}: die });`;
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { cwd });
  expect(signal, `${stderr}`).toBe('SIGKILL');
  return readdirSync(join(cwd, options.home, 'jobs'))[0] ?? '';
}

/** Everything below a directory, and when it was last touched. */
export function tree(path: string): string[] {
  if (!existsSync(path) || !lstatSync(path).isDirectory()) return [];
  const below = readdirSync(path, { recursive: true }) as string[];
  return ['', ...below].sort().map((name) => {
    const { size, mtimeNs, ctimeNs } = lstatSync(join(path, name), { bigint: true });
    return `${name} ${size} ${mtimeNs} ${ctimeNs}`;
  });
}

/** Runs a line of bash, in which `"$@"` stands for the command: for redirections that only a shell can make. */
export function shell(cwd: string, line: string): Promise<Ended> {
  const child = spawn('bash', ['-c', line, 'bash', process.execPath, MAIN], {
    cwd,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return ending(child);
}

/** Runs `score ... --json` and expects it to succeed. */
export async function score(cwd: string, ...args: string[]): Promise<Report> {
  const { code, stdout, stderr } = await run(cwd, 'score', ...args, '--json', '--progress', 'none');
  if (code !== 0) throw new Error(`exit ${code}: ${stdout}${stderr}`);
  return JSON.parse(stdout);
}

/** The error object that a failed `--json` command prints. */
export function errorOf(ended: Pick<Ended, 'stdout'>): {
  code: string;
  message: string;
  where?: Record<string, unknown>;
  hint?: string;
} {
  return JSON.parse(ended.stdout).error;
}

export const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

type Row = Record<string, unknown>;

/** Runs SQL and returns rows as plain objects. */
export async function sql(query: string): Promise<Row[]> {
  const instance = await DuckDBInstance.create(':memory:', { threads: '1' });
  const connection = await instance.connect();
  try {
    return (await connection.runAndReadAll(query)).getRowObjectsJson() as Row[];
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

/** Writes `select` to a Parquet file of small row groups. */
export async function parquet(path: string, select: string, rowGroupRows = 2048): Promise<string> {
  await sql(`COPY (${select}) TO '${path.replaceAll("'", "''")}' (FORMAT parquet, ROW_GROUP_SIZE ${rowGroupRows})`);
  return path;
}

/** Deterministic Gaussian-like columns f0.. of mean j and deviation 1 + j. */
export function gaussian(rows: number, columns = 3): string {
  const u = (salt: number) => `((hash(i * 64 + ${salt}) >> 11)::DOUBLE + 1) / 9007199254740993.0`;
  const list = Array.from(
    { length: columns },
    (_, j) => `(${j} + ${1 + j} * sqrt(-2 * ln(${u(2 * j)})) * cos(6.283185307179586 * ${u(2 * j + 1)})) AS f${j}`,
  );
  return `SELECT i AS id, ${list.join(', ')} FROM range(${rows}) r(i)`;
}

/** Sixty columns: summaries of a few thousand rows are so large that some chunks' are merged into one and saved. */
export function sixtyColumns(rows: number): string {
  const list = Array.from({ length: 60 }, (_, i) => `hash(i * ${2 * i + 3}) % 100000 / 7.0 AS c${i}`);
  return `SELECT ${list.join(', ')} FROM range(${rows}) r(i)`;
}

/** A disk of 4 MB that lies below a directory of its own; none where this process may not mount one. */
export function smallDisk(): string | undefined {
  const disk = join(scratch(), 'disk');
  mkdirSync(disk);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'ignore' });
  } catch {
    return undefined;
  }
  afterAll(() => void execFileSync('umount', ['-l', disk]));
  return disk;
}
