/** In what two models differ, as data. */
import { expect, it } from 'vitest';
import type { ModelFacts } from '../../../src/bindings/native.ts';
import { type ComparedModel, modelDifferences } from '../../../src/orchestrator/core/modelDiff.ts';

const FACTS: ModelFacts = {
  digest: 'sha256:1',
  detector: 'mad',
  columns: ['x', 'y'],
  leftOut: [{ column: 'z', reason: 'constant', value: 1, mayBeRounded: false }],
  imported: false,
  fitRows: 10,
  sourceRows: 100,
  contamination: 0.01,
  threshold: null,
  missing: 'center',
  seed: 0,
  parameters: { aggregate: 'max' },
  state: { state: { mad: { columns: [{ median: 1 }, { median: 2 }] } } },
};

const model = (facts: Partial<ModelFacts> = {}, thresholds: ComparedModel['thresholds'] = { '0.01': 3 }) => ({
  facts: { ...FACTS, ...facts },
  thresholds,
});

const OTHER = { digest: 'sha256:2' };
const DIGEST = { field: 'digest', a: 'sha256:1', b: 'sha256:2' };

it.each<[string, ComparedModel, unknown[]]>([
  ['nothing', model(), []],
  ['the share alone', model({ contamination: 0.02 }), [{ field: 'contamination', a: 0.01, b: 0.02 }]],
  ['trees that are not told', model(OTHER), [DIGEST]],
  ['the seed', model({ ...OTHER, seed: 7 }), [{ field: 'seed', a: 0, b: 7 }, DIGEST]],
  [
    'a parameter',
    model({ ...OTHER, parameters: { aggregate: 'sum' } }),
    [{ field: 'parameters.aggregate', a: 'max', b: 'sum' }, DIGEST],
  ],
  ['a column more', model({ ...OTHER, columns: ['x', 'w', 'y'] }), [{ field: 'columns', a: [], b: ['w'] }, DIGEST]],
  [
    'the order of columns',
    model({ ...OTHER, columns: ['y', 'x'] }),
    [{ field: 'columnOrder', a: ['x', 'y'], b: ['y', 'x'] }, DIGEST],
  ],
  ['a column left out', model({ ...OTHER, leftOut: [] }), [{ field: 'leftOut.z', a: 'constant', b: null }, DIGEST]],
  [
    'no thresholds',
    model({ ...OTHER, imported: true, contamination: null, threshold: 0.5 }, { '0.01': null }),
    [
      { field: 'imported', a: false, b: true },
      { field: 'contamination', a: 0.01, b: null },
      { field: 'threshold', a: null, b: 0.5 },
      { field: 'thresholds.0.01', a: 3, b: null },
      DIGEST,
    ],
  ],
  [
    'what was found',
    model({ ...OTHER, state: { state: { mad: { columns: [{ median: 1 }, { median: 5 }] } } } }),
    [DIGEST, { field: 'state.mad.columns[1].median', a: 2, b: 5 }],
  ],
])('%s', (_, other, expected) => {
  expect(modelDifferences(model(), other)).toEqual(expected);
});
