/** What is a condition on the cells of a row, and what is refused. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { checkCondition } from '../../../src/orchestrator/prepare/condition.ts';
import { readFacts, type SourceFacts } from '../../../src/source/facts.ts';
import { parquet, scratch } from '../../cli/harness.ts';

let facts: SourceFacts;

beforeAll(async () => {
  const path = join(scratch(), 'source[1].parquet');
  const select = `SELECT i::DOUBLE AS f0, i AS id, 'a' || i AS name, { 'x': i } AS place, [i] AS list, now()::TIMESTAMP AS ts,
    i AS "a b", i AS "current_date" FROM range(10) r(i)`;
  await parquet(path, select);
  facts = await readFacts([path]);
});

const checked = (sql: string) => checkCondition(sql, facts, '--fit-where');

describe('a condition', () => {
  it.each([
    'f0 > 1',
    'F0 > 1 OR not (id % 2 = 0)',
    "f0 > 1 -- 'quoted",
    "name LIKE 'a%' AND f0 BETWEEN -1 AND 1",
    "regexp_matches(name, '^a[0-9]') AND length(name) < 3",
    'nullif(f0, 0) IS NOT NULL and round_even(id, 0) < 3 and fmod(f0, 2) = 1',
    '"a b" > 1 and place.x in (1, 2, 3) and list[1] = 2',
    "CASE WHEN id % 2 = 0 THEN true ELSE name IN ('a1', 'a2') END",
    "ts < TIMESTAMP '2024-06-01' - INTERVAL 1 DAY AND extract(year FROM ts) = 2023",
    "try_cast(name AS INTEGER) > 1 AND coalesce(f0, 0) > 0 AND name COLLATE NOCASE = 'A1'",
    'current_date > 1',
    'true',
  ])('may be %j', async (sql) => {
    await expect(checked(sql)).resolves.toBeUndefined();
  });

  it.each([
    ['f0 >', 'USAGE', 'syntax error'],
    [' ', 'USAGE', 'is no condition'],
    ['f0', 'USAGE', '"f0" is DOUBLE, and not true or false'],
    ['NULL', 'USAGE', 'not true or false'],
    ['f9 > 1', 'COLUMN_NOT_FOUND', '--fit-where: there is no column "f9"'],
    ["filename > 'a'", 'COLUMN_NOT_FOUND', '"filename"'],
    ['file_row_number > 3', 'COLUMN_NOT_FOUND', '"file_row_number"'],
    ['F0 > random()', 'USAGE', '"random" may answer otherwise in another run'],
    ['ts > current_timestamp', 'USAGE', 'may answer otherwise'],
    ['ts > now()', 'USAGE', '"now" may answer otherwise'],
    ['ago(INTERVAL 1 DAY) > ts', 'USAGE', 'may answer otherwise in another run'],
    ['uuid()::VARCHAR > name', 'USAGE', '"uuid" may answer otherwise'],
    ['f0 > (SELECT 1)', 'USAGE', 'a subquery'],
    ["name in (FROM '/etc/passwd')", 'USAGE', 'a subquery'],
    ['EXISTS (SELECT 1)', 'USAGE', 'a subquery'],
    ["name in (SELECT content FROM read_text('/etc/passwd'))", 'USAGE', 'a subquery'],
    ['max(f0) > 1', 'USAGE', 'aggregates'],
    ['max(f0) OVER () > 1', 'USAGE', 'a window function'],
    ['unnest(list) > 1', 'USAGE', 'no condition'],
    ['$1 > 1', 'USAGE', 'a parameter'],
    ['f0 > ?', 'USAGE', 'a parameter'],
    ['COLUMNS(*) > 1', 'USAGE', '"*"'],
    ['len(list_filter(list, lambda y: y > 1)) > 0', 'USAGE', 'a lambda function'],
    ['f0 > 1; DROP TABLE x', 'USAGE', 'is no condition'],
    ['f0 > 1; SELECT 2', 'USAGE', 'not one expression'],
    ['f0 > 1) OR (true', 'USAGE', 'syntax error'],
    ['f0 > 1 /*', 'USAGE', 'comment'],
    ['f0 > 1 FROM x', 'USAGE', 'not one expression'],
    ['f0 > 1, true', 'USAGE', 'not one expression'],
    ['f0 > 1 AS y', 'USAGE', 'not one expression'],
    ['DISTINCT f0 > 1', 'USAGE', 'not one expression'],
    ['f0 > 1 LIMIT 1', 'USAGE', 'not one expression'],
    ['nosuch(f0) > 1', 'USAGE', 'nosuch'],
    ["getvariable('x') > 1", 'USAGE', '"getvariable" may answer otherwise'],
    ["current_setting('threads') > '1'", 'USAGE', '"current_setting" may answer otherwise'],
    ["nextval('s') > 1", 'USAGE', ''],
    ['ts > current_localtimestamp()', 'USAGE', 'may answer otherwise'],
    ['ts::TIME > localtime', 'USAGE', 'may answer otherwise'],
    ["current_user = 'me'", 'USAGE', '"current_user" may answer otherwise'],
  ])('is not %j', async (sql, code, said) => {
    await expect(checked(sql)).rejects.toMatchObject({ code, message: expect.stringContaining(said) });
  });
});
