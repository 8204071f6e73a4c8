/** What a job was asked, as its record keeps it: what decides the bytes apart from how it is carried out. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { readBeginning } from '../../../src/orchestrator/job/beginning.ts';
import { JobStore } from '../../../src/store/job.ts';
import { errorOf, gaussian, killAtPart, parquet, run, score, scratch, sha256 } from '../../cli/harness.ts';

const directory = scratch();
const at = (...names: string[]) => join(directory, ...names);
const FLAGS = ['data.parquet', '-d', 'zscore', '--chunk-rows', '4096', '--top', '50', '--keep', 'id'];
const QUIET = ['--json', '--progress', 'none'];
let whole = '';

/** A record as it was written before what decides bytes had a place of its own. */
const FORMER = `{
  "schema": "batch-core.job/1",
  "jobId": "JOB",
  "fingerprint": "FINGERPRINT",
  "createdAt": "2026-11-27T19:39:59.079Z",
  "mtimesNs": [
    "MTIME"
  ],
  "request": {
    "spec": SPEC,
    "sources": [
      "IN"
    ],
    "realPaths": [
      "IN"
    ],
    "out": "OUT",
    "place": "OUT",
    "options": {
      "detector": "zscore",
      "chunkRows": 4096,
      "top": 50,
      "keep": [
        "id"
      ],
      "workers": 2,
      "retries": 5,
      "out": "OUT",
      "home": "HOME"
    },
    "approved": {
      "files": []
    }
  }
}
`;

beforeAll(async () => {
  await parquet(at('data.parquet'), gaussian(200_000), 4096);
  await score(directory, ...FLAGS, '-o', 'whole.parquet', '--home', 'home');
  whole = sha256(at('whole.parquet'));
});

/** A job that was killed while it scored; its record. */
async function killed(name: string) {
  const args = ['score', ...FLAGS, '-w', '2', '--retries', '5', '-o', `${name}.parquet`, '--home', name];
  const id = await killAtPart(directory, args, name, 30);
  const job = at(name, 'jobs', id);
  const read = () => JSON.parse(readFileSync(join(job, 'job.json'), 'utf8'));
  return {
    job,
    id,
    read,
    resume: (...how: string[]) => run(directory, 'resume', id, '--home', name, ...QUIET, ...how),
  };
}

describe("a job's record", () => {
  it('keeps what decides the bytes apart from how, of which a resume takes what it is told', async () => {
    const { read, resume } = await killed('apart');
    expect(read().request).toMatchObject({
      asked: { detector: 'zscore', chunkRows: 4096, top: 50, keep: ['id'] },
      options: { workers: 2, retries: 5, home: 'apart' },
    });
    expect(Object.keys(read().request.options).sort()).toEqual(['home', 'retries', 'workers']);
    const resumed = await resume('-w', '1', '-e', 'sequential', '--memory', '1GiB');
    expect(resumed.code, resumed.stdout).toBe(0);
    const { chunks, resources } = JSON.parse(resumed.stdout);
    expect(chunks.resumed).toBeGreaterThan(0);
    expect(resources).toMatchObject({ engine: 'sequential', workers: 1, memoryBudgetBytes: 2 ** 30 });
    expect(sha256(at('apart.parquet'))).toBe(whole);
    expect(read().request).toMatchObject({
      asked: { detector: 'zscore' },
      options: { workers: 1, engine: 'sequential', memory: '1GiB', retries: 5 },
    });
  });

  it('lets nothing that lies among its options decide a byte', async () => {
    const { job, read, resume } = await killed('touched');
    const record = read();
    Object.assign(record.request.options, { detector: 'hbos', top: 3, explain: 0 });
    writeFileSync(join(job, 'job.json'), JSON.stringify(record));
    const resumed = await resume();
    expect(resumed.code, resumed.stdout).toBe(0);
    expect(sha256(at('touched.parquet'))).toBe(whole);
  });

  it('of an earlier version, with all in its options, goes on', async () => {
    const { job, id, read, resume } = await killed('former');
    const { fingerprint, mtimesNs, request } = read();
    const former = FORMER.replace('JOB', id)
      .replace('FINGERPRINT', fingerprint)
      .replace('MTIME', mtimesNs[0])
      .replace('SPEC', JSON.stringify(request.spec))
      .replaceAll('IN"', `${at('data.parquet')}"`)
      .replaceAll('OUT"', `${at('former.parquet')}"`)
      .replaceAll('HOME"', 'former"');
    writeFileSync(join(job, 'job.json'), former);
    const store = await JobStore.open(join(job, 'job.duckdb'));
    const dead = { pid: 1, bootId: 'b', host: 'h', out: '/o' };
    await store.beginExecution(dead, { specJson: JSON.stringify(JSON.parse(former).request) });
    await store.close();
    const resumed = await resume();
    expect(resumed.code, resumed.stdout).toBe(0);
    expect(JSON.parse(resumed.stdout).chunks.resumed).toBeGreaterThan(0);
    expect(sha256(at('former.parquet'))).toBe(whole);
    expect(read().request).toEqual({ ...request, options: { ...request.options, home: at('former') } });
  });

  it.each(['3', '"zscore"', '[]'])('with %s for what was asked is none', (asked) => {
    const job = at('odd', 'jobs', 'j');
    mkdirSync(job, { recursive: true });
    const record = { schema: 'batch-core.job/1', jobId: 'j', fingerprint: 'f', createdAt: '' };
    const request = {
      spec: {},
      sources: [],
      out: '/o',
      options: {},
      asked: JSON.parse(asked),
      approved: { files: [] },
    };
    const write = (content: object) =>
      writeFileSync(join(job, 'job.json'), JSON.stringify({ ...record, request: content }));
    write({ ...request, asked: {} });
    expect(readBeginning(at('odd'), 'j')?.request.asked).toEqual({});
    write(request);
    expect(readBeginning(at('odd'), 'j')).toBeUndefined();
  });
});

it('a job that has a process goes on as it began: how else is refused', async () => {
  const { resumeJob } = await import('../../../src/orchestrator/core/resume.ts');
  const { JobLock } = await import('../../../src/bindings/native.ts');
  const { job, id } = await killed('held');
  const lock = new JobLock(join(job, 'job.lock'), 'somebody');
  try {
    await expect(resumeJob(at('held'), id, { workers: 1 })).rejects.toMatchObject({
      code: 'USAGE',
      where: { option: '--workers', job: id },
    });
    expect(await resumeJob(at('held'), id)).toMatchObject({ kind: 'running' });
  } finally {
    lock.release();
  }
  const bad = await run(directory, 'resume', id, '--home', 'held', '--memory', 'much', ...QUIET);
  expect([bad.code, errorOf(bad)]).toMatchObject([2, { code: 'USAGE', where: { option: '--memory' } }]);
});
