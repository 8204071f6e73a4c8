/** In what two models differ. Pure. */
import type { ModelFacts } from '../../bindings/native.ts';
import { specDifferences } from '../spec/jobSpec.ts';

/** Shares of rows at which thresholds are compared. */
export const USUAL_SHARES = [0.001, 0.01, 0.05, 0.1] as const;

export interface ComparedModel {
  facts: ModelFacts;
  /** By share; null where a model has none. */
  thresholds: Record<string, number | null>;
}

/** Something that is not the same. */
export interface ModelDifference {
  /** Of the facts, or below one: `parameters.n_bins`, `thresholds.0.01`. */
  field: string;
  a: unknown;
  b: unknown;
}

/** What a model says of itself in one value each. */
const PLAIN = [
  'detector',
  'imported',
  'missing',
  'seed',
  'fitRows',
  'sourceRows',
  'contamination',
  'threshold',
] as const;

/** All differences: what was asked for first, what was found then; the digest where nothing else tells them apart. */
export function modelDifferences(a: ComparedModel, b: ComparedModel): ModelDifference[] {
  const differences = [
    ...PLAIN.flatMap((field) => between(field, a.facts[field], b.facts[field])),
    ...between('parameters', a.facts.parameters, b.facts.parameters),
    ...columnDifferences(a.facts.columns, b.facts.columns),
    ...between('leftOut', reasons(a.facts), reasons(b.facts)),
    ...between('thresholds', a.thresholds, b.thresholds),
  ];
  if (a.facts.digest === b.facts.digest) return differences;
  return [...differences, ...between('digest', a.facts.digest, b.facts.digest), ...stateDifferences(a.facts, b.facts)];
}

function between(field: string, a: unknown, b: unknown): ModelDifference[] {
  return specDifferences(a, b, field).map(({ field, before, after }) => ({
    field,
    a: before ?? null,
    b: after ?? null,
  }));
}

/** Columns that only one has, or, where they are the same, their order. */
function columnDifferences(a: readonly string[], b: readonly string[]): ModelDifference[] {
  const [inA, inB] = [new Set(a), new Set(b)];
  const [onlyA, onlyB] = [a.filter((name) => !inB.has(name)), b.filter((name) => !inA.has(name))];
  if (onlyA.length > 0 || onlyB.length > 0) return [{ field: 'columns', a: onlyA, b: onlyB }];
  return between('columnOrder', a, b);
}

/** Why each column was left out. */
const reasons = ({ leftOut }: ModelFacts): Record<string, string> =>
  Object.fromEntries(leftOut.map(({ column, reason }) => [column, reason]));

/** What the detector found, where both found it of the same columns. */
function stateDifferences(a: ModelFacts, b: ModelFacts): ModelDifference[] {
  if (a.detector !== b.detector || JSON.stringify(a.columns) !== JSON.stringify(b.columns)) return [];
  return between('state', stateOf(a), stateOf(b));
}

const stateOf = ({ state }: ModelFacts): unknown => Object(Object(state).state);
