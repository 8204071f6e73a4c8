/** What an output is worth, by labels that its source has: each row of it is the row of that number in its file. */
import { type Counted, countBeside, countKept } from '../evaluate/counted.ts';
import { type Evaluation, figuresOf } from '../evaluate/evaluation.ts';
import { labelOf } from '../evaluate/label.ts';
import { keptColumn, type Output, readOutput } from '../evaluate/output.ts';
import { inScratch } from '../evaluate/scratch.ts';
import { refuseTouched, scoredInputs, sourceOf } from '../evaluate/source.ts';
import { checkOptions } from '../spec/options.ts';
import type { EvaluateOptions } from '../spec/optionTypes.ts';

export type { Evaluation } from '../evaluate/evaluation.ts';

export type EvaluateRequest = EvaluateOptions & { signal?: AbortSignal | undefined };

/**
 * Compares the scores of an output with labels: of its source, or its own where the column was kept and no source is named.
 * Reads only; what does not fit in memory is in a temporary directory meanwhile.
 */
export async function evaluate(target: string, request: EvaluateRequest): Promise<Evaluation> {
  checkOptions(request, 'evaluate');
  const output = await readOutput(target, request.home);
  const kept = request.source === undefined ? keptColumn(output, request.label) : undefined;
  return kept ? byItself(output, kept, request) : bySource(output, request);
}

async function byItself(
  output: Output,
  column: NonNullable<ReturnType<typeof keptColumn>>,
  { signal }: EvaluateRequest,
): Promise<Evaluation> {
  const label = { column: column.name, sql: labelOf(column, output.path) };
  const counted = await inScratch(output.parts, signal, (database) => countKept(database, output, label));
  return answer(output, { column: label.column, from: 'output' }, scoredInputs(output), counted);
}

async function bySource(output: Output, { label: name, source: asked, signal }: EvaluateRequest): Promise<Evaluation> {
  const source = await sourceOf(output, name, typeof asked === 'string' ? [asked] : asked);
  const { column, files, unchecked } = source;
  const label = { column: column.name, sql: labelOf(column, files[0]?.path ?? '') };
  const paths = [...output.parts, ...files.map(({ path }) => path)];
  const counted = await inScratch(paths, signal, (database) => countBeside(database, output, files, label));
  await refuseTouched(source);
  return answer(output, { column: label.column, from: 'source' }, files, counted, unchecked);
}

function answer(
  { path, rows, verified }: Output,
  label: Evaluation['label'],
  files: readonly { rows: number }[] | undefined,
  { tally, ranking }: Counted,
  unchecked: readonly string[] = [],
): Evaluation {
  const { evaluated, positives, withoutScore, withoutLabel } = tally;
  const source = files ? { files: files.length, rows: files.reduce((sum, file) => sum + file.rows, 0) } : null;
  return {
    schema: 'batch-core.evaluation/1',
    output: { path, rows },
    jobId: verified.jobId,
    label,
    source,
    rows: { evaluated, positives, withoutScore, withoutLabel, absent: source && source.rows - rows },
    ...figuresOf(tally, ranking),
    unchecked: [...verified.unchecked, ...unchecked],
  };
}
