import { join } from 'node:path';
import { expect, it } from 'vitest';
import { openFile } from '../../src/duckdb/client.ts';
import { MIGRATIONS, type Migration, migrate } from '../../src/store/migrations.ts';
import { scratch } from '../cli/harness.ts';

const directory = scratch();
const later: Migration[] = [
  ...MIGRATIONS,
  {
    since: '0.7.0',
    statements: ["ALTER TABLE job ADD COLUMN note VARCHAR DEFAULT ''", 'CREATE TABLE extra(a BIGINT)'],
  },
];

it('each step is applied once', async () => {
  const database = await openFile(join(directory, 'once.duckdb'));
  for (let i = 0; i < 3; i++) await migrate(database);
  const applied = await database.all('SELECT number, since FROM migration ORDER BY number');
  expect(applied).toEqual(MIGRATIONS.map(({ since }, i) => ({ number: i + 1, since })));
  await database.close();
});

it('a later version adds its steps to what is there', async () => {
  const database = await openFile(join(directory, 'later.duckdb'));
  await migrate(database);
  await database.run("INSERT INTO job VALUES ('j', '{}', 'f', epoch_ms(0), 'stopped')");
  await migrate(database, later);
  expect(await database.all('SELECT job_id, note FROM job')).toEqual([{ job_id: 'j', note: '' }]);
  expect(await database.all('SELECT count(*) AS steps FROM migration')).toEqual([{ steps: MIGRATIONS.length + 1 }]);
  await database.close();
});

it('a step is applied wholly or not at all', async () => {
  const database = await openFile(join(directory, 'half.duckdb'));
  const broken = [...MIGRATIONS, { since: '0.7.0', statements: ['CREATE TABLE extra(a BIGINT)', 'SELECT nonsense'] }];
  await expect(migrate(database, broken)).rejects.toThrow();
  expect(await database.all("SELECT 1 FROM duckdb_tables() WHERE table_name = 'extra'")).toEqual([]);
  await migrate(database, later);
  expect(await database.all('FROM extra')).toEqual([]);
  await database.close();
});

it('an older version refuses a newer database, says which version reads it, and leaves it as it is', async () => {
  const database = await openFile(join(directory, 'newer.duckdb'));
  await migrate(database, later);
  const before = await database.all('FROM migration');
  await expect(migrate(database)).rejects.toMatchObject({
    code: 'JOB_MISMATCH',
    exitCode: 78,
    message: expect.stringContaining('batch-core 0.7.0'),
    hint: expect.stringContaining('go on with batch-core 0.7.0 or newer'),
  });
  expect(await database.all('FROM migration')).toEqual(before);
  await database.close();
});
