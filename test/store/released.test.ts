/** Unfinished jobs as earlier versions left them (test/released): they open, go on, and publish what they would have. */
import { cpSync, mkdirSync, readFileSync, realpathSync, utimesSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { duckdbVersion } from '../../src/bindings/native.ts';
import { openFile } from '../../src/duckdb/client.ts';
import { jobIdOf } from '../../src/orchestrator/spec/jobSpec.ts';
import { RESULT_VERSION } from '../../src/orchestrator/spec/resultVersion.ts';
import { JobStore } from '../../src/store/job.ts';
import { errorOf, run, scratch, sha256 } from '../cli/harness.ts';

const RELEASED = resolve(import.meta.dirname, '../released/tables-3');
/** Where it ran, which is in all that it wrote. */
const PLACE = '/tmp/tables-3';
/** Of what the version that wrote it publishes when nothing kills it. */
const PUBLISHED = '4274d10515441071016cf2aba1db3eb0cd3344554162cf3f53d326c2b2a6f2a5';

const cwd = realpathSync(scratch());
const { jobId, fingerprint, request } = JSON.parse(readFileSync(join(RELEASED, 'job/job.json'), 'utf8'));
const idAt = (place: string) =>
  jobIdOf(fingerprint, { sources: [join(place, 'source.parquet')], out: join(place, 'scores.parquet') });

/** Moves the job here as if it had begun here: its paths are in its id, its record and its tables. */
async function moveHere(): Promise<string> {
  cpSync(join(RELEASED, 'source.parquet'), join(cwd, 'source.parquet'));
  utimesSync(join(cwd, 'source.parquet'), 1_767_225_600, 1_767_225_600);
  const moved = idAt(cwd);
  const directory = join(cwd, 'home/jobs', moved);
  mkdirSync(directory, { recursive: true });
  cpSync(join(RELEASED, 'job'), directory, { recursive: true });
  for (const name of ['job.json', 'status.json'].map((name) => join(directory, name)))
    writeFileSync(name, readFileSync(name, 'utf8').replaceAll(PLACE, cwd).replaceAll(jobId, moved));
  const database = await openFile(join(directory, 'job.duckdb'));
  for (const table of ['job', 'execution', 'chunk']) await database.run(`UPDATE ${table} SET job_id = $1`, [moved]);
  for (const column of ['job.spec_json', 'execution.out', 'input_file.path']) {
    const [table, name] = column.split('.');
    await database.run(`UPDATE ${table} SET ${name} = replace(${name}, $1, $2)`, [PLACE, cwd]);
  }
  await database.close();
  return moved;
}

it('its id is what it was', () => {
  expect(idAt(PLACE)).toBe(jobId);
});

it('it opens, and all that it knew is there, also when its process dies at once', async () => {
  const [first, second] = ['first', 'second'].map((name) => join(cwd, name));
  cpSync(join(RELEASED, 'job'), first!, { recursive: true });
  const store = await JobStore.open(join(first!, 'job.duckdb'), { jobId });
  // As they lie on the disk now, with the migration in the log.
  cpSync(first!, second!, { recursive: true });
  await store.close();
  const again = await JobStore.open(join(second!, 'job.duckdb'), { jobId });
  expect(again.recovery).toBeUndefined();
  const [{ footerBytes, footerSha256 }] = request.spec.inputs;
  expect((await again.read())?.files).toEqual([
    {
      ...{ kind: 'file', path: `${PLACE}/source.parquet`, size: 37_468, mtimeNs: '1767225600000000000' },
      ...{ ctimeNs: expect.stringMatching(/^\d+$/), device: '65024', inode: expect.stringMatching(/^\d+$/) },
      ...{ footerBytes, footerSha256, rows: 24_576, rowGroups: 12 },
    },
  ]);
  const chunks = await again.chunks('score');
  expect(chunks.map(({ state }) => state)).toEqual([...Array(4).fill('done'), 'running', ...Array(7).fill('pending')]);
  for (const { chunkId, staged } of chunks.slice(0, 4)) {
    const name = `part-000000${chunkId}.parquet`;
    const part = join(RELEASED, 'job/parts', name);
    expect(staged).toEqual({ name, size: readFileSync(part).length, sha256: sha256(part) });
  }
  expect(chunks.slice(4).map(({ staged }) => staged)).toEqual(Array(8).fill(null));
  expect(await again.chunks('fit-1')).toMatchObject(Array(12).fill({ state: 'done', rowsOut: 2048, staged: null }));
  await again.close();
});

it('it goes on, or says which version it needs', async () => {
  const moved = await moveHere();
  const ended = await run(cwd, 'resume', moved, '--home', 'home', '--json', '--progress', 'none');
  const { result, duckdb } = request.spec.versions;
  if (result !== RESULT_VERSION || duckdb !== duckdbVersion()) {
    expect(errorOf(ended)).toMatchObject({ code: 'JOB_MISMATCH', message: expect.stringContaining('versions') });
    return;
  }
  expect(ended, ended.stderr).toMatchObject({ code: 0 });
  expect(JSON.parse(ended.stdout).chunks).toMatchObject({ planned: 12, resumed: 4, executed: 8 });
  expect(sha256(join(cwd, 'scores.parquet'))).toBe(PUBLISHED);
});
