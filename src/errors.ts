/** The one error of this package, and how what others throw becomes it. */
import { constants } from 'node:os';
import {
  CODES,
  type CodeFacts,
  codeOfErrno,
  type ErrorClass,
  type ErrorCode,
  plainRemedy,
  remedyOf,
} from './errorCodes.ts';

export { ERROR_CODES, type ErrorClass, type ErrorCode, EXIT, isErrorCode } from './errorCodes.ts';

/** Where the trouble lies: a file, and inside it a column or a row group; or an option. */
export interface ErrorPlace {
  file?: string;
  column?: string;
  rowGroup?: number;
  option?: string;
  job?: string;
}

/**
 * What took a worker away: it was out of memory, its process was ended by a signal, its machine is gone, or it ended by
 * itself.
 */
export type Loss = 'memory' | 'signal' | 'node' | 'exit';

/** An error as plain data: what crosses threads, processes and `--json`. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  where?: ErrorPlace;
  hint?: string;
  /** What the cause says, where it says more than the message. */
  cause?: string;
}

interface BatchCoreErrorOptions {
  where?: ErrorPlace | undefined;
  hint?: string | undefined;
  cause?: unknown;
  exitCode?: number | undefined;
}

/** The one error this package throws. `code` is stable; `message` is for people. */
export class BatchCoreError extends Error {
  override readonly name = 'BatchCoreError';
  /** One of a closed set. */
  readonly code: ErrorCode;
  /** What may be done about it. */
  readonly class: ErrorClass;
  /** Whether the same work may succeed later by itself. */
  readonly retried: boolean;
  /** The file, column, row group, option or job it is about. */
  readonly where?: ErrorPlace;
  /** What to do about it. */
  readonly hint?: string;
  /** The exit code of a process that ends by this error. */
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options: BatchCoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    const facts: CodeFacts = CODES[code];
    this.class = facts.class;
    this.retried = facts.retried ?? (facts.class === 'TRANSIENT_IO' || facts.class === 'RESOURCE');
    this.exitCode = options.exitCode ?? CODES[code].exitCode;
    if (options.where !== undefined) this.where = options.where;
    // What has one remedy, whoever met it, has the table's.
    const hint = options.hint ?? remedyOf(code);
    if (hint !== undefined) this.hint = hint;
  }

  /** The error as plain data. */
  toJSON(): ErrorRecord {
    return {
      code: this.code,
      message: this.message,
      ...(this.where && { where: this.where }),
      ...(this.hint !== undefined && { hint: this.hint }),
      ...causeOf(this),
    };
  }

  /** The error that was plain data. */
  static fromRecord(record: ErrorRecord): BatchCoreError {
    return new BatchCoreError(record.code, record.message, {
      where: record.where,
      hint: record.hint,
      cause: record.cause === undefined ? undefined : new Error(record.cause),
    });
  }

  /** Anything thrown, as our error: what the system refused under its own code, anything else as a bug of ours. */
  static from(thrown: unknown): BatchCoreError {
    if (thrown instanceof BatchCoreError) return thrown;
    if (isSystemError(thrown)) return systemError(thrown);
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new BatchCoreError('BUG', `unexpected: ${message}`, {
      hint: 'this is a bug in batch-core; please report it with the command you ran (-v prints the stack)',
      cause: thrown,
    });
  }
}

/** The same error, said otherwise. */
export function restate(
  error: BatchCoreError,
  said: {
    message?: string;
    where?: ErrorPlace | undefined;
    hint?: string | undefined;
    exitCode?: number;
    cause?: unknown;
  },
): BatchCoreError {
  const { code, message, where, hint, cause, exitCode } = error;
  return new BatchCoreError(code, said.message ?? message, { where, hint, cause, exitCode, ...said });
}

/** The same error where nothing was to be written: what was refused was a look. */
export function ofLook(error: BatchCoreError): BatchCoreError {
  const { code, message, where, cause } = error;
  if (code !== 'OUTPUT_UNWRITABLE') return error;
  return new BatchCoreError('UNREADABLE', message, { where, cause, hint: READABLE });
}

const READABLE = plainRemedy('UNREADABLE');

/** The text of an error's cause, unless the message holds it. */
function causeOf({ cause, message }: Error): { cause?: string } {
  const text = cause instanceof Error ? cause.message : cause;
  return typeof text !== 'string' || text === '' || message.includes(text) ? {} : { cause: text };
}

