/** The source that has the labels: that of the job, while it is what was scored, or one that is named for it. */
import { BatchCoreError, restate } from '../../errors.ts';
import { readFacts, type SourceColumn, type SourceFacts, type SourceFile, statIdentity } from '../../source/facts.ts';
import {
  differencesText,
  type FieldDifference,
  identityDifferences,
  sourceDifferences,
} from '../../source/identity.ts';
import { resolveSource } from '../../source/resolve.ts';
import { type Beginning, readBeginning } from '../job/beginning.ts';
import { lookFrom } from '../prepare/home.ts';
import { columnNamed, refuseRowNumbers } from '../spec/columns.ts';
import { relativeNames, type SpecInput } from '../spec/jobSpec.ts';
import type { Output } from './output.ts';
import type { LabelledFile } from './pieces.ts';

export interface Source {
  files: (LabelledFile & { before: SourceFile })[];
  column: SourceColumn;
  /** What could not be compared of it, and why. */
  unchecked: string[];
}

/** What a job says of its source, where one is known that wrote the output and says it. */
function beginningOf({ home, verified }: Output): Beginning | undefined {
  const { jobId } = verified;
  const begun = home === undefined || jobId === null ? undefined : readBeginning(home, jobId);
  // One that somebody changed may lack what ours has.
  return begun && Array.isArray(begun.request.spec.inputs) ? begun : undefined;
}

/** The files that were scored, where a job says so. */
export function scoredInputs(output: Output): readonly { rows: number }[] | undefined {
  return beginningOf(output)?.request.spec.inputs;
}

/** The source of `output`: `asked`, if it is named, else that of the job. */
export async function sourceOf(output: Output, label: string, asked: readonly string[] | undefined): Promise<Source> {
  const begun = beginningOf(output);
  const inputs: SpecInput[] | undefined = begun?.request.spec.inputs;
  const { facts, names } = asked ? await namedSource(asked) : await scoredSource(output.path, begun);
  refuseRowNumbers(facts);
  const files = facts.files.map((before, i) => ({
    ...{ path: before.path, name: names[i] ?? '', rows: before.rows, before },
  }));
  if (asked && inputs) refuseUnlike(files, inputs);
  const isKnown = !asked || (inputs !== undefined && files.every((file) => isContent(file, inputs)));
  return {
    files,
    column: columnNamed(facts, label, '--label'),
    unchecked: isKnown
      ? []
      : ['the source against what was scored: it was named by --source, and its rows count by their numbers'],
  };
}

interface Found {
  facts: SourceFacts;
  /** Of its files, as rows of the output name them. */
  names: string[];
}

async function namedSource(asked: readonly string[]): Promise<Found> {
  const paths = await resolveSource(asked, lookFrom(asked));
  return { facts: await readFacts(paths), names: relativeNames(paths) };
}

/** The files of the job, each at the place where it was. */
async function scoredSource(output: string, begun: Beginning | undefined): Promise<Found> {
  if (!begun)
    throw new BatchCoreError(
      'JOB_NOT_FOUND',
      `the source of ${output} is not known: no finished job that can be read here wrote it`,
      { where: { file: output }, hint: 'name the source with --source, or the home of its job with --home' },
    );
  const { request, files } = begun;
  try {
    const paths = request.realPaths ?? (await resolveSource(request.sources, '/'));
    const facts = await readFacts(paths);
    refuseChanged(
      files.slice(0, request.spec.inputs.length).map((file, i) => ({ ...file, path: paths[i] ?? '' })),
      facts,
    );
    return { facts, names: request.spec.inputs.map(({ name }) => name) };
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    throw error.code === 'SOURCE_NOT_FOUND'
      ? restate(error, { hint: 'put it back, or name where it lies now with --source' })
      : error;
  }
}

/** Compares what a resume would: content and time. */
function refuseChanged(before: Beginning['files'], { files }: SourceFacts): void {
  const differences = sourceDifferences('resume', before, files);
  if (differences.length > 0) throw changed(differences, 'was scored', 'put the original file back');
}

/** Refuses a source that was written while it was read. */
export async function refuseTouched({ files }: Source): Promise<void> {
  for (const { before, path } of files) {
    const differences = identityDifferences('chunk', before, { path, ...(await statIdentity(path)) });
    if (differences.length > 0) throw changed(differences, 'was read at first', 'let it come to rest');
  }
}

function changed(differences: readonly FieldDifference[], what: string, remedy: string): BatchCoreError {
  const file = differences[0]?.file ?? '';
  return new BatchCoreError('INPUT_CHANGED', `${file} is not what ${what}: ${differencesText(differences)}`, {
    where: { file },
    hint: `${remedy}, or name a source with the same rows with --source`,
  });
}

/** A source that is named for the job's has its files, and their rows. */
function refuseUnlike(files: readonly LabelledFile[], inputs: readonly SpecInput[]): void {
  const refuse = (what: string, file: string | undefined) => {
    throw new BatchCoreError('CONFIG', `--source: ${what}`, {
      where: { option: '--source', ...(file !== undefined && { file }) },
      hint: 'name files with the rows that were scored, in their order',
    });
  };
  const [first] = files;
  if (files.length !== inputs.length)
    refuse(`it has ${files.length} files; what was scored had ${inputs.length}`, first?.path);
  for (const { name, rows, path } of files) {
    const input = inputs.find((one) => one.name === name);
    if (!input)
      refuse(
        `no file "${name}" was scored, but ${inputs
          .map((one) => `"${one.name}"`)
          .slice(0, 3)
          .join(', ')}`,
        path,
      );
    else if (input.rows !== rows)
      refuse(`${path} has ${rows} rows, and the file that was scored had ${input.rows}`, path);
  }
}

function isContent({ name, before }: Source['files'][number], inputs: readonly SpecInput[]): boolean {
  const input = inputs.find((one) => one.name === name);
  return (['size', 'footerBytes', 'footerSha256'] as const).every((field) => input?.[field] === before[field]);
}
