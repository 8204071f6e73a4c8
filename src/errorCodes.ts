/** The closed set of error codes: what each means, how a process ends by it, and what to do. docs/errors.md is made from it. */

/**
 * What may be done about an error. It travels from Rust to the process's exit as a code, never as text:
 * `TRANSIENT_IO` and `RESOURCE` are retried unless their code says otherwise, the others are not.
 */
export type ErrorClass = 'TRANSIENT_IO' | 'RESOURCE' | 'DATA' | 'CONFIG' | 'BUG' | 'CANCELLED' | 'INPUT_CHANGED';

/** Process exit codes (sysexits where one fits). */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  quarantined: 3,
  data: 65,
  bug: 70,
  io: 74,
  busy: 75,
  config: 78,
  hungUp: 129,
  interrupted: 130,
  quit: 131,
  terminated: 143,
} as const;

/** What is known of a code. */
export interface CodeFacts {
  class: ErrorClass;
  exitCode: number;
  /** False where the class is retried in general, but this never passes by itself. */
  retried?: false;
  /** When it happens. */
  meaning: string;
  /** What to do about it. */
  remedy: string;
}

const io = { class: 'TRANSIENT_IO', exitCode: EXIT.io } as const;
const resource = { class: 'RESOURCE', exitCode: EXIT.io } as const;
const data = { class: 'DATA', exitCode: EXIT.data } as const;
const config = { class: 'CONFIG', exitCode: EXIT.config } as const;
const usage = { class: 'CONFIG', exitCode: EXIT.usage } as const;
const lasting = { retried: false } as const;

