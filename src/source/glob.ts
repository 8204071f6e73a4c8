/** File patterns: `*`, `?`, `[...]` within a name, `**` for any directories. Everything else stands for itself. */
import { isAbsolute, join, normalize, parse, resolve, sep } from 'node:path';
import { BatchCoreError, type ErrorCode } from '../errors.ts';
import { isLost, notUtf8 } from '../files/paths.ts';
import { storage } from '../storage/sources.ts';
import type { Entry } from '../storage/storage.ts';

/** Whether `path` holds a character that makes it a pattern, should no file of that very name exist. */
export function isPattern(path: string): boolean {
  return /[*?[]/.test(path);
}

/** The files that match `pattern`, in no particular order. Names that begin with a dot match only a dot. */
export async function glob(pattern: string, cwd: string): Promise<string[]> {
  // The current directory is no part of the pattern, whatever characters it holds.
  const root = isAbsolute(pattern) ? parse(pattern).root : '';
  const names = normalize(pattern.slice(root.length)).split(sep);
  const found = new Set<string>();
  await match(root || resolve(cwd), names.filter(Boolean), found);
  return [...found];
}

async function match(directory: string, names: readonly string[], found: Set<string>): Promise<void> {
  const [name, ...rest] = names;
  if (name === undefined) return;
  if (!isPattern(name)) {
    const path = join(directory, name);
    if (rest.length > 0) await match(path, rest, found);
    else if (await isFile(path)) found.add(path);
    return;
  }
  if (name === '**') await match(directory, rest.length > 0 ? rest : ['*'], found);
  const matches = name === '**' ? undefined : nameMatcher(name);
  for (const entry of await list(directory)) {
    const path = join(directory, entry.name);
    if (matches === undefined) {
      // Links to directories are not followed here: they may lead in a circle.
      if (entry.kind !== 'directory' || entry.name.startsWith('.')) continue;
      // What lies below could not be looked at, and would be left out without a word.
      if (isLost(entry.name, path)) throw notUtf8(entry.name, path);
      await match(path, names, found);
    } else if (matches(entry.name)) {
      if (isLost(entry.name, path)) throw notUtf8(entry.name, path);
      if (rest.length > 0) await match(path, rest, found);
      else if (entry.kind === 'file' || (entry.kind === 'link' && (await isFile(path)))) found.add(path);
    }
  }
}

/** A test for the names that the pattern `name` matches. */
export function nameMatcher(name: string): (candidate: string) => boolean {
  let source = '';
  for (let i = 0; i < name.length; i++) {
    const character = name[i] as string;
    const close = character === '[' ? classEnd(name, i) : -1;
    if (character === '*') source += '[^]*';
    else if (character === '?') source += '[^]';
    else if (close > 0) {
      source += characterClass(name.slice(i + 1, close));
      i = close;
    } else source += quote(character);
  }
  const dot = name.startsWith('.');
  let expression: RegExp;
  try {
    expression = new RegExp(`^${source}$`, 'u');
  } catch {
    return () => false; // a range that ends before it begins
  }
  return (candidate) => (dot || !candidate.startsWith('.')) && expression.test(candidate);
}

/** Where the class that opens at `open` closes; -1 where it never does and `[` stands for itself. */
function classEnd(name: string, open: number): number {
  // A bracket right after the opening one, or after its `!`, is a member.
  const first = name[open + 1] === '!' || name[open + 1] === '^' ? open + 2 : open + 1;
  return name.indexOf(']', first + 1);
}

function characterClass(members: string): string {
  const negated = members.startsWith('!') || members.startsWith('^');
  const escaped = (negated ? members.slice(1) : members).replace(/[\\\]^[]/g, '\\$&');
  return `[${negated ? '^' : ''}${escaped}]`;
}

function quote(character: string): string {
  return /[\\^$.|()[\]{}+/]/.test(character) ? `\\${character}` : character;
}

/** A pattern matches what is there and may be listed; whether anything matched at all is the caller's question. */
const NOT_LISTED: readonly ErrorCode[] = ['SOURCE_NOT_FOUND', 'SOURCE_UNREADABLE'];

async function list(directory: string): Promise<Entry[]> {
  try {
    return await storage.list(directory);
  } catch (error) {
    if (NOT_LISTED.includes(BatchCoreError.from(error).code)) return [];
    throw error;
  }
}

async function isFile(path: string): Promise<boolean> {
  return (await storage.stat(path).catch(() => undefined))?.kind === 'file';
}
