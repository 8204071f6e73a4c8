/** `--id`: the highest rows of a report are named by a column, which is read for them alone. */
import { type Database, literalPath, openMemory, quoteName, type Value } from '../../duckdb/client.ts';
import { BatchCoreError } from '../../errors.ts';
import type { Report, RowId, TopRow } from '../../report.ts';
import type { SourceColumn, SourceFile } from '../../source/facts.ts';
import type { Prepared } from '../prepare/prepare.ts';

/**
 * The report with an `id` of each of its rows, where one is asked for, and else without. The scores are published when this
 * is asked: ids that cannot be read are a warning.
 */
export async function named({ facts, options }: Pick<Prepared, 'facts' | 'options'>, report: Report): Promise<Report> {
  const { anomalies } = report;
  if (!anomalies) return report;
  const top = anomalies.top.map(({ id: _former, ...row }): TopRow => row);
  const column = facts.columns.find(({ name }) => name === options.id);
  if (!column || top.length === 0) return { ...report, anomalies: { ...anomalies, top } };
  try {
    const ids = await readIds(facts.files, column, top);
    const told = top.map(({ file, row, ...rest }, i) => ({ file, row, id: ids[i] ?? null, ...rest }));
    return { ...report, anomalies: { ...anomalies, top: told } };
  } catch (thrown) {
    const { message } = BatchCoreError.from(thrown);
    const warning = `--id: the highest rows have no names: column "${column.name}" cannot be read: ${message}`;
    return { ...report, anomalies: { ...anomalies, top }, warnings: [...report.warnings, warning] };
  }
}

/** What `column` has in each of `rows`, in their order. */
async function readIds(files: readonly SourceFile[], column: SourceColumn, rows: readonly Place[]): Promise<RowId[]> {
  const places = [...new Set(rows.map(({ file }) => file))];
  const database = await openMemory({ files: places.map((file) => files[file]?.path ?? '') });
  try {
    const found = new Map<number, Map<number, Value>>();
    for (const file of places) {
      const numbers = rows.filter((place) => place.file === file).map(({ row }) => row);
      found.set(file, await readCells(database, column, files[file]?.path ?? '', numbers));
    }
    return rows.map(({ file, row }) => idOf(found.get(file)?.get(row) ?? null));
  } finally {
    await database.close();
  }
}

type Place = Pick<TopRow, 'file' | 'row'>;

/** By number of row. One scan for all, which leaves out the row groups that have none of them. */
async function readCells(
  database: Database,
  { name, type }: SourceColumn,
  path: string,
  rows: readonly number[],
): Promise<Map<number, Value>> {
  const cell = NUMBER.test(type) ? quoteName(name) : `${quoteName(name)}::VARCHAR`;
  const found = await database.all(
    `SELECT file_row_number AS place, ${cell} AS cell
     FROM read_parquet($1, file_row_number = true, hive_partitioning = false, union_by_name = false)
     WHERE file_row_number IN (${rows.map((_, i) => `$${i + 2}`).join()})`,
    [literalPath(path), ...rows],
  );
  return new Map(found.map(({ place, cell = null }) => [Number(place), cell]));
}

/** What JSON has numbers for; a whole number beyond 2^53 is told by its digits. */
const NUMBER = /^(U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE)$/;

function idOf(value: Value): RowId {
  if (value === null || Number.isFinite(value)) return value as number | null;
  return String(value);
}
