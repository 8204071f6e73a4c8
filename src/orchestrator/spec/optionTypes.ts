/** What a caller may ask for. Made from optionTable.ts by test/orchestrator/spec/optionTypes.test.ts. */
import type { EngineName } from '../../engines/engine.ts';

/** What a null or NaN cell means: the column's centre, a row without a score, or an error. */
export type Missing = 'center' | 'skip' | 'error';

/** Values of detector parameters, by name. */
export type Parameters = Record<string, string | number | boolean>;

/** How a model is fitted, and how the work is carried out. */
export interface FitOptions {
  /** What scores the rows. Default: auto. */
  detector?: string | undefined;
  /** Parameters of the detector. */
  parameters?: Parameters | undefined;
  /** Columns to score. Default: every numeric and boolean one that varies, but for identifiers. */
  columns?: readonly string[] | undefined;
  /** Columns to leave out, such as years, codes and labels. */
  exclude?: readonly string[] | undefined;
  /** Null and NaN cells: center, skip or error. Default: center. */
  missing?: Missing | undefined;
  /** Share of rows to flag, in (0, 0.5]. Default: 0.01. */
  contamination?: number | undefined;
  /** Seed of everything drawn. Default: 0. */
  seed?: number | undefined;
  /** Rows to fit on: a sample of so many, or all. Default: a sample where the detector needs no more, else all. */
  fitRows?: number | 'all' | undefined;
  /** Fit on the rows of which this SQL condition is true, such as "not incident". Default: every row. */
  fitWhere?: string | undefined;
  /** What carries chunks out: threads or sequential. Default: threads. */
  engine?: EngineName | undefined;
  /** Chunks at the same time. Default: the cores there are. */
  workers?: number | undefined;
  /** Memory to stay under, such as 512MiB or 50%. Default: 75%. */
  memory?: string | undefined;
  /** Rows of a chunk, 1000 to 16M, rounded to row groups. Default: 1M. */
  chunkRows?: number | undefined;
  /** Tries after the first when an error may pass. Default: 3. */
  retries?: number | undefined;
  /** Directory of jobs. Default: $BATCH_CORE_HOME, else .batch-core beside the output. */
  home?: string | undefined;
  /** Start over, whatever an earlier run left. */
  fresh?: boolean | undefined;
  /** Replace an output of another job. */
  force?: boolean | undefined;
  /** Read the source once more first: digest it, and check page checksums where it has them. */
  verifyInput?: boolean | undefined;
}

/** How a source is scored. */
export interface ScoreOptions extends FitOptions {
  /** A .parquet file, or a directory when it ends in /. Default: <stem>.scores.parquet in the current directory. */
  out?: string | undefined;
  /** A saved model to score with; nothing is fitted. */
  model?: string | undefined;
  /** Another source to fit on, such as the month before. Default: the source. */
  fitOn?: string | readonly string[] | undefined;
  /** Where the model that was fitted is saved. */
  saveModel?: string | undefined;
  /** Columns copied to the output, or all. */
  keep?: readonly string[] | 'all' | undefined;
  /** Column that names rows in the report; it is not scored unless columns names it too. */
  id?: string | undefined;
  /** Flag scores above this instead of a share. */
  threshold?: number | undefined;
  /** Flag exactly the n highest rows instead of a share. */
  top?: number | undefined;
  /**
   * Reasons per flagged row, 0 for none. Default: 3. A reason is a column, its value and its contribution. auto,
   * copod, ecod, eif, hst, iforest, inne, knn: contributions add up to the score. zscore, mad, iqr: a
   * contribution is |z| of that cell (of iqr how far it is out), and the score is the largest (with the
   * parameter aggregate: 'sum' they add up, those of zscore being squares of z). hbos, loda: they add up to the
   * score less a constant of the model. mahalanobis, mcd, pca: those of all columns add up to the score, and
   * negative ones are not listed.
   */
  explain?: number | undefined;
  /** Codec of the output: zstd[:level], snappy or none. Default: zstd:1. */
  compression?: string | undefined;
}

/** What an output is compared with. */
export interface EvaluateOptions {
  /** Directory of jobs. Default: $BATCH_CORE_HOME, else .batch-core beside the output. */
  home?: string | undefined;
  /** Column of the source that says which rows are anomalies. */
  label: string;
  /** Where the source lies, whose rows count by their numbers. Default: where the job says that it scored it. */
  source?: string | readonly string[] | undefined;
}

/** How a forest is calibrated that another program fitted. */
export interface ForestOptions extends Omit<FitOptions, 'detector' | 'parameters' | 'exclude'> {
  /** File of the forest that another program fitted, which is calibrated on the source. */
  forest: string;
}
