/** Paths as people give them: made absolute, or refused where no name of theirs could be meant. */
import { lstatSync } from 'node:fs';
import { isAbsolute, resolve } from 'node:path';
import { BatchCoreError, type ErrorCode, systemError } from '../errors.ts';

/** What Node puts where the bytes of a name are not UTF-8: the name that was meant cannot be asked for any more. */
const LOST = '\ufffd';

/** The error of a name whose bytes are not UTF-8. */
export function notUtf8(name: string, path: string, code: ErrorCode = 'SOURCE_NOT_FOUND'): BatchCoreError {
  return new BatchCoreError(code, `the name "${name}" is not UTF-8 and cannot be opened`, {
    where: { file: path },
    hint: 'rename the file, or read it through a link whose name is UTF-8',
  });
}

/** Whether `name` lost bytes when it became text; where `path`, its file, is there by that very name, it did not. */
export function isLost(name: string, path: string): boolean {
  return name.includes(LOST) && !lies(path);
}

function lies(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch {
    return false;
  }
}

/** The absolute path of what `option` names, which is or may be made: under no other name than the one that was meant. */
export function placeOf(path: string, option: string): string {
  if (path.includes(LOST))
    throw new BatchCoreError('USAGE', `${option}: the name "${path}" is not UTF-8`, {
      where: { option, file: path },
      hint: 'choose another name; the bytes of this one would be replaced',
    });
  return fromHere(path);
}

/** The absolute path of what is only read. */
export function fromHere(path: string): string {
  if (path.includes('\0'))
    throw new BatchCoreError('USAGE', `the path ${JSON.stringify(path)} has a NUL in it, which no name can have`, {
      where: { file: path },
      hint: 'give the path without it',
    });
  return isAbsolute(path) ? resolve(path) : resolve(workingDirectory(), path);
}

/** The working directory, which may be gone, and whose own name may not be UTF-8. */
export function workingDirectory(): string {
  let path: string;
  try {
    path = process.cwd();
  } catch (cause) {
    throw systemError(cause);
  }
  if (!isLost(path, path)) return path;
  throw new BatchCoreError('CONFIG', `the working directory's name "${path}" is not UTF-8`, {
    where: { file: path },
    hint: 'give absolute paths, or run the command from another directory',
  });
}

/** Whether relative paths mean anything. */
export function canLookAround(): boolean {
  try {
    workingDirectory();
    return true;
  } catch {
    return false;
  }
}

const UNSEEN = /[\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/u;

/**
 * `word` as a POSIX shell takes it for that one word: whatever is to be pasted is written through here. Characters
 * that printing would escape are written as POSIX.1-2024 has it: `$'\n'`.
 */
export function shellWord(word: string): string {
  if (UNSEEN.test(word)) return `$'${word.replaceAll(/[\\'\p{Cc}\p{Zl}\p{Zp}\p{Cf}]/gu, octal)}'`;
  return /^[\w./:@%+,=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** The bytes of a character as a shell's `$'...'` takes them. */
function octal(character: string): string {
  return [...Buffer.from(character)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('');
}
