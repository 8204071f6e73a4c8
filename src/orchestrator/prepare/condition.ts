/** Conditions in the user's SQL, checked before anything is read by them: DuckDB is asked what they mean, of one file, locked down. */
import { type Database, literalPath, openMemory, quoteText } from '../../duckdb/client.ts';
import { BatchCoreError } from '../../errors.ts';
import type { SourceFacts } from '../../source/facts.ts';
import { columnNamed, refuseMisread } from '../spec/columns.ts';
import { conditionOf } from '../spec/condition.ts';

/**
 * Refuses what is no condition on the cells of a row: of other columns than there are, without a truth value, or that may be
 * true in one run and false in the next.
 */
export async function checkCondition(sql: string, facts: SourceFacts, option: string): Promise<void> {
  const path = facts.files[0]?.path ?? '';
  const database = await openMemory({ files: [path] });
  try {
    const condition = await parse(database, sql);
    if ('refused' in condition) throw refused(option, `"${sql}" is no condition: ${condition.refused}`);
    for (const name of condition.columns) await refuseColumn(database, facts, name, option);
    const type = await typeOf(database, sql, path, option);
    if (type !== 'BOOLEAN') throw refused(option, `"${sql}" is ${type}, and not true or false`);
    for (const name of condition.functions) await refuseFunction(database, name, option);
  } finally {
    await database.close();
  }
}

const HINT = 'give an SQL expression such as "ts < \'2024-06-01\' and not incident", made of the columns of a row';

function refused(option: string, what: string): BatchCoreError {
  return new BatchCoreError('USAGE', `${option}: ${what}`, { where: { option }, hint: HINT });
}

async function parse(database: Database, sql: string): Promise<ReturnType<typeof conditionOf>> {
  // It takes no parameter.
  const [row] = await database.all(`SELECT json_serialize_sql(${quoteText(`SELECT ${sql}`)}) AS answer`);
  return conditionOf(String(row?.['answer']));
}

/** What SQL calls without parentheses. */
const CALLED_AS_COLUMNS = /^(current_|local|session_|user$|today$)/i;

/** Functions that depend on who asks, and when; DuckDB takes some of them for consistent. */
const OF_A_SESSION = /^(current_|getvariable$|version$)/;

/** A column that is not there, or whose cells DuckDB takes for others. */
async function refuseColumn(database: Database, facts: SourceFacts, name: string, option: string): Promise<void> {
  const column = facts.columns.find((one) => one.name.toLowerCase() === name.toLowerCase());
  if (!column && CALLED_AS_COLUMNS.test(name)) await refuseFunction(database, name.toLowerCase(), option);
  refuseMisread(column ?? columnNamed(facts, name, option), option);
}

/** What DuckDB takes the condition for, or its objection. */
async function typeOf(database: Database, sql: string, path: string, option: string): Promise<string> {
  try {
    const [row] = await database.all(
      `DESCRIBE SELECT (\n${sql}\n) AS answer FROM read_parquet($1, hive_partitioning = false) WHERE (\n${sql}\n)`,
      [literalPath(path)],
    );
    return String(row?.['column_type']);
  } catch (thrown) {
    const error = BatchCoreError.from(thrown);
    const [, said] =
      /^(?:Binder|Catalog|Parser|Conversion|Invalid Input|Not implemented) Error: (.*)/.exec(error.message) ?? [];
    throw said === undefined ? error : refused(option, `"${sql}" is no condition: ${said}`);
  }
}

/** A function that may answer otherwise in another run; macros are what they are made of. */
async function refuseFunction(
  database: Database,
  name: string,
  option: string,
  seen = new Set<string>(),
): Promise<void> {
  if (seen.has(name)) return;
  seen.add(name);
  const known = await database.all(
    `SELECT stability, macro_definition, to_json(parameters) AS parameters FROM duckdb_functions()
     WHERE lower(function_name) = $1 AND function_type IN ('scalar', 'macro')`,
    [name],
  );
  if (known.length === 0 || OF_A_SESSION.test(name))
    throw refused(option, `"${name}" may answer otherwise in another run`);
  for (const { stability, macro_definition: body, parameters } of known) {
    if (body === null && stability !== 'CONSISTENT')
      throw refused(option, `"${name}" may answer otherwise in another run`);
    if (body === null) continue;
    const inside = await parse(database, String(body));
    if ('refused' in inside) throw refused(option, `"${name}" cannot be used here: ${inside.refused}`);
    const given: unknown = JSON.parse(String(parameters));
    const others = inside.columns.filter((column) => !(Array.isArray(given) && given.includes(column)));
    for (const one of [...inside.functions, ...others]) await refuseFunction(database, one.toLowerCase(), option, seen);
  }
}
