/** The source as reports tell it, of what was planned and of what was done. */
import type { Report } from '../../report.ts';
import type { SourceColumn } from '../../source/facts.ts';
import type { Prepared } from './prepare.ts';

/** What was scored, or would be, and why the other columns are not. */
export function reportedSource(
  { facts, rows }: Pick<Prepared, 'facts' | 'rows'>,
  columns: string[],
  reasonOf: (column: SourceColumn) => string,
): Report['source'] {
  const scored = new Set(columns);
  const ignored = facts.columns.filter(({ name }) => !scored.has(name));
  return {
    files: facts.files.length,
    rows,
    rowGroups: facts.files.reduce((n, file) => n + file.rowGroups.length, 0),
    bytes: facts.files.reduce((n, file) => n + file.size, 0),
    columns,
    ignored: ignored.map((column) => ({ column: column.name, reason: reasonOf(column) })),
  };
}

/** What is lost of columns that are read less finely than they are written. */
export function coarseWarnings({ facts, spec }: Pick<Prepared, 'facts' | 'spec'>): string[] {
  const used = new Set([...spec.columns, ...(spec.score?.keep ?? [])]);
  return facts.columns
    .filter(({ name, coarse }) => coarse && used.has(name))
    .map(
      ({ name }) =>
        `column "${name}" has nanoseconds and a time zone, and is read in microseconds: the rest is cut off`,
    );
}

/** Why a column is not scored, as far as its type and what was asked tell. */
export function unscoredReason(
  { name, usable, reason, type }: SourceColumn,
  { id }: Pick<Prepared['options'], 'id'>,
): string {
  if (!usable) return reason ?? type;
  return name === id ? 'named by --id' : 'not selected';
}
