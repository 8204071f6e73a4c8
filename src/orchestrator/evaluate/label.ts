/** What a column says as a label: whether a row is an anomaly. Pure. */
import { quoteName } from '../../duckdb/client.ts';
import { BatchCoreError } from '../../errors.ts';
import type { SourceColumn } from '../../source/facts.ts';
import type { Tally } from './evaluation.ts';

/** What a label becomes that is there and is none. */
export const WRONG = 2;

/** What a label may be. */
const WANTED = 'a label is true or false, or 1 or 0';

/**
 * The column as SQL: 1, 0, null where it is missing (null or NaN), {@link WRONG} for anything else.
 *
 * @throws LABEL_INVALID for a column of a type that says neither.
 */
export function labelOf(column: SourceColumn, file: string): string {
  const { name, type } = column;
  const cell = quoteName(name);
  const plain = !column.unreadable && !column.shifted;
  if (type === 'BOOLEAN') return `${cell}::TINYINT`;
  if (type === 'VARCHAR')
    return `CASE WHEN ${cell} IS NOT NULL THEN coalesce(TRY_CAST(${cell} AS BOOLEAN)::TINYINT, ${WRONG}) END`;
  if (plain && NUMBER.test(type)) {
    const missing = FLOAT.test(type) ? `${cell} IS NULL OR isnan(${cell})` : `${cell} IS NULL`;
    return `(CASE WHEN ${cell} = 1 THEN 1 WHEN ${cell} = 0 THEN 0 WHEN ${missing} THEN NULL ELSE ${WRONG} END)::TINYINT`;
  }
  throw labelInvalid(file, name, `is ${column.reason ?? type}`);
}

const FLOAT = /^(FLOAT|DOUBLE)$/;
const NUMBER = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL\(\d+,\d+\))$/;

/** A column that is no label, or has a value that is none. */
export function labelInvalid(file: string, column: string, what: string): BatchCoreError {
  return new BatchCoreError('LABEL_INVALID', `${file}: the column "${column}" ${what}; ${WANTED}`, {
    where: { file, column, option: '--label' },
    hint: 'name another column, or write one with 1 for each anomaly, 0 for the other rows, and null where it is not known',
  });
}

/** Of rows that are all of one class there is nothing to tell apart. */
export function oneClass(file: string, column: string, { evaluated, positives }: Tally): BatchCoreError {
  const what =
    evaluated === 0
      ? `no row has both a score and a label`
      : `all ${evaluated.toLocaleString('en-US')} rows that have a score and a label are ${positives > 0 ? 'positive' : 'negative'}`;
  return new BatchCoreError('LABEL_INVALID', `${file}: by the column "${column}" ${what}`, {
    where: { file, column, option: '--label' },
    hint: 'figures need rows of both classes: name another column, or another output',
  });
}