export const CODES = {
  // The classes themselves: what is reported when no narrower code applies.
  TRANSIENT_IO: {
    ...io,
    meaning: 'reading or writing failed in a way that may pass; retried',
    remedy: 'run the same command again: it goes on from the finished chunks',
  },
  RESOURCE: { ...resource, meaning: 'something of the machine is used up; retried', remedy: 'free it, and run again' },
  DATA: {
    ...data,
    meaning: "a file's content is not what its footer says, or cannot be fitted",
    remedy: 'copy or write the file again; the message names the place',
  },
  CONFIG: { ...config, meaning: 'options and source do not fit', remedy: 'change what the message names' },
  BUG: {
    class: 'BUG',
    exitCode: EXIT.bug,
    meaning: 'batch-core broke a rule of its own',
    remedy: 'please report it with the command and the output of -v',
  },
  CANCELLED: {
    class: 'CANCELLED',
    exitCode: EXIT.failed,
    meaning: 'stopped on request; finished chunks are kept',
    remedy: 'run the same command, or `batch-core resume <job>`',
  },
  INPUT_CHANGED: {
    class: 'INPUT_CHANGED',
    exitCode: EXIT.config,
    meaning: 'a source file is not the one the job began to read',
    remedy: 'let the file come to rest and run again',
  },
  // The command line and options.
  USAGE: { ...usage, meaning: 'an option or argument is wrong', remedy: 'see `batch-core <command> --help`' },
  UNKNOWN_DETECTOR: { ...usage, meaning: 'no such detector', remedy: 'see `batch-core inspect --detectors`' },
  UNKNOWN_PARAMETER: {
    ...usage,
    meaning: 'the detector has no such parameter',
    remedy: 'see `batch-core inspect --detectors`',
  },
  UNKNOWN_FORMAT: { ...usage, meaning: 'a format that is not read or written', remedy: 'convert it as the hint says' },
  // The source.
  SOURCE_NOT_FOUND: {
    ...io,
    ...lasting,
    meaning: 'no such file, or no file matches',
    remedy: 'check the path',
  },
  SOURCE_UNREADABLE: { ...io, meaning: 'a source may not be read', remedy: 'check its permissions' },
  SOURCE_INVALID: {
    ...data,
    meaning: 'not Parquet, truncated, or its footer is damaged',
    remedy: 'copy or write the file again',
  },
  SOURCE_DAMAGED: {
    ...data,
    meaning: '`--verify-input` found a page that is not what its header says: a wrong checksum, or no page at all',
    remedy: 'copy or write the file again; the message names row group, column and page',
  },
  SOURCE_EMPTY: { ...data, meaning: 'no rows', remedy: 'check what wrote the file' },
  SCHEMA_MISMATCH: {
    ...data,
    meaning: 'files of one source have different columns',
    remedy: 'score files of one schema together',
  },
  NO_USABLE_COLUMN: { ...data, meaning: 'no numeric column is left', remedy: 'choose columns with `--columns`' },
  COLUMN_NOT_FOUND: {
    ...config,
    meaning: 'an option names a column that is not there',
    remedy: 'see `batch-core inspect <file>`',
  },
  COLUMN_NOT_NUMERIC: { ...config, meaning: 'a column to score is no number', remedy: 'leave it out' },
  LABEL_INVALID: {
    ...data,
    meaning: 'a column of labels says something else than true or false, or the same of all rows',
    remedy: 'name another column with `--label`',
  },
  // Models and outputs.
  MODEL_NOT_FOUND: { ...io, ...lasting, meaning: 'no such model file', remedy: 'make one with `batch-core fit`' },
  MODEL_INVALID: { ...data, meaning: 'damaged, newer, or not a model', remedy: 'fit it again' },
  MODEL_MISMATCH: {
    ...config,
    meaning: 'the source or an option does not fit the model',
    remedy: 'score what the model was fitted on, as it was fitted, or fit a new one',
  },
  FOREST_INVALID: {
    ...data,
    meaning: 'a forest to import is damaged or contradicts itself',
    remedy: 'write it again with what wrote it; the message names the place',
  },
  FOREST_UNSUPPORTED: {
    ...data,
    meaning: 'a file to import is no isolation forest, or has what is not read',
    remedy: 'export the fitted forest as the page on models says (docs/models.md)',
  },
  OUTPUT_EXISTS: {
    ...config,
    meaning: "something else lies at the output's path",
    remedy: 'choose another path, or move away what lies there',
  },
  OUTPUT_UNWRITABLE: {
    ...io,
    meaning: "the output's or home's directory is not there or cannot be written",
    remedy: 'create it or make it writable, or choose another one',
  },
  OUTPUT_DAMAGED: {
    ...data,
    meaning: 'what was published is not what was written',
    remedy: 'make it again from its source',
  },
  // The machine.
  UNREADABLE: {
    ...io,
    meaning: 'a model, an output or a file of the home may not be read',
    remedy: 'check its permissions and those of its directory',
  },
  DISK_FULL: {
    ...resource,
    ...lasting,
    meaning: 'the disk has no room',
    remedy: 'make room and run the same command again: it goes on',
  },
  QUOTA_EXCEEDED: {
    ...resource,
    ...lasting,
    meaning: "the user's quota is used up, or a file is larger than allowed (`ulimit -f`)",
    remedy: 'make room or raise the limit, and run the same command again: it goes on',
  },
  READ_ONLY: {
    ...io,
    ...lasting,
    meaning: 'the file system is read-only',
    remedy: 'choose another place with `--out` and `--home`',
  },
  DISK_ERROR: {
    ...io,
    meaning: 'the device failed to read or write (EIO); retried',
    remedy: 'check the disk, then run the same command again: it goes on',
  },
  TOO_MANY_FILES: {
    ...resource,
    meaning: 'no file descriptors are left (`ulimit -n`)',
    remedy: 'raise the limit (`ulimit -n`): 64 suffice for four workers, 7 more for each further one',
  },
  TOO_MANY_THREADS: {
    ...resource,
    meaning:
      'no thread could be started (`ulimit -u`, the limit of processes of a control group, or no memory for its stack)',
    remedy: 'raise that limit, or give fewer `--workers`: a run has some eleven threads, and one more for each worker',
  },
  NAME_TOO_LONG: { ...config, meaning: 'a file name or path is longer than allowed', remedy: 'choose a shorter one' },
  OUT_OF_MEMORY: {
    ...resource,
    meaning: 'memory could not be had (`ulimit -v`, `ulimit -d`, a control group)',
    remedy: 'give it more, or fewer `--workers`',
  },
  MEMORY_TOO_SMALL: {
    ...config,
    meaning: '`--memory` is less than the run needs',
    remedy: 'give at least what the message names',
  },
  PATH_LOST: {
    ...io,
    ...lasting,
    meaning: 'a directory that was in use is gone: the home, the output, or the working directory',
    remedy: 'put it back or start over from another directory',
  },
  // Jobs.
  JOB_NOT_FOUND: { ...config, meaning: 'no such job', remedy: '`batch-core jobs` lists them' },
  JOB_MISMATCH: {
    ...config,
    meaning: 'an unfinished job for this output was begun differently, or the job is not in a state for this',
    remedy: 'go on with `batch-core resume <job>`, or run with the options it began with',
  },
  JOB_DAMAGED: {
    ...data,
    meaning: "the job's own records are damaged",
    remedy: 'run the same command: what is damaged is set aside and done again',
  },
  CHUNK_CRASHED: {
    class: 'RESOURCE',
    exitCode: EXIT.failed,
    ...lasting,
    meaning: 'three times the process ended without a word while this chunk ran',
    remedy: 'give it more memory; `batch-core resume <job>` tries once more, finished chunks are kept',
  },
  JOB_BUSY: {
    class: 'RESOURCE',
    exitCode: EXIT.busy,
    ...lasting,
    meaning: 'the job runs in another process, or its database is open in this one',
    remedy: 'follow it with `batch-core status <job> --watch`',
  },
  ADDON_MISSING: {
    ...config,
    meaning: 'the native part cannot be loaded',
    remedy: 'install again without `--omit=optional`, or build it',
  },
} as const satisfies Record<string, CodeFacts>;

