/**
 * The only way out: everything this command prints passes here, and nothing else writes to a standard stream.
 *
 * Two promises are kept in this one place. What is printed cannot steer a terminal: names of files and columns are other
 * people's, and every character of theirs that moves a cursor, turns the direction of text or cannot be seen is escaped;
 * colours and line ends are ours and are added after that. And a stream that fails never ends a job: a reader that went
 * away ends the printing quietly, as if all had been printed; progress that cannot be told is dropped; any other failure
 * of standard output is found out in the end by {@link settle}, which then says so and ends with 74.
 *
 * A stream that is *closed* when the process starts is silence: Node puts /dev/null in its place before our code runs.
 */
import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import type { BatchCoreError } from '../errors.ts';
import { EXIT, systemError } from '../errors.ts';

/** Progress is dropped, not queued, while a reader is this far behind. */
const BACKLOG_BYTES = 64 * 1024;

class Out {
  readonly stream: NodeJS.WriteStream;
  readonly #descriptor: number;
  /** Written by us, at once: what has no reader that could be waited for. */
  readonly #direct: boolean;
  #closed = false;
  #failure: NodeJS.ErrnoException | undefined;

  constructor(stream: NodeJS.WriteStream, descriptor: number) {
    this.stream = stream;
    this.#descriptor = descriptor;
    this.#direct = !isRead(stream, descriptor);
    stream.on('error', (error) => this.#fail(error));
  }

  /** Nothing more can be printed. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Why what was printed did not arrive, unless its reader just went away. */
  get failure(): NodeJS.ErrnoException | undefined {
    return this.#failure;
  }

  /** Whether its reader is far behind. */
  get behind(): boolean {
    return this.stream.writableLength > BACKLOG_BYTES;
  }

  get columns(): number | undefined {
    return this.stream.isTTY ? this.stream.columns : undefined;
  }

  get colours(): boolean {
    return this.stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb';
  }

  write(text: string): void {
    if (this.#closed) return;
    try {
      if (this.#direct) this.#writeAll(Buffer.from(text));
      else this.stream.write(text);
    } catch (error) {
      this.#fail(error as NodeJS.ErrnoException);
    }
  }

  /** Resolves when all that was written has arrived, or never will. */
  flush(): Promise<void> {
    if (this.#closed || this.#direct) return Promise.resolve();
    return new Promise((resolve) => {
      this.stream.once('close', resolve);
      this.stream.once('error', () => resolve());
      this.stream.write('', () => resolve());
    });
  }

  // Node writes to a file once and does not look at how much was taken: on a disk that fills up the rest would be lost unsaid.
  #writeAll(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; ) at += writeSync(this.#descriptor, bytes, at);
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#closed = true;
    if (error.code !== 'EPIPE') this.#failure ??= error;
  }
}

/** Whether somebody reads the stream while it is written: a terminal, a pipe, a socket. */
function isRead(stream: NodeJS.WriteStream, descriptor: number): boolean {
  if (stream.isTTY) return true;
  try {
    const stats = fstatSync(descriptor);
    return stats.isFIFO() || stats.isSocket();
  } catch {
    return false;
  }
}

const stdout = new Out(process.stdout, 1);
const stderr = new Out(process.stderr, 2);

const terminals = [0, 1, 2].filter((descriptor) => isatty(descriptor));

/**
 * Before a process ends, Node sets its terminals back to how it found them, and aborts (SIGABRT, a core file) where one has
 * hung up meanwhile. It passes over a descriptor that is something else by then.
 */
process.on('exit', () => {
  for (const descriptor of terminals.filter((terminal) => !isatty(terminal))) {
    closeSync(descriptor);
    // The lowest free number is the one just given up.
    openSync('/dev/null', 'r+');
  }
});

/** Words of ours in a colour, where there are colours. */
export class Painted {
  readonly colour: number;
  readonly text: string;
  constructor(colour: number, text: string) {
    this.colour = colour;
    this.text = text;
  }
}

export const bold = (text: string) => new Painted(1, text);
export const red = (text: string) => new Painted(31, text);
export const green = (text: string) => new Painted(32, text);
export const yellow = (text: string) => new Painted(33, text);
export const cyan = (text: string) => new Painted(36, text);

/** One line, or its pieces: each piece is escaped, whoever wrote it. */
export type Line = string | readonly (string | Painted)[];

// Controls, formats (bidirectional, zero-width, tags), line and paragraph separators and lone surrogates; not the signs of
// the Arabic and Syriac scripts that Unicode counts as formats although they are seen.
const UNSAFE = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]|(?![\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2])\p{Cf}/gu;

/** `text` with every character spelled out that could steer a terminal or hide. */
export function escapeText(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    const hex = code.toString(16);
    if (code < 0x100) return `\\x${hex.padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${hex.padStart(4, '0')}` : `\\u{${hex}}`;
  });
}

