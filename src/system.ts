/** What this machine and process are: read-only looks at the operating system. */
import { constants, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { availableParallelism, hostname, totalmem } from 'node:os';

/** What the machine, or the part of it that we may use, has. */
export interface Capacity {
  memoryBytes: number;
  cores: number;
  /** What the process may map (`ulimit -v`), where that is limited: it bounds names of memory, not memory. */
  addressBytes?: number | undefined;
  /** Descriptors that are still free (`ulimit -n`), where that is known. */
  descriptors?: number | undefined;
}

/** Memory and cores that this process may use: the least of what machine, control groups and `ulimit` allow. */
export function measureCapacity(): Capacity {
  const addressBytes = processLimit('Max address space');
  const descriptors = freeDescriptors();
  return {
    // What `ulimit -d` counts is private and writable; what is mapped of programs and libraries comes on top of it.
    memoryBytes: Math.min(totalmem(), ...cgroupLimits(), processLimit('Max data size') ?? Number.POSITIVE_INFINITY),
    cores: Math.min(availableParallelism(), cgroupCores()),
    ...(addressBytes !== undefined && { addressBytes }),
    ...(descriptors !== undefined && { descriptors }),
  };
}

/** Who runs: enough to say, later and elsewhere, whether that process is still there. */
export interface Identity {
  pid: number;
  host: string;
  bootId: string;
}

export function identify(): Identity {
  return { pid: process.pid, host: hostname(), bootId: read('/proc/sys/kernel/random/boot_id')?.trim() ?? '' };
}

/** Memory of the process in bytes; where there is no /proc to tell, the most it has had. */
export function rssBytes(): number {
  try {
    return process.memoryUsage.rss();
  } catch {
    return peakRssBytes();
  }
}

/** Most memory this process ever held, in bytes. */
export function peakRssBytes(): number {
  const peak = /^VmHWM:\s+(\d+) kB/m.exec(read('/proc/self/status') ?? '');
  return peak ? Number(peak[1]) * 1024 : process.resourceUsage().maxRSS * 1024;
}

/**
 * Whether nohup started this process at a terminal. Node undoes that SIGHUP is ignored before any of our code runs; what
 * remains of GNU nohup is that it puts /dev/null in the place of a terminal to read from, opened for writing alone.
 */
export function startedByNohup(): boolean {
  const flags = /^flags:\s+([0-7]+)$/m.exec(read('/proc/self/fdinfo/0') ?? '')?.[1] ?? '';
  const access = constants.O_RDONLY | constants.O_WRONLY | constants.O_RDWR;
  return (Number.parseInt(flags, 8) & access) === constants.O_WRONLY && linkOf('/proc/self/fd/0') === '/dev/null';
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Files of the control group and its parents, nearest first. */
function* cgroupFiles(name: string): Generator<string> {
  const group = /^0::(\/.*)$/m.exec(read('/proc/self/cgroup') ?? '')?.[1] ?? '/';
  for (let path = group; ; path = path.slice(0, path.lastIndexOf('/'))) {
    const text = read(`/sys/fs/cgroup${path === '/' ? '' : path}/${name}`);
    if (text !== undefined) yield text.trim();
    if (path === '' || path === '/') return;
  }
}

function cgroupLimits(): number[] {
  const texts = [...cgroupFiles('memory.max'), ...cgroupFiles('memory.high')];
  const v1 = read('/sys/fs/cgroup/memory/memory.limit_in_bytes');
  if (v1 !== undefined) texts.push(v1.trim());
  // "max" is no number, and an absent v1 limit reads as about 2^63.
  return texts.map(Number).filter((bytes) => Number.isFinite(bytes) && bytes > 0);
}

/** A soft limit of this process; nothing where it is unlimited. */
function processLimit(name: string): number | undefined {
  const line = (read('/proc/self/limits') ?? '').split('\n').find((candidate) => candidate.startsWith(name));
  const soft = /^\s+(\d+)/.exec(line?.slice(name.length) ?? '')?.[1];
  return soft === undefined ? undefined : Number(soft);
}

/** Descriptors that this process may still open, where the system tells. */
function freeDescriptors(): number | undefined {
  const limit = processLimit('Max open files');
  if (limit === undefined) return undefined;
  try {
    return limit - readdirSync('/proc/self/fd').length;
  } catch {
    return undefined;
  }
}

function cgroupCores(): number {
  let cores = Number.POSITIVE_INFINITY;
  for (const text of cgroupFiles('cpu.max')) {
    const [quota, period] = text.split(' ').map(Number);
    if (quota && period) cores = Math.min(cores, Math.max(1, Math.floor(quota / period)));
  }
  return cores;
}
