/** Whether a database that opens also holds a job: every block is read once, and what must hold between rows is asked. */
import type { Database, Value } from '../duckdb/client.ts';
import { databaseError } from '../duckdb/failure.ts';
import { BatchCoreError } from '../errors.ts';
import { JOB_STATES } from './states.ts';

const CHUNK_STATES = ['pending', 'running', 'done', 'retry_wait', 'quarantined'];

const list = (names: readonly string[]) => names.map((name) => `'${name}'`).join(',');

/** What makes a table nonsense, as a query that returns a row when it is. */
const LAWS: Readonly<Record<string, readonly (readonly [law: string, sql: string])[]>> = {
  job: [
    ['there is one job', 'SELECT 1 FROM job HAVING count(*) > 1'],
    ['its state is known', `FROM job WHERE state NOT IN (${list(JOB_STATES)})`],
  ],
  chunk: [
    ['chunks are numbered from 0', 'SELECT 1 FROM chunk GROUP BY phase HAVING count(*) <> max(chunk_id) + 1'],
    ['a chunk is there once', 'SELECT 1 FROM chunk GROUP BY phase HAVING count(*) <> count(DISTINCT chunk_id)'],
    ['states of chunks are known', `FROM chunk WHERE state NOT IN (${list(CHUNK_STATES)})`],
    ['a finished chunk has rows', "FROM chunk WHERE state = 'done' AND rows_out IS NULL"],
  ],
  merged: [
    ['summaries of a phase are merged into one', 'SELECT 1 FROM merged GROUP BY phase HAVING count(*) > 1'],
    [
      'what is merged is done',
      `FROM merged m WHERE m.chunks <> (SELECT count(*) FROM chunk c WHERE c.phase = m.phase AND c.chunk_id < m.chunks AND c.state = 'done')`,
    ],
  ],
  model: [['there is one model', 'SELECT 1 FROM model HAVING count(*) > 1']],
  execution: [
    ['executions have epochs of their own', 'SELECT 1 FROM execution HAVING count(*) <> count(DISTINCT epoch)'],
  ],
};

/** One statement in place of several, each of which would go to DuckDB's thread and back. */
const ALL = ' UNION ALL ';

/** Throws JOB_DAMAGED when `database`, which lies at `path`, does not hold job `jobId` or holds what cannot be. */
export async function checkTables(database: Database, path: string, jobId: string | undefined): Promise<void> {
  const damaged = (reason: string) =>
    new BatchCoreError('JOB_DAMAGED', `the job database "${path}" is damaged: ${reason}`, { where: { file: path } });
  const tables = (await database.all('SELECT table_name FROM duckdb_tables()')).map((row) => String(row['table_name']));
  try {
    // DuckDB checks a block when it is read, and only then: better now than when a summary is asked for.
    if (tables.length > 0)
      await database.all(tables.map((table) => `SELECT bit_xor(hash(t)) FROM "${table}" t`).join(ALL));
    const laws = tables.flatMap((table) => LAWS[table] ?? []);
    const broken = laws.map(([law, sql]) => `SELECT '${law}' AS law WHERE EXISTS (${sql})`);
    const [first] = broken.length > 0 ? await database.all(broken.join(ALL)) : [];
    if (first) throw damaged(`it breaks "${first['law']}"`);
  } catch (error) {
    // A file just opened that cannot be read through is the file's fault, whatever DuckDB calls it.
    const ours = error as BatchCoreError;
    throw ours.code === 'BUG' ? databaseError(ours.cause, path, 'open') : error;
  }
  if (!tables.includes('job')) return;
  const [job] = await database.all('SELECT job_id, spec_json FROM job');
  if (job && jobId !== undefined && job['job_id'] !== jobId) throw damaged(`it is that of job ${job['job_id']}`);
  if (job && !isJson(job['spec_json'])) throw damaged('its request cannot be read');
  if (!tables.includes('publication')) return;
  for (const { output_json: output, report_json: report } of await database.all('FROM publication'))
    if (!isJson(output) || (report !== null && !isJson(report))) throw damaged('its publication cannot be read');
}

function isJson(text: Value | undefined): boolean {
  try {
    JSON.parse(String(text));
    return true;
  } catch {
    return false;
  }
}
