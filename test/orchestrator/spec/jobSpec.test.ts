import { describe, expect, it } from 'vitest';
import { featureColumns } from '../../../src/orchestrator/spec/columns.ts';
import { fitFingerprintOf, shareOf } from '../../../src/orchestrator/spec/fitIdentity.ts';
import {
  fingerprintOf,
  jobIdOf,
  relativeNames,
  type SpecRequest,
  specDifferences,
  specOf,
} from '../../../src/orchestrator/spec/jobSpec.ts';
import { checkOptions, splitOptions } from '../../../src/orchestrator/spec/options.ts';
import { OPTIONS } from '../../../src/orchestrator/spec/optionTable.ts';
import type { ScoreOptions } from '../../../src/orchestrator/spec/optionTypes.ts';

const column = (name: string, type = 'DOUBLE', usable = true) => ({
  name,
  type,
  usable,
  convertible: usable || type === 'DATE',
});
const facts = {
  files: [
    {
      kind: 'file' as const,
      path: '/data/a.parquet',
      size: 10,
      mtimeNs: '1',
      ctimeNs: '1',
      device: '1',
      inode: '2',
      footerBytes: 3,
      footerSha256: 'ab',
      rows: 5,
      rowGroups: [{ rows: 5, bytes: 9 }],
    },
  ],
  columns: [column('x'), column('y', 'BIGINT'), column('name', 'VARCHAR', false), column('day', 'DATE', false)],
  extents: new Map(),
};
const request = (options: ScoreOptions = {}, more: Partial<SpecRequest> = {}): SpecRequest => ({
  kind: 'score',
  facts,
  options,
  parameters: {},
  model: undefined,
  layout: 'file',
  versions: { result: 1, duckdb: 'v1' },
  ...more,
});
const idOf = (options: ScoreOptions, more: Partial<SpecRequest> = {}) => fingerprintOf(specOf(request(options, more)));

it('a job is its content and its paths: the same content elsewhere is another job of the same fingerprint', () => {
  const id = (sources: string[], out: string) => jobIdOf('f', { sources, out });
  const [one, ...others] = [id(['/a'], '/o'), id(['/b'], '/o'), id(['/a'], '/p'), id(['/a', '/o'], '')];
  expect(id(['/a'], '/o')).toBe(one);
  expect(new Set([one, ...others]).size).toBe(4);
  expect(one).toMatch(/^[0-9a-f]{16}$/);
});

/** What a model says that was fitted here. */
const SAVED_MODEL = {
  digest: 'sha256:1',
  columns: ['x'],
  contamination: 0.05,
  threshold: null,
  calibrated: true,
  missing: 'center' as const,
};

describe('what an option decides', () => {
  /** A value of each option that is not its default; of a model nothing but its digest counts. */
  const OTHERS: Readonly<Record<string, unknown>> = {
    ...{
      detector: 'zscore',
      columns: ['x'],
      exclude: ['y'],
      missing: 'skip',
      contamination: 0.02,
      seed: 1,
      fitRows: 1000,
      fitOn: ['c.parquet'],
      fitWhere: 'x > 1',
      keep: ['name'],
    },
    ...{
      threshold: 3,
      top: 5,
      explain: 0,
      compression: 'snappy',
      chunkRows: 5000,
      out: 'b.parquet',
      saveModel: 'm.bcm',
    },
    ...{ engine: 'sequential', workers: 7, memory: '1GiB', retries: 9, home: '/elsewhere', fresh: true, force: true },
    ...{ verifyInput: true, signal: new AbortController().signal, onProgress: () => {}, onEvent: () => {} },
    ...{ id: 'x', label: 'x', source: 'elsewhere.parquet', forest: 'forest.json' },
  };
  const apart = ['parameters', 'model', 'fitOn', 'forest'];

  it.each(OPTIONS.filter(({ name }) => !apart.includes(name)).map((row) => [row.name, row] as const))(
    '%s',
    (name, { decides }) => {
      expect(Object.keys(OTHERS)).toContain(name);
      const changed = idOf({ [name]: OTHERS[name] }) !== idOf({});
      expect(changed).toBe(decides === 'bytes');
    },
  );

  it('parts what was asked for from how it is carried out: bytes are decided by the one alone, and nothing is lost but places and what counts once', () => {
    const given = { ...OTHERS, parameters: { n_bins: 3 }, model: 'm.bcm', later: 1 };
    const { what, how } = splitOptions(given);
    const named = (decides: string) =>
      OPTIONS.filter((row) => row.decides === decides && !row.once).map(({ name }) => name);
    expect(Object.keys(what).sort()).toEqual([...named('bytes'), 'later'].sort());
    expect(Object.keys(how).sort()).toEqual(named('nothing').sort());
    expect({ ...given, ...what, ...how }).toEqual(given);
    expect(Object.keys(given).filter((name) => !(name in what) && !(name in how))).toEqual(['out', 'fresh', 'force']);
    expect(idOf({ ...what, ...how })).toBe(idOf(what));
  });

  it('the detector’s parameters, a saved model and what is fitted on decide bytes', () => {
    const rows = OPTIONS.filter(({ name }) => apart.includes(name));
    expect(rows.map(({ decides }) => decides)).toEqual(Array(4).fill('bytes'));
    expect(idOf({}, { parameters: { n_bins: 3 } })).not.toBe(idOf({}));
    expect(idOf({}, { fitFacts: facts })).not.toBe(idOf({}));
    const model = {
      digest: 'd',
      columns: ['x', 'y'],
      contamination: 0.01,
      threshold: null,
      calibrated: true,
      missing: 'center',
    } as const;
    expect(idOf({}, { model })).not.toBe(idOf({}));
    expect(idOf({}, { model: { ...model, digest: 'e' } })).not.toBe(idOf({}, { model }));
  });
});

