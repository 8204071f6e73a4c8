/** What a directory of parts says of itself. */
import { readFileSync, statSync } from 'node:fs';
import { readError } from '../errors.ts';

export const MANIFEST = 'manifest.json';
export const PART_NAME = /^part-\d+\.parquet$/;

/** Final name of a chunk's part: it sorts as the plan does. */
export function partName({ chunkId }: { chunkId: number }): string {
  return `part-${String(chunkId).padStart(7, '0')}.parquet`;
}

/** A directory's manifest, or what says whose it is while it is published. */
export interface Manifest {
  fingerprint: string;
  /** Of its parts, and their sizes where it says them. */
  parts: Map<string, number | undefined>;
  /** All that it says. */
  content: Record<string, unknown>;
  /** Whether it is to the byte what we write of that: nobody has changed it. */
  asWritten: boolean;
}

const MANIFEST_FIELDS = 'schema,fingerprint,model,rows,bytes,parts';
const PART_FIELDS = 'name,rows,bytes,sha256';

function hasFields(object: object, fields: string): boolean {
  return Object.keys(object).join() === fields;
}

/** How a manifest is written. */
export function manifestText(content: object): string {
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** Reads a manifest; nothing where there is none of ours. Throws what the system refuses. */
export function readManifest(path: string): Manifest | undefined {
  let text: string;
  try {
    if (!statSync(path).isFile()) return undefined;
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (ABSENT.includes((cause as NodeJS.ErrnoException).code)) return undefined;
    throw readError(cause, path, { path, absent: 'PATH_LOST' });
  }
  return parseManifest(text);
}

const ABSENT: readonly (string | undefined)[] = ['ENOENT', 'ENOTDIR', 'ELOOP'];

/** Only names that parts have are believed. */
function parseManifest(text: string): Manifest | undefined {
  try {
    const content = Object(JSON.parse(text)) as Record<string, unknown>;
    const { schema, fingerprint, parts } = content;
    if (!/^batch-core\.(manifest|publishing)\//.test(String(schema))) return undefined;
    if (typeof fingerprint !== 'string' || !Array.isArray(parts)) return undefined;
    const listed = parts.map((part) => Object(part) as { name?: unknown; bytes?: unknown });
    const known = listed.filter(({ name }) => typeof name === 'string' && PART_NAME.test(name));
    const sizes = known.map(({ name, bytes }) => [name, typeof bytes === 'number' ? bytes : undefined] as const);
    const asWritten = hasFields(content, MANIFEST_FIELDS) && listed.every((part) => hasFields(part, PART_FIELDS));
    return {
      ...{ fingerprint, parts: new Map(sizes as [string, number | undefined][]), content },
      asWritten: asWritten && text === manifestText(content),
    };
  } catch {
    return undefined;
  }
}
