/** In what an unfinished job and the one that is asked for differ, and what may be done about it. */
import { BatchCoreError } from '../../errors.ts';
import { jobCommand } from '../prepare/commands.ts';
import type { Prepared } from '../prepare/prepare.ts';
import { type SpecDifference, specDifferences } from '../spec/jobSpec.ts';
import type { StoredRequest } from './job.ts';

/** What is asked for now. */
export type Asked = Pick<Prepared, 'spec' | 'sources' | 'options' | 'realPaths' | 'home'> & {
  output: { path: string };
};

/** The refusal of what is asked for now, because job `jobId`, which was asked for `before`, is unfinished. */
export function mismatchError(jobId: string, before: StoredRequest, now: Asked): BatchCoreError {
  const differences = allDifferences(before, now);
  const inputOnly = differences.length > 0 && differences.every(({ field }) => OF_SOURCES.test(field));
  return new BatchCoreError(
    inputOnly ? 'INPUT_CHANGED' : 'JOB_MISMATCH',
    `job ${jobId} for ${now.output.path} is unfinished and was begun differently: ${differences.map(words).join('; ')}`,
    { where: { job: jobId, file: now.output.path }, hint: hintFor(jobId, before, now, differences) },
  );
}

/** What differs where files are read that are not what they were. */
const OF_SOURCES = /^((fit\.)?inputs|real path)/;

function allDifferences(before: StoredRequest, now: Asked): SpecDifference[] {
  const others = [
    ...specDifferences(before.spec, now.spec),
    ...specDifferences(before.sources, now.sources, 'sources'),
  ];
  // Other sources lie elsewhere, which goes without saying.
  return sameSources(before, now) ? [...others, ...movedFiles(before, now)] : others;
}

/** Files that a link or a directory on their way leads to, and did not before. */
function movedFiles({ realPaths: before = [] }: StoredRequest, { realPaths: now }: Asked): SpecDifference[] {
  if (before.length !== now.length) return [];
  return now.flatMap((after, i) =>
    before[i] === after ? [] : [{ field: 'real path of the source', before: before[i], after }],
  );
}

const sameSources = (before: StoredRequest, now: Asked): boolean =>
  specDifferences([before.sources, before.asked['fitOn']], [now.sources, now.options.fitOn]).length === 0;

/** What the job was asked can be asked again, unless what was asked for by name is another thing now: a resume would meet that too. */
function hintFor(jobId: string, before: StoredRequest, now: Asked, differences: readonly SpecDifference[]): string {
  const { model, forest } = now.options;
  const remedies = differences.flatMap(({ field }) => {
    if (field === 'model' && model !== undefined && before.asked['model'] === model)
      return [`put the old model back at ${model}`];
    if (field === 'fit.forest' && forest !== undefined && before.asked['forest'] === forest)
      return [`put the old forest back at ${forest}`];
    if (field.startsWith('versions')) return ['use the version that it began with'];
    return OF_SOURCES.test(field) && sameSources(before, now) ? ['put the old source back'] : [];
  });
  const [first, ...more] = new Set(remedies);
  if (first === undefined && differences.length > 0)
    return `go on with "${jobCommand('resume', jobId, now.home)}", or start this one instead with --fresh`;
  return first === undefined
    ? 'start over with --fresh'
    : `${[first, ...more].join(' and ')}, or start over with --fresh`;
}

function words({ field, before, after }: SpecDifference): string {
  return `${field}: ${show(before)} -> ${show(after)}`;
}

function show(value: unknown): string {
  // Of a path that is cut the end is missing, which tells it from others.
  if (typeof value === 'string') return JSON.stringify(value);
  // Of inputs the number, where that differs; the sources name them.
  if (Array.isArray(value) && typeof value[0] === 'object') return `${value.length} file${value.length > 1 ? 's' : ''}`;
  const text = JSON.stringify(value) ?? 'absent';
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