describe('a fit', () => {
  const fitOf = (options: ScoreOptions, more: Partial<SpecRequest> = {}) =>
    fitFingerprintOf(specOf(request(options, more)));

  it("to another source is that source's own", () => {
    const [file] = facts.files.map((one) => ({ ...one, path: '/data/b.parquet', footerSha256: 'cd' }));
    const other = { ...facts, files: file ? [file] : [] };
    expect(fitOf({}, { fitFacts: other })).toBe(fitOf({}, { facts: other }));
    expect(fitOf({}, { fitFacts: other })).not.toBe(fitOf({}));
    expect(fitOf({ fitWhere: 'x > 1' })).not.toBe(fitOf({}));
  });

  it.each<[string, ScoreOptions, Partial<SpecRequest>?]>([
    ['its share', { contamination: 0.2 }],
    ['a threshold', { threshold: 3 }],
    ['the highest rows', { top: 5 }],
    ['reasons', { explain: 0 }],
    ['kept columns', { keep: ['name'] }],
    ['compression', { compression: 'snappy' }],
    ['chunks', { chunkRows: 5000 }],
    ['layout', {}, { layout: 'directory' }],
    ['whether it is all that is done', { contamination: 0.3 }, { kind: 'fit' }],
    ['names', {}, { facts: { ...facts, files: facts.files.map((file) => ({ ...file, path: '/other/b.parquet' })) } }],
  ])('is the same whatever %s', (_, options, more) => {
    expect(idOf(options, more) === idOf({})).toBe(_ === 'names');
    expect(fitOf(options, more)).toBe(fitOf({}));
  });

  it.each<[string, ScoreOptions, Partial<SpecRequest>?]>([
    ['detector', { detector: 'zscore' }],
    ['seed', { seed: 1 }],
    ['missing cells', { missing: 'skip' }],
    ['columns', { columns: ['x'] }],
    ['their order', { columns: ['y', 'x'] }],
    ['parameters', {}, { parameters: { n_bins: 3 } }],
    ['versions', {}, { versions: { result: 2, duckdb: 'v1' } }],
    ['DuckDB', {}, { versions: { result: 1, duckdb: 'v2' } }],
    ['source', {}, { facts: { ...facts, files: facts.files.map((file) => ({ ...file, footerSha256: 'cd' })) } }],
    ['files', {}, { facts: { ...facts, files: [...facts.files, ...facts.files] } }],
  ])('is another with another: %s', (_, options, more) => {
    expect(fitOf(options, more)).not.toBe(fitOf({}));
  });

  it('flags the share of its job', () => {
    const share = (options: ScoreOptions, kind: 'score' | 'fit' = 'score') =>
      shareOf(specOf(request(options, { kind })));
    expect([{}, { contamination: 0.2 }, { top: 5 }, { threshold: 3 }].map((options) => share(options))).toEqual([
      ...[0.01, 0.2, 0.01, 0.01],
    ]);
    expect([{}, { contamination: 0.2 }].map((options) => share(options, 'fit'))).toEqual([0.01, 0.2]);
    expect(idOf({ contamination: 0.2 }, { kind: 'fit' })).not.toBe(idOf({}, { kind: 'fit' }));
  });
});

