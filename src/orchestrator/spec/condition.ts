/** What an SQL condition is made of, by the syntax tree that DuckDB makes of it. Pure. */

/** What a condition asks for. */
export interface Condition {
  /** Names before the first point: columns, if such are there. */
  columns: string[];
  /** Functions and operators, in lower case. */
  functions: string[];
}

/** What a condition may be made of: all that looks at nothing but the cells of one row. */
const ALLOWED: ReadonlySet<unknown> = new Set([
  ...[
    'COLUMN_REF',
    'CONSTANT',
    'COMPARISON',
    'CONJUNCTION',
    'BETWEEN',
    'CASE',
    'CAST',
    'FUNCTION',
    'OPERATOR',
    'COLLATE',
  ],
]);

/** What else there is, as people call it. */
const CALLED: Readonly<Record<string, string>> = {
  SUBQUERY: 'a subquery',
  WINDOW: 'a window function',
  STAR: 'a "*"',
  PARAMETER: 'a parameter',
  LAMBDA: 'a lambda function',
  POSITIONAL_REFERENCE: 'the number of a column',
  DEFAULT: 'a default',
};

/** Reads what `json_serialize_sql('SELECT ' || condition)` answers with: the condition, or why it is none. */
export function conditionOf(json: string): Condition | { refused: string } {
  const tree = JSON.parse(json) as { error: boolean; error_message?: string; statements?: { node: Node }[] };
  if (tree.error) return { refused: tree.error_message ?? 'it cannot be read' };
  const [statement, ...more] = tree.statements ?? [];
  const expression = more.length === 0 && statement ? onlyExpression(statement.node) : undefined;
  if (!expression) return { refused: 'it is not one expression' };
  const found = { columns: new Set<string>(), functions: new Set<string>(), refused: new Set<string>() };
  walk(expression, found);
  const [refused] = found.refused;
  if (refused !== undefined) return { refused: `it has ${CALLED[refused] ?? refused.toLowerCase()}` };
  return { columns: [...found.columns], functions: [...found.functions] };
}

type Node = Readonly<Record<string, unknown>>;

/** The one expression that is selected, from nothing. */
function onlyExpression(select: Node): Node | undefined {
  const { type, modifiers, select_list: list, from_table: from, cte_map: tables, ...others } = select;
  const names = ['where_clause', 'having', 'sample', 'qualify'] as const;
  const isBare =
    type === 'SELECT_NODE' &&
    isEmpty(modifiers) &&
    isEmpty((tables as Node | undefined)?.['map']) &&
    isEmpty(others['group_expressions']) &&
    (from as Node | undefined)?.['type'] === 'EMPTY' &&
    names.every((name) => (others[name] ?? null) === null);
  const [expression, ...more] = Array.isArray(list) ? (list as Node[]) : [];
  return isBare && more.length === 0 && expression?.['alias'] === '' ? expression : undefined;
}

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0;

function walk(value: unknown, found: { columns: Set<string>; functions: Set<string>; refused: Set<string> }): void {
  if (typeof value !== 'object' || value === null) return;
  if (Array.isArray(value)) {
    for (const one of value) walk(one, found);
    return;
  }
  const node = value as Node;
  const kind = node['class'];
  if (kind !== undefined && !ALLOWED.has(kind)) {
    found.refused.add(String(kind));
    return;
  }
  if (kind === 'COLUMN_REF') found.columns.add(String((node['column_names'] as unknown[])[0]));
  if (kind === 'FUNCTION') found.functions.add(String(node['function_name']).toLowerCase());
  // A cell may hold anything, and names nothing.
  if (kind !== 'CONSTANT') for (const part of Object.values(node)) walk(part, found);
}
