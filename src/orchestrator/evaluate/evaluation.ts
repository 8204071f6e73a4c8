/** What an output is worth against labels: figures from counts. Pure. */

/** What is said of an output against labels. */
export interface Evaluation {
  schema: 'batch-core.evaluation/1';
  output: { path: string; rows: number };
  /** The job that wrote it, where this home knows it. */
  jobId: string | null;
  /** `from`: the source, or the output, where the column was kept. */
  label: { column: string; from: 'source' | 'output' };
  /** `null` where nobody knows it: the label was kept, and no job is known. */
  source: { files: number; rows: number } | null;
  rows: {
    /** Those that have a score and a label: of these is all that follows. */
    evaluated: number;
    positives: number;
    /** Left out: `--missing skip` gave them no score. */
    withoutScore: number;
    /** Left out: they have a score, and a label that is null or NaN. */
    withoutLabel: number;
    /** Rows of the source that are not in the output. */
    absent: number | null;
  };
  auroc: number;
  averagePrecision: number;
  precisionAtN: AtN;
  flags: Flags;
  /** What could not be compared before, and why. */
  unchecked: string[];
}

/** Of the `n` highest rows, `n` being the number of positives; `rows` are fewer where rows tie with the one that follows. */
export interface AtN {
  n: number;
  rows: number;
  truePositives: number;
  precision: number;
}

/** Of the rows that are flagged (`anomaly`). */
export interface Flags {
  rows: number;
  truePositives: number;
  precision: number;
  recall: number;
  f1: number;
}

/** Rows by what they have. */
export interface Tally {
  rows: number;
  withoutScore: number;
  withoutLabel: number;
  evaluated: number;
  positives: number;
  flagged: number;
  flaggedPositives: number;
  /** Of so many the label is neither 0 nor 1. */
  wrong: number;
}

/** Precisions are summed as whole numbers of the last place of a double, so that the sum depends on no order. */
export const PRECISION_UNITS = 1n << 52n;

/** Sums over the distinct scores, the highest first, of whole numbers. */
export interface Ranking {
  /** Over the positives of each score: negatives with a lower one, twice, and those with the same, once. */
  pairs: bigint;
  /** Over the positives of each score: the precision down to it, in {@link PRECISION_UNITS}. */
  precisions: bigint;
  /** The most rows, as many as there are positives at most, that no row ties with. */
  topRows: number;
  topPositives: number;
}

type Figures = Pick<Evaluation, 'auroc' | 'averagePrecision' | 'precisionAtN' | 'flags'>;

/** The figures of rows that are of both classes. */
export function figuresOf(tally: Tally, ranking: Ranking): Figures {
  const [positives, flagged] = [BigInt(tally.positives), BigInt(tally.flagged)];
  const negatives = BigInt(tally.evaluated) - positives;
  const hits = BigInt(tally.flaggedPositives);
  return {
    auroc: ratio(ranking.pairs, 2n * positives * negatives),
    averagePrecision: ratio(ranking.precisions, positives * PRECISION_UNITS),
    precisionAtN: {
      n: tally.positives,
      rows: ranking.topRows,
      truePositives: ranking.topPositives,
      precision: ratio(BigInt(ranking.topPositives), BigInt(ranking.topRows)),
    },
    flags: {
      rows: tally.flagged,
      truePositives: tally.flaggedPositives,
      precision: ratio(hits, flagged),
      recall: ratio(hits, positives),
      f1: ratio(2n * hits, flagged + positives),
    },
  };
}

/** The share, to the last place of a double; of nothing it is 0. */
function ratio(part: bigint, whole: bigint): number {
  return whole === 0n ? 0 : Number((part << 128n) / whole) / 2 ** 128;
}
