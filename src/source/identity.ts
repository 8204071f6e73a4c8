/** Who a file is, so that a run notices when it is no longer the file it was planned for. */

/** What a look at the directory tells. */
export interface QuickIdentity {
  size: number;
  mtimeNs: string;
  inode: string;
}

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

const FIELDS = ['path', 'size', 'mtimeNs', 'inode', 'footerBytes', 'footerSha256'] as const;

/** The fields that differ between one file `stored` and the same file `now`, of those that both know. */
export function identityDifferences(stored: FileIdentity, now: Partial<FileIdentity>): FieldDifference[] {
  return FIELDS.flatMap((field) => {
    const [before, after] = [stored[field], now[field]];
    return after === undefined || before === after ? [] : [{ file: stored.path, field, old: before, new: after }];
  });
}

/** All the fields that differ between the files `stored` and the files `now`, in order. Empty: it is the same source. */
export function sameIdentity(
  stored: readonly FileIdentity[],
  now: readonly Partial<FileIdentity>[],
): FieldDifference[] {
  return Array.from({ length: Math.max(stored.length, now.length) }).flatMap((_, i) => {
    const [before, after] = [stored[i], now[i]];
    if (before && after) return identityDifferences(before, after);
    const path = before?.path ?? after?.path ?? '';
    return [{ file: path, field: 'path', old: before ? path : 'none', new: after ? path : 'none' }];
  });
}
