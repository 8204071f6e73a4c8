/** One fault at one system call: the command suffers it, the same command runs again, and everything is as if it had not been. */
import { mkdirSync } from 'node:fs';
import { type Ended, errorOf, run } from '../../cli/harness.ts';
import { COMMON, digests, jobOf, reset, type Scenario, statusOf, strangerIntact, tree } from './scenarios.ts';
import { type Call, type Mode, processOf, tampered, traced } from './trace.ts';

/** What may be made to go wrong with a call, and the codes by which the command may then end. */
const ERRNOS: Record<string, readonly string[]> = {
  EIO: ['DISK_ERROR'],
  // Of a failed fsync DuckDB does not say why.
  ENOSPC: ['DISK_FULL', 'DISK_ERROR'],
  EDQUOT: ['QUOTA_EXCEEDED', 'DISK_ERROR'],
  EROFS: ['READ_ONLY'],
  EACCES: ['OUTPUT_UNWRITABLE'],
  EMFILE: ['TOO_MANY_FILES'],
};
const WRITES = ['EIO', 'ENOSPC', 'EDQUOT'];
const NAMES = ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS', 'EACCES'];
const REMOVES = ['EIO', 'EROFS', 'EACCES'];

function errnosOf(call: string): readonly string[] {
  if (call === 'openat') return [...NAMES, 'EMFILE'];
  if (/^(mkdir|rename|link|symlink)/.test(call)) return NAMES;
  return /^(unlink|rmdir)/.test(call) ? REMOVES : WRITES;
}

/** A fault in words that hold in every directory: `@` for it, `#` for the job, `%` for the home, `~` for the process. */
export interface Fault {
  call: string;
  path: string;
  nth: number;
  /** `KILL` or an errno. */
  kind: string;
}

export type Verdict = 'survived' | 'not reached' | { wrong: string };

const LIMIT_MS = 120_000;

/** What differs from directory to directory. */
interface Names {
  directory: string;
  job: string;
  home: string;
  processes: Record<Mode, string>;
}

/** A directory in which one fault after another is tried. */
export class Lane {
  readonly directory: string;
  readonly #source: string;
  readonly #scenario: Scenario;
  readonly #args: readonly string[];
  #names: Names = { directory: '', job: '', home: '', processes: { errno: '', kill: '' } };
  #expected: Record<string, string> = {};
  #tree: string[] = [];

  constructor(directory: string, source: string, scenario: Scenario) {
    mkdirSync(directory);
    this.directory = directory;
    this.#source = source;
    this.#scenario = scenario;
    this.#args = [...scenario.args, ...COMMON];
  }

