/** The output that is evaluated: where its files are, and what they have. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { BatchCoreError } from '../../errors.ts';
import { fromHere, isLost, notUtf8 } from '../../files/paths.ts';
import { lookAt } from '../../sink/look.ts';
import { MANIFEST, readManifest } from '../../sink/manifest.ts';
import { readFacts, type SourceColumn } from '../../source/facts.ts';
import { OUTPUT_COLUMNS } from '../spec/columns.ts';
import { damaged, type Verified } from '../verify/verified.ts';
import { verifyPath } from '../verify/verify.ts';
import { writerOf } from '../verify/writers.ts';

/** An output that shows no damage. */
export interface Output {
  path: string;
  /** Its files, in order. */
  parts: string[];
  rows: number;
  columns: SourceColumn[];
  /** Its rows name the file that they are of. */
  namesFiles: boolean;
  verified: Verified;
  /** The home of the job that wrote it. */
  home: string | undefined;
}

/** The output at `target`, verified first: figures of damaged scores would be nobody's. */
export async function readOutput(target: string, home: string | undefined): Promise<Output> {
  const path = fromHere(target);
  if (isLost(target, path)) throw notUtf8(target, path);
  refuseOthers(path);
  const expected = await writerOf(path, home);
  const verified = await verifyPath(path, expected);
  const manifest = readManifest(join(path, MANIFEST));
  const parts = manifest ? partsOf(manifest.content).map((name) => join(path, name)) : [path];
  const { files, columns } = await readFacts(parts);
  for (const [name, type] of NEEDED)
    if (columns.find((column) => column.name === name)?.type !== type)
      throw damaged(path, `it has no column "${name}" ${type}`);
  return {
    ...{ path, parts, columns, verified, home: expected?.home },
    rows: files.reduce((sum, file) => sum + file.rows, 0),
    namesFiles: columns.some(({ name, type }) => name === 'file' && type === 'VARCHAR'),
  };
}

const NEEDED = [
  ['row', 'BIGINT'],
  ['score', 'DOUBLE'],
  ['anomaly', 'BOOLEAN'],
] as const;

function partsOf({ parts }: Record<string, unknown>): string[] {
  return (Array.isArray(parts) ? parts : []).map((part) => basename(String(Object(part).name)));
}

/** What is no output has no scores; one that is damaged is told by its verification. */
function refuseOthers(path: string): void {
  if (!existsSync(path))
    throw new BatchCoreError('SOURCE_NOT_FOUND', `there is no output ${path}`, {
      where: { file: path },
      hint: HINT,
    });
  const found = lookAt(path);
  const isOurs =
    found.kind === 'directory' ? found.fingerprint !== undefined : found.kind === 'file' && MAYBE.includes(found.what);
  if (isOurs) return;
  const what = found.kind === 'file' && found.what === 'model' ? 'a model' : 'no output of batch-core';
  throw new BatchCoreError('USAGE', `${path} is ${what}: there are no scores to evaluate`, {
    where: { file: path },
    hint: HINT,
  });
}

const MAYBE: readonly string[] = ['output', 'rewritten', 'unreadable'];
const HINT = 'name what "batch-core score" wrote: a file or a directory';

/** The column of that name which `--keep` copied from the source. */
export function keptColumn({ columns }: Output, name: string): SourceColumn | undefined {
  const isOwn = OUTPUT_COLUMNS.some((own) => own === name);
  return isOwn ? undefined : columns.find((column) => column.name === name);
}