describe("a job's fingerprint", () => {
  it('does not depend on how the work is carried out, nor on where files lie or when they were touched', () => {
    const one = idOf({});
    expect(
      idOf({ workers: 7, engine: 'sequential', memory: '1GiB', home: '/elsewhere', retries: 9, out: 'b.parquet' }),
    ).toBe(one);
    const moved = {
      ...facts,
      files: facts.files.map((file) => ({ ...file, path: '/other/b.parquet', mtimeNs: '9', inode: '8' })),
    };
    expect(idOf({}, { facts: moved })).toBe(one);
  });

  it.each<[string, ScoreOptions]>([
    ['detector', { detector: 'zscore' }],
    ['seed', { seed: 1 }],
    ['contamination', { contamination: 0.02 }],
    ['threshold', { threshold: 3 }],
    ['top', { top: 5 }],
    ['explain', { explain: 0 }],
    ['missing', { missing: 'skip' }],
    ['keep', { keep: ['name'] }],
    ['columns', { columns: ['x'] }],
    ['chunk rows', { chunkRows: 5000 }],
    ['compression', { compression: 'snappy' }],
  ])('depends on %s', (_, options) => {
    expect(idOf(options)).not.toBe(idOf({}));
  });

  it('names every field that differs', () => {
    const differences = specDifferences(specOf(request({})), specOf(request({ seed: 3, explain: 1 })));
    expect(differences).toEqual([
      { field: 'fit.seed', before: 0, after: 3 },
      { field: 'score.explain', before: 3, after: 1 },
    ]);
  });
});