/** A stable error code. The set is closed: a new one is a minor version, and none is renamed or removed within a major. */
export type ErrorCode = keyof typeof CODES;

/** The codes, for documentation and for checking what comes over a thread's or process's edge. */
export const ERROR_CODES = Object.keys(CODES) as ErrorCode[];

/** Whether `code` is one of ours. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CODES, code);
}

/** What each errno means here; anything else of the system is `TRANSIENT_IO`. */
const ERRNO: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'DISK_FULL',
  EDQUOT: 'QUOTA_EXCEEDED',
  EFBIG: 'QUOTA_EXCEEDED',
  EROFS: 'READ_ONLY',
  EIO: 'DISK_ERROR',
  EMFILE: 'TOO_MANY_FILES',
  ENFILE: 'TOO_MANY_FILES',
  ENAMETOOLONG: 'NAME_TOO_LONG',
  ENOMEM: 'OUT_OF_MEMORY',
  ENOENT: 'PATH_LOST',
  ENOTDIR: 'PATH_LOST',
  EACCES: 'OUTPUT_UNWRITABLE',
  EPERM: 'OUTPUT_UNWRITABLE',
};

/** What the system refuses, and what comes to lie somewhere meanwhile. */
const REMEDIED: ReadonlySet<ErrorCode> = new Set([
  ...Object.values(ERRNO),
  'OUTPUT_EXISTS',
  'SOURCE_NOT_FOUND',
  'SOURCE_EMPTY',
  'SOURCE_DAMAGED',
  'DATA',
  'JOB_NOT_FOUND',
  'JOB_DAMAGED',
  'FOREST_INVALID',
  'FOREST_UNSUPPORTED',
]);

/** What to do about that, whoever met it; nothing for other codes, whose remedy depends on the case. */
export function remedyOf(code: ErrorCode): string | undefined {
  return REMEDIED.has(code) ? plainRemedy(code) : undefined;
}

/** What the table says to do, for a terminal. */
export function plainRemedy(code: ErrorCode): string {
  return CODES[code].remedy.replaceAll('`', '');
}

/** The code of an operating system error, by the name of its errno. */
export function codeOfErrno(errno: string | undefined): ErrorCode {
  return (errno !== undefined && ERRNO[errno]) || 'TRANSIENT_IO';
}
