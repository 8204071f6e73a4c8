/** What columns are called in a file, where DuckDB calls them otherwise. */
import { literalPath, openMemory } from '../duckdb/client.ts';

/**
 * Names of the top-level columns of the Parquet file at `path`, in its own words and order. DuckDB tells columns apart
 * without regard to case and needs a name for each, so that it renames `COLUMN` beside `column`, and what has no name.
 */
export async function fileColumnNames(path: string): Promise<string[]> {
  const database = await openMemory({ files: [path] });
  try {
    const elements = await database.all('SELECT name, num_children FROM parquet_schema($1)', [literalPath(path)]);
    return topLevelNames(
      elements.map(({ name, num_children }) => ({ name: String(name), children: Number(num_children) })),
    );
  } finally {
    await database.close();
  }
}

/** The schema is a tree written depth first, its root first. */
export function topLevelNames(elements: readonly { name: string; children: number }[]): string[] {
  const names: string[] = [];
  const skip = (at: number): number => {
    let next = at + 1;
    for (let child = 0; child < (elements[at]?.children ?? 0); child += 1) next = skip(next);
    return next;
  };
  for (let at = 1; at < elements.length; at = skip(at)) names.push(elements[at]?.name ?? '');
  return names;
}
