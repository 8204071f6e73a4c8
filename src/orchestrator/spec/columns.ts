/** The columns of a source that are scored, kept or looked at, and why one cannot be. Pure. */
import { BatchCoreError } from '../../errors.ts';
import type { SourceColumn, SourceFacts } from '../../source/facts.ts';
import type { ScoreOptions } from './optionTypes.ts';

/** Columns of the output that a kept column may not be named after. */
export const OUTPUT_COLUMNS = ['row', 'file', 'score', 'severity', 'anomaly', 'reasons'] as const;

/** The scan asks DuckDB for the numbers of rows, which come under this name. */
const ROW_NUMBERS = 'file_row_number';

/** A column that has the name of something else cannot be told from it. */
export function refuseRowNumbers({ columns, files }: SourceFacts): void {
  const taken = columns.find(({ name }) => name.toLowerCase() === ROW_NUMBERS);
  if (taken)
    throw new BatchCoreError('CONFIG', `a column is named "${taken.name}", as DuckDB names the numbers of rows`, {
      where: { column: taken.name, ...(files[0] && { file: files[0].path }) },
      hint: 'write the file again with another name for it',
    });
}

/** The column that `option` names, by its very name. */
export function columnNamed(facts: Pick<SourceFacts, 'columns' | 'files'>, name: string, option: string): SourceColumn {
  const column = facts.columns.find((candidate) => candidate.name === name);
  if (column) return column;
  const near = facts.columns.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase());
  // So DuckDB calls all but the first of several that differ only in case.
  const numbered = facts.columns.find(
    (candidate) => /^_\d+$/.test(candidate.name.slice(name.length)) && candidate.name.startsWith(name),
  );
  const known = facts.columns.slice(0, 20).map((candidate) => candidate.name);
  throw new BatchCoreError('COLUMN_NOT_FOUND', `${option}: there is no column "${name}"`, {
    where: { column: name, ...(facts.files[0] && { file: facts.files[0].path }), option },
    hint: near
      ? `did you mean "${near.name}"${numbered ? `, or "${numbered.name}"? (of names that differ only in case all but the first have a number)` : '?'}`
      : `columns: ${known.join(', ')}${facts.columns.length > 20 ? ', ...' : ''}`,
  });
}

export function convertible(facts: SourceFacts, name: string, option: string): string {
  const column = columnNamed(facts, name, option);
  if (!column.convertible)
    throw new BatchCoreError(
      'COLUMN_NOT_NUMERIC',
      `${option}: column "${name}" is ${column.reason ?? column.type}; scoring needs a number`,
      {
        where: { column: name, ...(facts.files[0] && { file: facts.files[0].path }), option },
        hint: column.unreadable ? REWRITE : 'leave it out, or --keep it to see it in the output',
      },
    );
  return column.name;
}

/** Columns to fit on: those asked for, or every numeric and boolean one but that which names rows, less the excluded. */
export function featureColumns(
  facts: SourceFacts,
  options: Pick<ScoreOptions, 'columns' | 'exclude' | 'id'>,
): string[] {
  const excluded = new Set((options.exclude ?? []).map((name) => columnNamed(facts, name, '--exclude').name));
  const asked = options.columns?.map((name) => convertible(facts, name, '--columns'));
  const twice = asked?.find((name, i) => asked.indexOf(name) !== i);
  if (twice !== undefined)
    throw new BatchCoreError('USAGE', `--columns: column "${twice}" is named twice`, {
      where: { option: '--columns', column: twice },
      hint: 'name each column once',
    });
  const usable = facts.columns.filter(({ name, usable }) => usable && name !== options.id);
  const candidates = asked ?? usable.map(({ name }) => name);
  const chosen = candidates.filter((name) => !excluded.has(name));
  if (chosen.length > 0) return chosen;
  if (candidates.length > 0)
    throw new BatchCoreError('NO_USABLE_COLUMN', `--exclude leaves out all ${candidates.length} columns to score`, {
      where: { option: '--exclude', ...(facts.files[0] && { file: facts.files[0].path }) },
      hint: `leave one of them in: ${candidates.slice(0, 8).join(', ')}${candidates.length > 8 ? ', ...' : ''}`,
    });
  const types = facts.columns.slice(0, 8).map((column) => `${column.name} ${column.type}`);
  throw new BatchCoreError('NO_USABLE_COLUMN', `no numeric column is left to score (${types.join(', ')})`, {
    ...(facts.files[0] && { where: { file: facts.files[0].path } }),
    hint: 'scoring needs at least one numeric or boolean column; --columns takes dates and times as numbers too',
  });
}