/** `value` as JSON in which the same characters are escaped: it stays the same value to whoever parses it. */
export function jsonText(value: unknown, indent?: number): string {
  const text = JSON.stringify(value, null, indent) ?? 'null';
  // JSON's own escapes left the controls out; a line feed that is still there is our layout.
  return text.replace(UNSAFE, (character) => {
    if (character === '\n') return character;
    return Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join('');
  });
}

function lineText(line: Line, out: Out): string {
  const pieces = typeof line === 'string' ? [line] : line;
  return pieces
    .map((piece) => {
      if (typeof piece === 'string') return escapeText(piece);
      const text = escapeText(piece.text);
      return out.colours ? `\u001b[${piece.colour}m${text}\u001b[0m` : text;
    })
    .join('');
}

const linesText = (lines: readonly Line[], out: Out) => lines.map((line) => `${lineText(line, out)}\n`).join('');

/** Prints the answer: lines on standard output. */
export function printLines(lines: readonly Line[]): void {
  stdout.write(linesText(lines, stdout));
}

export const printLine = (line: Line): void => printLines([line]);

/** Prints the answer as JSON: indented, or on one line. */
export function printJson(value: unknown, indent: number | undefined = 2): void {
  stdout.write(`${jsonText(value, indent)}\n`);
}

/** Says something beside the answer, on standard error. */
export function say(...lines: Line[]): void {
  stderr.write(linesText(lines, stderr));
}

/** Says how far a run is, unless the reader is behind: what is old news by then is left out. */
export function tell(line: string): void {
  if (!stderr.behind) stderr.write(`${escapeText(line)}\n`);
}

/** The same as a record. */
export function tellJson(record: unknown): void {
  if (!stderr.behind) stderr.write(`${jsonText(record)}\n`);
}

/** Says as a record what happens once: it waits for a reader that is behind, as an error would. */
export function sayJson(record: unknown): void {
  stderr.write(`${jsonText(record)}\n`);
}

/** Replaces the line the cursor is on by `text`; the empty text clears it. */
export function redraw(text: string): void {
  if (!stderr.behind) stderr.write(`\r\u001b[K${escapeText(text)}`);
}

/** Whether nobody reads the answer any more: what would go on printing may end. */
export const answerIsClosed = (): boolean => stdout.closed;

/** Width of the terminal that the answer, or what is beside it, is read on; none where there is no terminal. */
export const answerColumns = (): number | undefined => stdout.columns;
export const besideColumns = (): number | undefined => stderr.columns;
export const besideIsTerminal = (): boolean => process.stderr.isTTY === true;

/**
 * Waits until what was printed has arrived, and says with what the process ends.
 *
 * @param exitCode - What the command ended with; a failure of its own is not hidden by one to print it.
 * @param untold - The error that was printed as JSON on standard output, which is told in words if that failed.
 */
export async function settle(exitCode: number, untold?: BatchCoreError): Promise<number> {
  await stdout.flush();
  const { failure } = stdout;
  if (failure !== undefined) {
    if (untold !== undefined) sayError(untold);
    const hint = 'only what was to be printed is lost: a job that was done is done';
    sayError(systemError(failure, 'write to standard output', { hint }));
  }
  await stderr.flush();
  return failure !== undefined && exitCode === EXIT.ok ? EXIT.io : exitCode;
}

/** An error in words: what, how the command is used, what to do. */
export function sayError(error: BatchCoreError, how: { usage?: string | undefined; verbose?: boolean } = {}): void {
  const lines: Line[] = [[red(`error[${error.code}]`), `: ${error.message}`]];
  if (how.usage !== undefined) lines.push(['  ', cyan('usage'), `: ${how.usage}`]);
  if (error.hint !== undefined) lines.push(['  ', cyan('hint'), `: ${error.hint}`]);
  if (how.verbose) lines.push(...stackLines(error));
  say(...lines);
}

function stackLines(error: BatchCoreError): Line[] {
  const own = error.stack?.split('\n') ?? [];
  const cause = error.cause instanceof Error ? `caused by ${error.cause.stack ?? error.cause.message}`.split('\n') : [];
  return [...own, ...cause];
}
