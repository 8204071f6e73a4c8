/** Who a file is, so that a run notices when it is no longer the file it was planned for. */
import type { QuickIdentity } from '../files/identity.ts';

/** The whole identity: the footer's digest changes with every rewrite that a clock may miss. */
export interface FileIdentity extends QuickIdentity {
  /** Absolute. */
  path: string;
  footerBytes: number;
  footerSha256: string;
}

/** A field in which a file is not what it was. */
export interface FieldDifference {
  file: string;
  field: keyof FileIdentity;
  old: string | number;
  new: string | number;
}

/**
 * Which fields are compared, and when.
 *
 * `resume`: an execution goes on where another stopped, perhaps after a copy back or a `chmod`: content and time.
 * `chunk`: around each chunk, in one process: whatever tells that the file was touched.
 * `touched`: what a resume does not mind, and says.
 * `recall`: nothing is run at all, so everything must be as it was.
 */
const FIELDS = {
  resume: ['path', 'size', 'mtimeNs', 'footerBytes', 'footerSha256'],
  chunk: ['device', 'inode', 'size', 'mtimeNs', 'ctimeNs'],
  touched: ['inode', 'ctimeNs'],
  recall: ['path', 'device', 'inode', 'size', 'mtimeNs', 'ctimeNs', 'footerBytes', 'footerSha256'],
} as const satisfies Record<string, readonly (keyof FileIdentity)[]>;

/** The fields that differ between one file `stored` and the same file `now`, of those that both know. */
export function identityDifferences(
  when: keyof typeof FIELDS,
  stored: Partial<FileIdentity>,
  now: Partial<FileIdentity>,
): FieldDifference[] {
  const { path: file = '' } = stored;
  return FIELDS[when].flatMap((field) => {
    const [before, after] = [stored[field], now[field]];
    if (before === undefined || after === undefined || before === after) return [];
    return [{ file, field, old: before, new: after }];
  });
}

/** All the fields that differ between the files `stored` and the files `now`, in order. Empty: it is the same source. */
export function sourceDifferences(
  when: keyof typeof FIELDS,
  stored: readonly Partial<FileIdentity>[],
  now: readonly Partial<FileIdentity>[],
): FieldDifference[] {
  if (stored.length !== now.length) return comeOrGone(stored, now);
  return stored.flatMap((before, i) => identityDifferences(when, before, now[i] ?? {}));
}

/** The files that only one of the two has. */
function comeOrGone(
  stored: readonly Partial<FileIdentity>[],
  now: readonly Partial<FileIdentity>[],
): FieldDifference[] {
  const before = new Set(stored.map(({ path = '' }) => path));
  const after = new Set(now.map(({ path = '' }) => path));
  const gone = [...before].filter((file) => !after.has(file));
  const come = [...after].filter((file) => !before.has(file));
  return [
    ...gone.map((file) => ({ file, field: 'path' as const, old: file, new: 'none' })),
    ...come.map((file) => ({ file, field: 'path' as const, old: 'none', new: file })),
  ];
}

/** The differences in words. */
export function differencesText(differences: readonly FieldDifference[]): string {
  return differences.map((difference) => `${difference.field}: ${difference.old} -> ${difference.new}`).join('; ');
}
