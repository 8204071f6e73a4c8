/** Whether what lies at a path may be replaced. Decides only: look.ts looks. */
import type { FileId } from '../bindings/native.ts';
import { BatchCoreError } from '../errors.ts';
import { HEAD_BYTES } from '../files/head.ts';
import { baseName, type Found, type FoundFile, type NamedFile } from './look.ts';

/** What may be written over what was found. */
export type Verdict =
  | {
      kind: 'free';
      /** The file that goes. */
      replaces: FileId | undefined;
      /** The files of a directory that go. */
      replacesNamed: NamedFile[];
      /** Those of a directory that are not this output's as they were written, and may go: no later look could tell why. */
      approved: NamedFile[];
    }
  /** `forceable`: it is ours, so that `--force` may be offered. */
  | { kind: 'taken'; words: string; forceable: boolean };

/** What a job was allowed to replace when it began: whatever else comes to lie there may not be. */
export interface Approved {
  /** Files by path and by what they were. */
  files: readonly ({ path: string } & FileId)[];
}

export const NOTHING_APPROVED: Approved = { files: [] };

/** A file that this job wrote: by its size and first bytes it is known when it was damaged. */
export interface WrittenFile {
  /** Its name in a directory; empty for a file. */
  name: string;
  size: number;
  /** In hexadecimal. */
  head: string;
  /** By what it is known to be the same file, whatever is in it. */
  device?: string;
  inode?: string;
  birthtimeNs?: string;
}

/** What is known of who may be replaced at one path. */
export interface Claim {
  /** Whose output is written; undefined for a model. */
  fingerprint: string | undefined;
  force: boolean;
  /** What was approved there, by name in a directory; a file has an empty one. */
  approved: readonly NamedFile[];
  /** What this job published there. */
  written: readonly WrittenFile[];
}

/** A file where a directory belongs is not replaced by one, nor a directory by a file. */
export function expectLayout(found: Found, layout: 'file' | 'directory'): Found {
  if (layout === 'directory' && found.kind === 'file') return { kind: 'special', words: 'a file, not a directory' };
  if (layout === 'file' && found.kind === 'directory') return { kind: 'special', words: 'a directory, not a file' };
  return found;
}

/** Decides. Pure. */
export function judge(found: Found, claim: Claim): Verdict {
  switch (found.kind) {
    case 'nothing':
      return free();
    case 'special':
      return { kind: 'taken', words: found.words, forceable: false };
    case 'directory':
      return judgeDirectory(found, claim);
    case 'file': {
      if (found.what === 'output' && found.fingerprint === claim.fingerprint) return free(found.id);
      if (isDamaged('', found, claim.written)) return free(found.id);
      if (claim.force || isApproved({ name: '', id: found.id }, claim.approved)) return free(found.id);
      return { kind: 'taken', words: WORDS[found.what], forceable: found.what === 'output' || found.what === 'model' };
    }
  }
}

const WORDS = {
  output: 'the output of another job',
  model: 'a model',
  rewritten: 'an output that another program wrote anew',
  foreign: 'a file that batch-core did not make',
  unreadable: 'a file that batch-core did not make',
  nowhere: 'a link to nowhere',
} as const;

function free(replaces?: FileId, replacesNamed: NamedFile[] = [], approved: NamedFile[] = []): Verdict {
  return { kind: 'free', replaces, replacesNamed, approved };
}

function judgeDirectory(found: Extract<Found, { kind: 'directory' }>, claim: Claim): Verdict {
  const { fingerprint, ours, changed, strangers } = found;
  if (fingerprint === undefined) {
    if (strangers.length === 0) return free(undefined, ours);
    return { kind: 'taken', words: 'a directory that batch-core did not make', forceable: false };
  }
  if (strangers.length > 0)
    return { kind: 'taken', words: `an output with files that are not ours: ${list(strangers)}`, forceable: false };
  const refused = changed
    .filter((file) => !(file.listed && claim.force) && !isApproved(file, claim.approved))
    .filter((file) => !isDamaged(file.name, file, claim.written))
    .map(({ name }) => name);
  if (refused.length > 0)
    return {
      kind: 'taken',
      words: `an output in which ${list(refused)} ${refused.length > 1 ? 'are' : 'is'} not what was written`,
      forceable: false,
    };
  // Only where all is ours may `--force` be offered.
  const others = ours.filter((file) => (file.fingerprint ?? fingerprint) !== claim.fingerprint);
  const mayGo = (file: NamedFile) => claim.force || isApproved(file, claim.approved);
  // File by file: another run may be publishing here, under a fingerprint that lay here when this one began.
  if (!others.every(mayGo)) return { kind: 'taken', words: WORDS.output, forceable: true };
  const named = ({ name, id }: NamedFile) => ({ name, id });
  return free(undefined, [...ours, ...changed].map(named), [...others, ...changed].map(named));
}

/**
 * A file of ours that was damaged: cut short, its footer spoiled, or a bit of what says in the footer whose it is. What
 * another wrote in its place is not, nor what names another job: only its digest would tell that from damage.
 */
function isDamaged(name: string, file: FoundFile, written: readonly WrittenFile[]): boolean {
  const { size, what, head } = file;
  const before = written.find((one) => one.name === baseName(name));
  if (!before || what === 'output' || what === 'model') return false;
  const begins = before.head.startsWith(head);
  if (what !== 'unreadable') return size === before.size && begins && head !== '';
  // The first bytes of a file that somebody is just writing say nothing, unless the file is the very one.
  if (size < Math.min(HEAD_BYTES, before.size)) return begins && isSame(file, before);
  return size === before.size || (size < before.size && begins);
}

function isSame({ id, birthtimeNs }: FoundFile, before: WrittenFile): boolean {
  return id.device === before.device && id.inode === before.inode && birthtimeNs === before.birthtimeNs;
}

function isApproved(file: NamedFile, approved: readonly NamedFile[]): boolean {
  return approved.some(({ name, id }) => name === baseName(file.name) && sameFile(id, file.id));
}

/** Whether both are one file as it was last written. */
export function sameFile(one: FileId, other: FileId): boolean {
  return (
    one.device === other.device && one.inode === other.inode && one.size === other.size && one.mtimeNs === other.mtimeNs
  );
}

function list(names: readonly string[]): string {
  const shown = names.slice(0, 3).map((name) => `"${name}"`);
  return `${shown.join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
}

/** The error for a place that is taken. `--force` is offered for what is ours, and for nothing else. */
export function takenError(path: string, option: string, { words, forceable }: Extract<Verdict, { kind: 'taken' }>) {
  return new BatchCoreError('OUTPUT_EXISTS', `${path} exists and is ${words}`, {
    where: { file: path, option },
    hint: `choose another path with ${option}, ${forceable ? 'or replace it with --force' : 'or move away what lies there'}`,
  });
}