describe('columns', () => {
  it('are every usable one unless chosen', () => {
    expect(featureColumns(facts, {})).toEqual(['x', 'y']);
    expect(featureColumns(facts, { exclude: ['x'] })).toEqual(['y']);
    expect(featureColumns(facts, { columns: ['day', 'y'] })).toEqual(['day', 'y']);
  });

  it.each<[string, ScoreOptions, string]>([
    ['unknown', { columns: ['z'] }, 'COLUMN_NOT_FOUND'],
    ['unknown to exclude', { exclude: ['z'] }, 'COLUMN_NOT_FOUND'],
    ['text', { columns: ['name'] }, 'COLUMN_NOT_NUMERIC'],
    ['twice', { columns: ['x', 'x'] }, 'USAGE'],
    ['none left', { exclude: ['x', 'y'] }, 'NO_USABLE_COLUMN'],
    ['kept unknown', { keep: ['z'] }, 'COLUMN_NOT_FOUND'],
  ])('%s: refused', (_, options, code) => {
    expect(() => specOf(request(options))).toThrow(expect.objectContaining({ code }));
  });

  it('that differ only in case have numbers but for the first, and the hint says so', () => {
    const both = { ...facts, columns: [...facts.columns, column('X_1')] };
    const hint = expect.stringMatching(/^did you mean "x", or "X_1"\? \(of names that differ only in case/);
    expect(() => specOf(request({ columns: ['X'] }, { facts: both }))).toThrow(expect.objectContaining({ hint }));
  });

  it("kept may not take an output column's name", () => {
    const clash = { ...facts, columns: [...facts.columns, column('score')] };
    expect(() => specOf(request({ keep: 'all' }, { facts: clash }))).toThrow(/output column/);
  });

  it('of the model must all be there as numbers', () => {
    const model = { ...SAVED_MODEL, columns: ['x', 'gone'] };
    expect(() => specOf(request({ model: 'm' }, { model }))).toThrow(
      expect.objectContaining({ code: 'MODEL_MISMATCH' }),
    );
    const text = { ...model, columns: ['name'] };
    expect(() => specOf(request({ model: 'm' }, { model: text }))).toThrow(/VARCHAR/);
  });
});

it('a saved model flags the share it was fitted for unless told otherwise', () => {
  const model = SAVED_MODEL;
  expect(specOf(request({ model: 'm' }, { model })).score?.flag).toEqual({ kind: 'contamination', share: 0.05 });
  expect(specOf(request({ model: 'm', contamination: 0.2 }, { model })).score?.flag).toEqual({
    kind: 'contamination',
    share: 0.2,
  });
  expect(specOf(request({ model: 'm', top: 3 }, { model })).score?.flag).toEqual({ kind: 'top', rows: 3 });
});

it('an imported model is flagged by its threshold, and by a share only once it was calibrated', () => {
  const model = { ...SAVED_MODEL, contamination: null, threshold: 0.6 };
  const flagOf = (options: ScoreOptions, more: Partial<typeof model>) =>
    specOf(request({ model: 'm', ...options }, { model: { ...model, ...more } })).score?.flag;
  expect(flagOf({}, {})).toEqual({ kind: 'threshold', score: 0.6 });
  expect(flagOf({ contamination: 0.2 }, {})).toEqual({ kind: 'contamination', share: 0.2 });
  expect(flagOf({}, { calibrated: false })).toEqual({ kind: 'threshold', score: 0.6 });
  expect(() => flagOf({ contamination: 0.2 }, { calibrated: false })).toThrow(/imported and not calibrated/);
});

it('a forest that is calibrated has its own columns, and decides what the fit is', () => {
  const forest = { digest: 'sha256:1', detector: 'iforest', columns: ['y', 'x'], missing: 'skip' as const };
  const fitOf = (more: Partial<typeof forest>) =>
    specOf({ ...request({}, { forest: { ...forest, ...more } }), kind: 'fit', parameters: { max_samples: 5000 } });
  const spec = fitOf({});
  expect(spec).toMatchObject({ kind: 'fit', columns: ['y', 'x'], missing: 'skip', model: null });
  expect(spec.fit).toEqual({
    ...{ detector: 'iforest', parameters: { max_samples: 5000 }, seed: 0, maybeIdentifiers: [] },
    forest: 'sha256:1',
  });
  expect(fitFingerprintOf(fitOf({ digest: 'sha256:2' }))).not.toBe(fitFingerprintOf(spec));
  expect(() => fitOf({ columns: ['x', 'gone'] })).toThrow(`the forest's column "gone" is not in the source`);
});

it('a saved model brings its rule for missing cells, and takes no other', () => {
  const model = { ...SAVED_MODEL, missing: 'skip' as const };
  expect(specOf(request({ model: 'm' }, { model })).missing).toBe('skip');
  expect(specOf(request({ model: 'm', missing: 'skip' }, { model })).missing).toBe('skip');
  expect(() => specOf(request({ model: 'm', missing: 'center' }, { model }))).toThrow(
    expect.objectContaining({ code: 'MODEL_MISMATCH' }),
  );
});

it('files are told apart below what they share', () => {
  expect(relativeNames(['/d/a.parquet'])).toEqual(['']);
  expect(relativeNames(['/d/x/a.parquet', '/d/y/a.parquet'])).toEqual(['x/a.parquet', 'y/a.parquet']);
  expect(relativeNames(['/d/a.parquet', '/d/b.parquet'])).toEqual(['a.parquet', 'b.parquet']);
});

it.each<[string, ScoreOptions]>([
  ['workers', { workers: 0 }],
  ['workers', { workers: 1.5 }],
  ['chunk rows', { chunkRows: 999 }],
  ['chunk rows', { chunkRows: 2 ** 24 + 1 }],
  ['contamination', { contamination: 0 }],
  ['contamination', { contamination: 0.51 }],
  ['contamination', { contamination: Number.NaN }],
  ['threshold', { threshold: Number.POSITIVE_INFINITY }],
  ['top', { top: 0 }],
  ['two rules', { top: 3, threshold: 1 }],
  ['explain', { explain: -1 }],
  ['seed', { seed: -1 }],
  ['missing', { missing: 'guess' as never }],
  ['engine', { engine: 'ray' as never }],
  ['sequential workers', { engine: 'sequential', workers: 2 }],
  ['detector with model', { model: 'm', detector: 'mad' }],
  ['columns with model', { model: 'm', columns: ['x'] }],
  ['compression', { compression: 'zstd:23' }],
  ['compression', { compression: 'snappy:1' }],
  ['compression', { compression: 'gzip' }],
])('refuses a bad %s', (_, options) => {
  expect(() => checkOptions(options)).toThrow(expect.objectContaining({ code: 'USAGE', exitCode: 2 }));
});