  /** Runs undisturbed, under strace: what is expected, and every call that may fail. */
  async begin(): Promise<Fault[]> {
    reset(this.directory, this.#source, this.#scenario);
    const calls = await traced(this.directory, this.#args);
    const job = jobOf(this.directory);
    const home = /\.batch-core-[0-9a-f]{16}-([0-9a-f]{8})-/.exec(calls.map(({ path }) => path).join('\n'))?.[1];
    const processes = {
      errno: await processOf(this.directory, 'errno'),
      kill: await processOf(this.directory, 'kill'),
    };
    this.#names = { directory: this.directory, job, home: home ?? '%', processes };
    this.#expected = digests(this.directory, this.#scenario);
    this.#tree = tree(this.directory, job);
    return calls.flatMap(({ call, path, nth }) =>
      ['KILL', ...errnosOf(call)].map((kind) => ({ call, path: this.#shortened(path), nth, kind })),
    );
  }

  async tried(fault: Fault): Promise<Verdict> {
    reset(this.directory, this.#source, this.#scenario);
    const call: Call = { ...fault, path: this.#lengthened(fault.path, fault.kind === 'KILL' ? 'kill' : 'errno') };
    const first = await tampered(this.directory, this.#args, call, fault.kind, LIMIT_MS);
    const said = words(first);
    if (first.late) return { wrong: `hung for ${LIMIT_MS} ms: ${said}` };
    if (!strangerIntact(this.directory, this.#scenario)) return { wrong: `cut short what was not ours: ${said}` };
    const reached = fault.kind !== 'KILL' || first.code !== 0;
    const wrong = this.#wrongEnd(fault, first) ?? (await this.#wrongAfter());
    if (wrong !== undefined) return { wrong: `${wrong}; at first: ${said}` };
    return reached ? 'survived' : 'not reached';
  }

  /** How the run that suffered may not end. */
  #wrongEnd({ kind }: Fault, ended: Ended): string | undefined {
    const { code, stderr } = ended;
    if (code === 0) return this.#wrongOutputs();
    if (kind === 'KILL') return code === 137 || code === null ? undefined : `ended with ${code}`;
    if (/^ +at .*\d+:\d+/m.test(stderr)) return 'a stack trace';
    const named = errorIn(ended)?.code ?? '';
    if (code !== 74 || !ERRNOS[kind]?.includes(named)) return `${kind} is called ${named}, exit ${code}`;
    return undefined;
  }

  /** What the same command, undisturbed, may not find or leave. */
  async #wrongAfter(): Promise<string | undefined> {
    const again = await run(this.directory, ...this.#args);
    if (again.code !== 0) return `the same command again: ${words(again)}`;
    return this.#wrongOutputs() ?? this.#wrongStatus() ?? this.#leftOver();
  }

  /** What others are told in the end. */
  #wrongStatus(): string | undefined {
    const { state, progress } = statusOf(this.directory);
    const { chunksDone: done, chunksTotal: total } = progress;
    return state === 'completed' && done === total && total > 0 ? undefined : `status: ${state}, ${done} of ${total}`;
  }

  #wrongOutputs(): string | undefined {
    const found = JSON.stringify(digests(this.directory, this.#scenario));
    return found === JSON.stringify(this.#expected) ? undefined : `outputs differ: ${found}`;
  }

  #leftOver(): string | undefined {
    const found = tree(this.directory, jobOf(this.directory));
    const more = found.filter((name) => !this.#tree.includes(name));
    const less = this.#tree.filter((name) => !found.includes(name));
    return more.length + less.length === 0 ? undefined : `left over: [${more}], missing: [${less}]`;
  }

  #pairs(mode: Mode): (readonly [string, string])[] {
    const { directory, job, home, processes } = this.#names;
    return [
      [directory, '@'],
      [job, '#'],
      [home, '%'],
      [processes[mode], '~'],
    ];
  }

  #shortened(path: string): string {
    return this.#pairs('errno').reduce((text, [long, short]) => text.replaceAll(long, short), path);
  }

  #lengthened(path: string, mode: Mode): string {
    return this.#pairs(mode).reduce((text, [long, short]) => text.replaceAll(short, long), path);
  }
}

/** The error that a command printed; nothing when it printed none, or was killed. */
function errorIn(ended: Ended): ReturnType<typeof errorOf> | undefined {
  try {
    return errorOf(ended);
  } catch {
    return undefined;
  }
}

/** How a command ended, in a line. */
function words(ended: Ended): string {
  const { code = '', message = '' } = errorIn(ended) ?? {};
  const { stderr } = ended;
  // What Node aborts of stands first, what ends a command last.
  const short = stderr.length > 1200 ? `${stderr.slice(0, 600)} ... ${stderr.slice(-600)}` : stderr;
  return `exit ${ended.code} ${code} ${message} ${short}`.trim();
}

/** Tries faults in several lanes at once. */
export async function tryAll(
  lanes: readonly Lane[],
  faults: readonly Fault[],
  told: (fault: Fault, verdict: Verdict) => void,
): Promise<void> {
  const left = [...faults];
  await Promise.all(
    lanes.map(async (lane) => {
      for (let fault = left.shift(); fault; fault = left.shift()) told(fault, await lane.tried(fault));
    }),
  );
}
