import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Asked, mismatchError } from '../../../src/orchestrator/job/mismatch.ts';

const request = {
  spec: {
    versions: { result: 1, duckdb: '1.5.6', plan: 1 },
    inputs: [{ name: '', size: 1 }],
    model: 'sha256:old',
    missing: 'center',
  },
  sources: ['/in.parquet'],
  realPaths: ['/old.parquet'],
  home: resolve('.batch-core'),
  asked: { model: '/m.bcm' },
  options: { model: '/m.bcm' },
  out: '/o.parquet',
  approved: { files: [] },
};

function refusal(change: object, spec: object = {}, before: object = {}) {
  const now = { ...request, ...change, spec: { ...request.spec, ...spec }, output: { path: '/o.parquet' } };
  const { code, message, hint } = mismatchError('j1', { ...request, ...before } as never, now as unknown as Asked);
  return { code, differs: message.replace(/^.*begun differently: /, ''), hint };
}

describe('an unfinished job that was begun differently', () => {
  it.each<[string, object, object, ReturnType<typeof refusal>]>([
    [
      'by options can be resumed',
      {},
      { missing: 'skip' },
      {
        code: 'JOB_MISMATCH',
        differs: 'missing: "center" -> "skip"',
        hint: 'go on with "batch-core resume j1", or start this one instead with --fresh',
      },
    ],
    [
      'for a link that led elsewhere cannot: the link is named by its ends',
      { realPaths: ['/new.parquet'] },
      {},
      {
        code: 'INPUT_CHANGED',
        differs: 'real path of the source: "/old.parquet" -> "/new.parquet"',
        hint: 'put the old source back, or start over with --fresh',
      },
    ],
    [
      'with what was another model under the same name cannot',
      {},
      { model: 'sha256:new' },
      {
        code: 'JOB_MISMATCH',
        differs: 'model: "sha256:old" -> "sha256:new"',
        hint: 'put the old model back at /m.bcm, or start over with --fresh',
      },
    ],
    [
      'with another model can',
      { options: { model: '/m2.bcm' } },
      { model: 'sha256:new' },
      {
        code: 'JOB_MISMATCH',
        differs: 'model: "sha256:old" -> "sha256:new"',
        hint: 'go on with "batch-core resume j1", or start this one instead with --fresh',
      },
    ],
    [
      'for other sources can',
      { sources: ['/in2.parquet'], realPaths: ['/in2.parquet'] },
      {},
      {
        code: 'JOB_MISMATCH',
        differs: 'sources: ["/in.parquet"] -> ["/in2.parquet"]',
        hint: 'go on with "batch-core resume j1", or start this one instead with --fresh',
      },
    ],
    [
      'by another version cannot',
      {},
      { versions: { result: 1, duckdb: '1.6.0', plan: 1 } },
      {
        code: 'JOB_MISMATCH',
        differs: 'versions.duckdb: "1.5.6" -> "1.6.0"',
        hint: 'use the version that it began with, or start over with --fresh',
      },
    ],
  ])('%s', (_, change, spec, expected) => {
    expect(refusal(change, spec)).toEqual(expected);
  });

  it('by an earlier version, which did not say where its source lay, is not answered with itself', () => {
    const { hint } = refusal({ realPaths: ['/new.parquet'] }, {}, { realPaths: undefined });
    expect(hint).toBe('start over with --fresh');
  });
});
