/**
 * What may be done about an error. It travels from Rust to the process's exit as a code, never as text:
 * `TRANSIENT_IO` and `RESOURCE` are retried, the others are not.
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
  interrupted: 130,
  terminated: 143,
} as const;

/** Every code there is, with its class and the exit code of a process that ends by it. */
const CODES = {
  // The classes themselves: what the native half reports when no narrower code applies.
  TRANSIENT_IO: { class: 'TRANSIENT_IO', exitCode: EXIT.io },
  RESOURCE: { class: 'RESOURCE', exitCode: EXIT.io },
  DATA: { class: 'DATA', exitCode: EXIT.data },
  CONFIG: { class: 'CONFIG', exitCode: EXIT.config },
  BUG: { class: 'BUG', exitCode: EXIT.bug },
  CANCELLED: { class: 'CANCELLED', exitCode: EXIT.failed },
  INPUT_CHANGED: { class: 'INPUT_CHANGED', exitCode: EXIT.config },
  // The command line and options.
  USAGE: { class: 'CONFIG', exitCode: EXIT.usage },
  UNKNOWN_DETECTOR: { class: 'CONFIG', exitCode: EXIT.usage },
  UNKNOWN_PARAMETER: { class: 'CONFIG', exitCode: EXIT.usage },
  UNKNOWN_FORMAT: { class: 'CONFIG', exitCode: EXIT.usage },
  // The source.
  SOURCE_NOT_FOUND: { class: 'TRANSIENT_IO', exitCode: EXIT.io },
  SOURCE_UNREADABLE: { class: 'TRANSIENT_IO', exitCode: EXIT.io },
  SOURCE_INVALID: { class: 'DATA', exitCode: EXIT.data },
  SOURCE_EMPTY: { class: 'DATA', exitCode: EXIT.data },
  SCHEMA_MISMATCH: { class: 'DATA', exitCode: EXIT.data },
  NO_USABLE_COLUMN: { class: 'DATA', exitCode: EXIT.data },
  COLUMN_NOT_FOUND: { class: 'CONFIG', exitCode: EXIT.config },
  COLUMN_NOT_NUMERIC: { class: 'CONFIG', exitCode: EXIT.config },
  // Models and outputs.
  MODEL_NOT_FOUND: { class: 'TRANSIENT_IO', exitCode: EXIT.io },
  MODEL_INVALID: { class: 'DATA', exitCode: EXIT.data },
  MODEL_MISMATCH: { class: 'CONFIG', exitCode: EXIT.config },
  OUTPUT_EXISTS: { class: 'CONFIG', exitCode: EXIT.config },
  OUTPUT_UNWRITABLE: { class: 'TRANSIENT_IO', exitCode: EXIT.io },
  DISK_FULL: { class: 'RESOURCE', exitCode: EXIT.io },
  OUTPUT_DAMAGED: { class: 'DATA', exitCode: EXIT.data },
  // Jobs.
  JOB_NOT_FOUND: { class: 'CONFIG', exitCode: EXIT.config },
  JOB_MISMATCH: { class: 'CONFIG', exitCode: EXIT.config },
  JOB_BUSY: { class: 'RESOURCE', exitCode: EXIT.busy },
  ADDON_MISSING: { class: 'CONFIG', exitCode: EXIT.config },
} as const satisfies Record<string, { class: ErrorClass; exitCode: number }>;

/** A stable error code. The set is closed: a new one is a minor version. */
export type ErrorCode = keyof typeof CODES;

/** The codes, for documentation and for checking what comes over a thread's or process's edge. */
export const ERROR_CODES = Object.keys(CODES) as ErrorCode[];

/** Where the trouble lies: a file, and inside it a column or a row group; or an option. */
export interface ErrorPlace {
  file?: string;
  column?: string;
  rowGroup?: number;
  option?: string;
  job?: string;
}

/** An error as plain data: what crosses threads, processes and `--json`. */
export interface ErrorRecord {
  code: ErrorCode;
  message: string;
  where?: ErrorPlace;
  hint?: string;
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
  /** What may be done about it: only `TRANSIENT_IO` and `RESOURCE` are worth a retry. */
  readonly class: ErrorClass;
  /** The file, column, row group, option or job it is about. */
  readonly where?: ErrorPlace;
  /** What to do about it. */
  readonly hint?: string;
  /** The exit code of a process that ends by this error. */
  readonly exitCode: number;

  constructor(code: ErrorCode, message: string, options: BatchCoreErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.class = CODES[code].class;
    this.exitCode = options.exitCode ?? CODES[code].exitCode;
    if (options.where !== undefined) this.where = options.where;
    if (options.hint !== undefined) this.hint = options.hint;
  }

  /** The error as plain data. */
  toJSON(): ErrorRecord {
    return {
      code: this.code,
      message: this.message,
      ...(this.where && { where: this.where }),
      ...(this.hint !== undefined && { hint: this.hint }),
    };
  }

  /** The error that was plain data. */
  static fromRecord(record: ErrorRecord): BatchCoreError {
    return new BatchCoreError(record.code, record.message, { where: record.where, hint: record.hint });
  }

  /** Anything thrown, as our error; what is not ours is a bug of ours. */
  static from(thrown: unknown): BatchCoreError {
    if (thrown instanceof BatchCoreError) return thrown;
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new BatchCoreError('BUG', `unexpected: ${message}`, {
      hint: 'this is a bug in batch-core; please report it with the command you ran (-v prints the stack)',
      cause: thrown,
    });
  }
}

/** Whether `code` is one of ours. */
export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(CODES, code);
}