const WHOLE_NUMBER = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,0\))$/;

/** The columns to score that are left out where they turn out to number the rows: of whole numbers, and named by nobody. */
export function maybeIdentifiers(
  facts: SourceFacts,
  columns: readonly string[],
  { columns: named }: Pick<ScoreOptions, 'columns'>,
): string[] {
  if (named !== undefined) return [];
  const whole = new Set(facts.columns.filter(({ type }) => WHOLE_NUMBER.test(type)).map(({ name }) => name));
  return columns.filter((name) => whole.has(name));
}

/** Of a model that scores a source, and of a forest that is calibrated on one: what it is called, what names it, what to do. */
export const OF_MODEL = {
  whose: "the model's",
  option: '--model',
  hint: 'score a source with the columns the model was fitted on, or fit a new model',
};
export const OF_FOREST = {
  whose: "the forest's",
  option: '--calibrate',
  hint: 'calibrate on a source that has the columns of the forest, or name these as the source does with --columns',
};

/** The model's columns, all of which the source must have as numbers. */
export function modelColumns(facts: SourceFacts, columns: readonly string[], words: typeof OF_MODEL): string[] {
  const missing = columns.filter((name) => !facts.columns.some((column) => column.name === name && column.convertible));
  if (missing.length === 0) return [...columns];
  const column = facts.columns.find((candidate) => candidate.name === missing[0]);
  const trouble = column ? `is ${column.type} in the source` : 'is not in the source';
  throw new BatchCoreError(
    'MODEL_MISMATCH',
    `${words.whose} column "${missing[0]}" ${trouble}${missing.length > 1 ? `, and ${missing.length - 1} more do not match` : ''}`,
    {
      where: { column: missing[0] ?? '', ...(facts.files[0] && { file: facts.files[0].path }), option: words.option },
      hint: words.hint,
    },
  );
}

export function keptColumns(facts: SourceFacts, keep: ScoreOptions['keep']): string[] {
  if (keep === undefined) return [];
  const names =
    keep === 'all'
      ? facts.columns.map((column) => column.name)
      : keep.map((name) => columnNamed(facts, name, '--keep').name);
  const clash = names.find((name) => OUTPUT_COLUMNS.some((reserved) => reserved === name.toLowerCase()));
  if (clash !== undefined)
    throw new BatchCoreError('CONFIG', `--keep: column "${clash}" has the name of an output column`, {
      where: { column: clash, option: '--keep' },
      hint: `output columns are ${OUTPUT_COLUMNS.join(', ')}; keep the others by name`,
    });
  const unreadable = facts.columns.find((column) => column.unreadable && names.includes(column.name));
  if (unreadable)
    throw new BatchCoreError('CONFIG', `--keep: column "${unreadable.name}" is ${unreadable.reason}`, {
      where: { column: unreadable.name, option: '--keep' },
      hint: REWRITE,
    });
  const uncopied = facts.columns.find((column) => column.uncopied && names.includes(column.name));
  if (uncopied)
    throw new BatchCoreError('CONFIG', `--keep: column "${uncopied.name}" is ${uncopied.type}, which is not written`, {
      where: { column: uncopied.name, option: '--keep' },
      hint: 'leave it out, or write it to the file as a number or as text',
    });
  return [...new Set(names)];
}

/** What names rows must be there, and readable; it enters no output. */
export function refuseId(facts: SourceFacts, id: string | undefined): void {
  if (id !== undefined) refuseMisread(columnNamed(facts, id, '--id'), '--id');
}

/** Refuses a column whose cells DuckDB takes for others, where the scan does not put them right. */
export function refuseMisread({ name, type, unreadable, shifted }: SourceColumn, option: string): void {
  if (!unreadable && !shifted) return;
  throw new BatchCoreError('CONFIG', `${option}: column "${name}" is ${type}, which would be misread`, {
    where: { column: name, option },
    hint: REWRITE,
  });
}

/** What to do about a column that is unreadable. */
const REWRITE = 'leave it out, or write it to the file as a double or as text';
