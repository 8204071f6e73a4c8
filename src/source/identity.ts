/** Who a file is, so that a run notices when it is no longer the file it was planned for. */
import type { Identity } from '../storage/storage.ts';

/** The whole identity: the footer's digest changes with every rewrite that a clock may miss. */
export type FileIdentity = Identity & {
  /** Absolute. */
  path: string;
  footerBytes: number;
  footerSha256: string;
};

/** What is known of it: one that was stored by an earlier version, or only looked at, has not all. */
export type KnownIdentity = Partial<FileIdentity>;

type KeyOfAny<Union> = Union extends unknown ? keyof Union : never;
type Field = KeyOfAny<FileIdentity>;

/** A field in which a file is not what it was. */
export interface FieldDifference {
  file: string;
  field: Field;
  old: string | number | null;
  new: string | number | null;
}

type Moment = 'resume' | 'chunk' | 'touched' | 'recall';

/**
 * Which fields are compared, and when.
 *
 * `resume`: an execution goes on where another stopped, perhaps after a copy back or a `chmod`: content and time.
 * `chunk`: around each chunk, in one process: whatever tells that the file was touched.
 * `touched`: what a resume does not mind, and says.
 * `recall`: nothing is run at all, so everything must be as it was.
 *
 * An object is replaced as a whole, and its tag tells.
 */
const FIELDS: Record<Identity['kind'], Record<Moment, readonly Field[]>> = {
  file: {
    resume: ['path', 'size', 'mtimeNs', 'footerBytes', 'footerSha256'],
    chunk: ['device', 'inode', 'size', 'mtimeNs', 'ctimeNs'],
    touched: ['inode', 'ctimeNs'],
    recall: ['path', 'device', 'inode', 'size', 'mtimeNs', 'ctimeNs', 'footerBytes', 'footerSha256'],
  },
  object: {
    resume: ['path', 'size', 'etag', 'version', 'footerBytes', 'footerSha256'],
    chunk: ['size', 'etag', 'version'],
    touched: [],
    recall: ['path', 'size', 'etag', 'version', 'footerBytes', 'footerSha256'],
  },
};

/** The fields that differ between one file `stored` and the same file `now`, of those that both know. */
export function identityDifferences(when: Moment, stored: KnownIdentity, now: KnownIdentity): FieldDifference[] {
  const { path: file = '', kind = now.kind ?? 'file' } = stored;
  // Whose kind differs has no field in common that would tell more.
  const fields: readonly Field[] = kind === (now.kind ?? kind) ? FIELDS[kind][when] : ['kind'];
  return fields.flatMap((field) => {
    const [before, after] = [fieldOf(stored, field), fieldOf(now, field)];
    if (before === undefined || after === undefined || before === after) return [];
    return [{ file, field, old: before, new: after }];
  });
}

function fieldOf(identity: KnownIdentity, field: Field): string | number | null | undefined {
  return (identity as Partial<Record<Field, string | number | null>>)[field];
}

/** All the fields that differ between the files `stored` and the files `now`, in order. Empty: it is the same source. */
export function sourceDifferences(
  when: Moment,
  stored: readonly KnownIdentity[],
  now: readonly KnownIdentity[],
): FieldDifference[] {
  if (stored.length !== now.length) return comeOrGone(stored, now);
  return stored.flatMap((before, i) => identityDifferences(when, before, now[i] ?? {}));
}

/** The files that only one of the two has. */
function comeOrGone(stored: readonly KnownIdentity[], now: readonly KnownIdentity[]): FieldDifference[] {
  const before = new Set(stored.map(({ path = '' }) => path));
  const after = new Set(now.map(({ path = '' }) => path));
  const gone = [...before].filter((file) => !after.has(file));
  const come = [...after].filter((file) => !before.has(file));
  return [
    ...gone.map((file) => ({ file, field: 'path' as const, old: file, new: 'none' })),
    ...come.map((file) => ({ file, field: 'path' as const, old: 'none', new: file })),
  ];
}

/** All that a recall compares of a file, but for where it lies. */
export function recalledBy(file: FileIdentity): (string | number | null)[] {
  const fields = FIELDS[file.kind].recall.filter((field) => field !== 'path');
  return fields.map((field) => fieldOf(file, field) ?? null);
}

/** The differences in words. */
export function differencesText(differences: readonly FieldDifference[]): string {
  return differences.map((difference) => `${difference.field}: ${difference.old} -> ${difference.new}`).join('; ');
}

/** When each file was last written, as a job's record keeps it; empty of what is known by other means. */
export function mtimesOf(files: readonly FileIdentity[]): string[] {
  return files.map((file) => (file.kind === 'file' ? file.mtimeNs : ''));
}
