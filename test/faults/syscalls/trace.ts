/** Runs the command under strace: first to see its system calls, then to tamper with one of them. */
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync, rmSync } from 'node:fs';
import { type Ended, ending, MAIN } from '../../cli/harness.ts';

/** What changes a file system. */
const CALLS = [
  'openat',
  'mkdir',
  'mkdirat',
  'rename',
  'renameat',
  'renameat2',
  'link',
  'linkat',
  'symlink',
  'symlinkat',
  'unlink',
  'unlinkat',
  'rmdir',
  'truncate',
  'ftruncate',
  'fallocate',
  'write',
  'writev',
  'pwrite64',
  'pwritev',
  'fsync',
  'fdatasync',
  'fchmod',
  'fchmodat',
  'chmod',
  'utimensat',
  'copy_file_range',
  'sendfile',
] as const;

/**
 * A process identity is part of temporary names, and strace counts calls by thread and path: in a process namespace of its
 * own, with one thread for the pool, the same call of the next run has the same path and number. The identities there begin
 * with one that no other number in a name equals.
 */
const NAMESPACE = [
  'unshare',
  ...(process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']),
  ...['--pid', '--fork', '--mount-proc', '--kill-child'],
];
const SHELL = ['sh', '-c', 'echo 30000 > /proc/sys/kernel/ns_last_pid && exec "$@"', 'sh'];
const ENV = { ...process.env, NO_COLOR: '1', UV_THREADPOOL_SIZE: '1' };

/** How strace runs: with a filter in the kernel it is twice as fast, but then sends no signal. */
const MODES = { errno: ['--seccomp-bpf'], kill: [] } as const;
export type Mode = keyof typeof MODES;

/** One system call of a run: the `nth` of its kind that its thread makes on `path`. */
export interface Call {
  call: string;
  /** Absolute; of a rename the old name. */
  path: string;
  nth: number;
}

/** Whether this machine can trace: says what is missing, which is an error where everything is to be there. */
export function missingForTraces(): string | undefined {
  const missing = whatIsMissing();
  if (missing !== undefined && process.env['BATCH_CORE_ALL'] === '1') throw new Error(`${missing} is not here`);
  return missing;
}

function whatIsMissing(): string | undefined {
  if (process.platform !== 'linux') return 'Linux';
  if (spawnSync('strace', ['-V']).status !== 0) return 'strace';
  const [program = '', ...options] = [...NAMESPACE, ...SHELL];
  const namespace = spawnSync(program, [...options, 'true']);
  return namespace.status === 0 ? undefined : 'a process namespace (unshare --pid)';
}

function strace(directory: string, mode: Mode, options: readonly string[], command: readonly string[]) {
  const [program = '', ...rest] = [...NAMESPACE, ...SHELL];
  const traced = ['strace', '-f', ...MODES[mode], '-qq', '-e', 'signal=none', ...options, process.execPath, ...command];
  return spawn(program, [...rest, ...traced], { cwd: directory, env: ENV });
}

/** The identity that the command will have. */
export async function processOf(directory: string, mode: Mode): Promise<string> {
  const { stdout } = await ending(
    strace(directory, mode, ['-o', '/dev/null', '-e', 'trace=mkdir'], ['-p', 'process.pid']),
  );
  return stdout.trim();
}

/** Every call of an undisturbed run that changes something below `directory`. */
export async function traced(directory: string, args: readonly string[]): Promise<Call[]> {
  const log = `${directory}.trace`;
  const options = ['-y', '-o', log, '-e', `trace=${CALLS.join(',')}`];
  const { code, stdout, stderr } = await ending(strace(directory, 'errno', options, [MAIN, ...args]));
  if (code !== 0) throw new Error(`under strace the command ended with ${code}: ${stdout}${stderr}`);
  const calls = callsOf(readFileSync(log, 'utf8'), directory);
  rmSync(log);
  return calls;
}

/** Runs the command with one call tampered with: `KILL`, or an errno. */
export function tampered(
  directory: string,
  args: readonly string[],
  { call, path, nth }: Call,
  kind: string,
  limitMs: number,
): Promise<Ended & { late: boolean }> {
  const [mode, what] = kind === 'KILL' ? (['kill', 'signal=KILL'] as const) : (['errno', `error=${kind}`] as const);
  const inject = ['-o', '/dev/null', '-e', `trace=${call}`, '-e', `inject=${call}:${what}:when=${nth}`, '-P', path];
  const child = strace(directory, mode, inject, [MAIN, ...args]);
  let late = false;
  const clock = setTimeout(() => {
    late = true;
    child.kill('SIGKILL');
  }, limitMs);
  return ending(child).then((ended) => {
    clearTimeout(clock);
    return { ...ended, late };
  });
}

/** Reads strace's lines: counts as it does, by thread, call and path, and keeps what changed something below `directory`. */
export function callsOf(log: string, directory: string): Call[] {
  const counts = new Map<string, number>();
  const found = new Map<string, Call>();
  for (const line of log.split('\n')) {
    const match = /^(\d+) +(\w+)\((.*)$/.exec(line);
    if (!match) continue;
    const [, thread, call = '', rest = ''] = match;
    const path = pathOf(rest);
    if (path === undefined || !(path === directory || path.startsWith(`${directory}/`))) continue;
    const counter = `${thread} ${call} ${path}`;
    const nth = (counts.get(counter) ?? 0) + 1;
    counts.set(counter, nth);
    if (changes(call, rest)) found.set(`${call} ${path} ${nth}`, { call, path, nth });
  }
  return [...found.values()];
}

/** `"/a/b"`, or `AT_FDCWD</c>, "/a/b"`, or `3</a/b>`: the path that strace's filter compares. */
function pathOf(rest: string): string | undefined {
  return /^(?:AT_FDCWD<[^>]*>, )?"(\/[^"]*)"/.exec(rest)?.[1] ?? /^\d+<(\/[^>]*)>/.exec(rest)?.[1];
}

function changes(call: string, rest: string): boolean {
  if (/= -1 E\w+/.test(rest)) return false;
  return call !== 'openat' || /O_CREAT|O_TRUNC/.test(rest);
}
