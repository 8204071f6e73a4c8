/** What a job fits, and on what rows: those of its source, or of another. */
import { beginFit, type DetectorInfo, type FitClaims, type FitStep } from '../../bindings/native.ts';
import { BatchCoreError } from '../../errors.ts';
import { type Extent, GROUP_NUMBERS, withoutGroups } from '../../source/extent.ts';
import type { SourceFacts } from '../../source/facts.ts';
import type { JobSpec } from '../spec/jobSpec.ts';
import { type Pilot, type PlannedChunk, planPilot, planSample, SAMPLE_ROWS } from '../spec/plan.ts';

export interface Fitting {
  /** Of the source that is fitted on. */
  facts: SourceFacts;
  /** Of each of its files, with links resolved. */
  realPaths: string[];
  /** Its rows, those that meet no condition too. */
  rows: number;
  chunks: readonly PlannedChunk[];
  /** What pass 0 reads, where there is one: a pilot's or a sample's row groups, or all to count the rows that meet a condition. */
  first: readonly PlannedChunk[];
  /** They are the rows that are scored too. */
  isSource: boolean;
  /** The fit before its first pass; not kept once that was begun. */
  step: FitStep | undefined;
}

/** A source whose facts are known. */
export type Source = Pick<Fitting, 'facts' | 'realPaths' | 'rows'>;

/** How the fit of `spec` to a source of these chunks begins. */
export function fittingOf(
  spec: JobSpec,
  { facts, ...source }: Source,
  chunks: readonly PlannedChunk[],
  table: readonly DetectorInfo[],
): Fitting | undefined {
  const { fit, columns } = spec;
  if (!fit) return undefined;
  const pilot = fit.condition === undefined ? readFirst(fit, facts, table) : NO_PILOT;
  return {
    ...source,
    chunks,
    isSource: fit.inputs === undefined,
    facts: { ...facts, extents: ofWholeSource(facts.extents) },
    first: fit.condition === undefined ? pilot.chunks : chunks,
    step: beginFit(fitSpecOf(fit, spec, source.rows), claimsOf(columns, facts, pilot.groups)),
  };
}

/** What is known of row groups tells nothing of the rows that meet a condition. */
const NO_PILOT: Pilot = { chunks: [], groups: { rows: [], arePilot: [] } };

/** What is read of a source before all of it is, or instead: a pilot, or what is sampled. */
function readFirst(
  { detector, seed, fitRows }: NonNullable<JobSpec['fit']>,
  facts: SourceFacts,
  table: readonly DetectorInfo[],
): Pilot {
  const passes = table.find(({ name }) => name === detector)?.passes;
  if (fitRows === 'all' || (fitRows === undefined && passes !== 0)) return planPilot(facts.files);
  return planSample(facts.files, { seed, rows: fitRows ?? SAMPLE_ROWS });
}

/** The most cells that a sample may have: 64 MiB, which a fit copies. */
const SAMPLE_CELLS_MAX = 2 ** 23;

/** What is to be fitted, as the kernels read it. */
function fitSpecOf(
  { fitRows, maybeIdentifiers = [], inputs: _files, ...fit }: NonNullable<JobSpec['fit']>,
  { columns, missing }: JobSpec,
  rows: number,
): Record<string, unknown> {
  const most = Math.max(1, Math.floor(SAMPLE_CELLS_MAX / columns.length));
  if (typeof fitRows === 'number' && fitRows > most && fitRows < rows)
    throw new BatchCoreError(
      'USAGE',
      `--fit-rows: a sample of ${fitRows} rows of ${columns.length} columns is too large`,
      {
        where: { option: '--fit-rows' },
        hint: `give up to ${most}, or all`,
      },
    );
  return {
    ...{ ...fit, columns, missing, rows, maybe_identifiers: maybeIdentifiers },
    ...(fitRows !== undefined && { fit_rows: fitRows }),
  };
}

/** What the source's own statistics say of the columns to fit: nothing unless they tell of each. */
function claimsOf(columns: readonly string[], facts: SourceFacts, groups: Pilot['groups']): FitClaims {
  const extents = columns.flatMap((name) => facts.extents.get(name) ?? []);
  const ranges = extents.length === columns.length ? extents.flatMap(({ low, high }) => [low, high]) : [];
  return {
    ranges,
    groupRows: groups.rows,
    groupPilot: groups.arePilot,
    groupExtents: groupExtents(columns.length, extents, groups.rows.length),
  };
}

/** Without what is said of each row group, which only a fit that begins is told. */
export function ofWholeSource(extents: SourceFacts['extents']): SourceFacts['extents'] {
  return new Map([...extents].map(([name, extent]) => [name, withoutGroups(extent)]));
}

/** What is said of each row group, of each of so many columns: nothing unless it is said of all. */
function groupExtents(columns: number, extents: readonly Extent[], groups: number): Float64Array {
  const told = extents.flatMap((extent) => (extent.groups ? [extent.groups] : []));
  if (told.length < columns) return new Float64Array();
  const numbers = new Float64Array(groups * columns * GROUP_NUMBERS);
  told.forEach((column, place) => {
    for (let at = 0; at < groups * GROUP_NUMBERS; at += 1) {
      const [group, number] = [Math.floor(at / GROUP_NUMBERS), at % GROUP_NUMBERS];
      numbers[(group * columns + place) * GROUP_NUMBERS + number] = column[at] ?? 0;
    }
  });
  return numbers;
}