/** An error that Node made of a system call that failed. */
export function isSystemError(thrown: unknown): thrown is NodeJS.ErrnoException {
  return thrown instanceof Error && 'syscall' in thrown && typeof (thrown as NodeJS.ErrnoException).code === 'string';
}

/**
 * What the operating system refused, under the code of its errno, with what to do.
 *
 * @param doing - What was tried, as a verb and its object: `create the job's directory`. Default: the system call.
 */
export function systemError(
  cause: unknown,
  doing?: string,
  options: { path?: string; option?: string; hint?: string; code?: ErrorCode } = {},
): BatchCoreError {
  const { syscall, path: named, message } = cause as NodeJS.ErrnoException;
  const errno = errnoOf(cause as NodeJS.ErrnoException);
  if (syscall === 'uv_cwd')
    return new BatchCoreError('PATH_LOST', 'the working directory is gone', {
      hint: 'change to a directory that exists',
      cause,
    });
  const path = options.path ?? named;
  const known = codeOfErrno(errno);
  // Said by who was about to write, it is where nothing can be written; said by nobody in particular, it was a look.
  const looked = known === 'OUTPUT_UNWRITABLE' && doing === undefined && READS.has(syscall);
  const code = options.code ?? (looked ? 'UNREADABLE' : known);
  const what = doing ?? `${syscall ?? 'reach'}${path === undefined ? '' : ` ${path}`}`;
  return new BatchCoreError(code, `cannot ${what}: ${errno ? (WORDS[errno] ?? `${errno}`) : message}`, {
    where: {
      ...(path !== undefined && { file: path }),
      ...(options.option !== undefined && { option: options.option }),
    },
    hint: options.hint ?? plainRemedy(code),
    cause,
  });
}

/**
 * The same of what is only read: what may not be read is not a place to choose anew, and what is not there is missed under
 * a code of its own.
 *
 * @param what - What was to be read, as an object: `the model m.bcm`.
 */
export function readError(
  cause: unknown,
  what: string,
  options: { path: string; absent: ErrorCode; absentHint?: string; refused?: ErrorCode },
): BatchCoreError {
  const { path, absent, absentHint, refused = 'UNREADABLE' } = options;
  const errno = errnoOf(cause as NodeJS.ErrnoException);
  const known = codeOfErrno(errno);
  if (known === 'PATH_LOST')
    return systemError(cause, `read ${what}`, {
      path,
      code: absent,
      ...(absentHint !== undefined && { hint: absentHint }),
    });
  const isRefused = known === 'OUTPUT_UNWRITABLE' || (known === 'TRANSIENT_IO' && !PASSING.has(errno));
  return systemError(cause, `read ${what}`, {
    path,
    ...(isRefused && { code: refused, hint: READABLE }),
  });
}

/** What a network or a neighbour is to blame for, and not what lies there. */
const PASSING: ReadonlySet<string | undefined> = new Set(['ESTALE', 'ETIMEDOUT', 'EAGAIN', 'EINTR', 'EBUSY']);

/** System calls that change nothing, and do not ask to. */
const READS: ReadonlySet<string | undefined> = new Set([
  'stat',
  'lstat',
  'access',
  'scandir',
  'readlink',
  'realpath',
  'read',
]);

/** libuv has no name for some errors of the system, EDQUOT among them; Node has. */
function errnoOf({ code, errno }: NodeJS.ErrnoException): string | undefined {
  if (!/^unknown/i.test(code ?? '')) return code;
  return Object.entries(constants.errno).find(([, number]) => number === -(errno ?? 0))?.[0] ?? code;
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'not permitted',
  ENOENT: 'no such file or directory',
  ENOTDIR: 'something above it is not a directory',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a link that leads to itself',
  ENOSPC: 'no room on the disk (ENOSPC)',
  EDQUOT: 'the disk quota is used up (EDQUOT)',
  EFBIG: 'the file would be larger than allowed (EFBIG)',
  EROFS: 'the file system is read-only (EROFS)',
  EIO: 'the device failed (EIO)',
  ESTALE: 'the file server has lost it (ESTALE)',
  EMFILE: 'too many open files (EMFILE)',
  ENFILE: 'too many open files in the system (ENFILE)',
  ENAMETOOLONG: 'the name is too long (ENAMETOOLONG)',
  ENOMEM: 'no memory (ENOMEM)',
  EBADF: 'it is not open for this (EBADF)',
};
