import { expect, it } from 'vitest';
import { planPieces, type Stretch } from '../../../src/orchestrator/evaluate/pieces.ts';

/** Rows of one file of the source, all there, from `placeFirst` on in the output. */
const stretch = (name: string, rowFirst: number, rows: number, placeFirst: number, part = 'o'): Stretch => ({
  ...{ part, name, rows, rowFirst, rowLast: rowFirst + rows - 1 },
  ...{ placeFirst, placeLast: placeFirst + rows - 1 },
});

const plan = (stretches: Stretch[]) =>
  planPieces(stretches, (name) => `/${name}`, 100).map(({ part, placeFirst, placeLast, ranges }) => [
    `${part} ${placeFirst}-${placeLast}`,
    ...ranges.map(({ path, rowFirst, rowLast }) => `${path} ${rowFirst}-${rowLast}`),
  ]);

it.each<[string, Stretch[], string[][]]>([
  ['nothing', [], []],
  ['one short stretch', [stretch('a', 5, 20, 0)], [['o 0-19', '/a 5-24']]],
  [
    'a long one is cut, and looked for in all its places: rows may be absent before',
    [{ ...stretch('a', 0, 250, 0), rows: 40, placeLast: 39 }],
    [
      ['o 0-39', '/a 0-99'],
      ['o 0-39', '/a 100-199'],
      ['o 0-39', '/a 200-249'],
    ],
  ],
  [
    'short ones are read together, as many as fit',
    [stretch('a', 0, 40, 0), stretch('b', 0, 60, 40), stretch('c', 0, 1, 100)],
    [
      ['o 0-99', '/a 0-39', '/b 0-59'],
      ['o 100-100', '/c 0-0'],
    ],
  ],
  [
    'the end of a long one with what follows it',
    [stretch('a', 0, 150, 0), stretch('b', 0, 50, 150)],
    [
      ['o 0-149', '/a 0-99'],
      ['o 0-199', '/a 100-149', '/b 0-49'],
    ],
  ],
  [
    'not across files of the output',
    [stretch('a', 0, 10, 0, 'p'), stretch('a', 10, 10, 0, 'q')],
    [
      ['p 0-9', '/a 0-9'],
      ['q 0-9', '/a 10-19'],
    ],
  ],
])('%s', (_, stretches, expected) => {
  expect(plan(stretches)).toEqual(expected);
});

it('reads at most 64 files beside the output', () => {
  const stretches = Array.from({ length: 65 }, (_, i) => stretch(`f${i}`, 0, 1, i));
  expect(plan(stretches).map(({ length }) => length - 1)).toEqual([64, 1]);
});
