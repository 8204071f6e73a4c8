/** What crosses to workers and back. Made from crates/chunk/src/task.rs and receipt.rs: see crates/chunk/src/types.rs. */

/** A double: JSON has no infinities, and JavaScript writes no sign of a zero. */
export type Double = number | 'Infinity' | '-Infinity' | '-0';

/** What a missing cell means. */
export type Missing = 'center' | 'skip' | 'error';

/** The version of a task's record. */
export const TASK_VERSION = 1;

/** One kind of work on ranges of rows of one file. */
export type Task = {
  /** Version of this record. */
  v: number;
  /** The execution of the job that gives it. */
  epoch: number;
  /** The file. */
  source: Source;
  /** Neighbouring chunks of it, each of which is answered by a receipt, in this order. */
  ranges: Array<RowRange>;
  /** What is done with each. */
  work: Work;
};

/** A file of rows. */
export type Source = {
  /** Its absolute path. */
  path: string;
  /** Its place in the plan. */
  index: number;
  /** Columns that DuckDB would misread. */
  shifted: Array<Shifted>;
};

/** A decimal of more than 38 digits that DuckDB multiplies by a power of two. */
export type Shifted = {
  /** Its column. */
  column: string;
  /** The power. */
  bits: number;
  /** Digits behind the point. */
  scale: number;
};

/** A chunk: a run of whole row groups. */
export type RowRange = {
  /** Its number in the plan. */
  chunk: number;
  /** How often it was tried, this time included. */
  attempt: number;
  /** Number, in the file, of its first row group. */
  firstRowGroup: number;
  /** Number, in the file, of its first row. */
  firstRow: number;
  /** Rows of each of its row groups. */
  rowGroupRows: Array<number>;
  /** The file that is made of it: a part, or a summary that is too large to be sent; none where it is only looked at. */
  target?: string;
};

/** What is done with a chunk. */
export type Work =
  | {
      kind: 'summarize';
      /** The state of the pass. */
      fit: Artifact;
    }
  | {
      kind: 'rank';
      /** The model. */
      model: Artifact;
      /** What a missing cell means. */
      missing: Missing;
      /** How many rows. */
      count: number;
      /** So many score at least this in the chunks before it: what scores less is of no use. */
      floor?: Double;
    }
  | {
      kind: 'score';
      /** The model. */
      model: Artifact;
      /** How. */
      scoring: Scoring;
    }
  | { kind: 'verify' };

/** A file of the job that workers read, known by what is in it. */
export type Artifact = {
  /** The SHA-256 of its bytes, in hexadecimal. */
  sha256: string;
  /** Its name. */
  name: string;
};

/** How rows are scored and flagged, and how the part is written. */
export type Scoring = {
  /** What a missing cell means. */
  missing: Missing;
  /** Which rows are anomalies. */
  flag: Flag;
  /** Reasons per flagged row; 0 leaves the column out. */
  explain: number;
  /** Columns copied to the output. */
  keep: Array<string>;
  /** The text of the `file` column, where the output has one. */
  fileColumn?: string;
  /** Highest rows to report. */
  best: number;
  /** How the part is written. */
  format: PartFormat;
};

/** Which rows are anomalies. */
export type Flag =
  | {
      rule: 'above';
      /** Than this. */
      score: Double;
    }
  | {
      rule: 'from';
      /** Score of the last row that is flagged. */
      score: Double;
      /** Its file's place in the plan. */
      file: number;
      /** Its row number. */
      row: number;
    }
  | { rule: 'never' };

/** How a part is written. All of it but `durable` decides the bytes. */
export type PartFormat = {
  /** How pages are compressed. */
  compression: Compression;
  /** Rows of an output row group. */
  rowGroupRows: number;
  /** Key-value metadata, in the order it is written. */
  metadata: Array<[string, string]>;
  /** The key under which a part's metadata names its chunk, after the others. */
  chunkKey: string;
  /** False only where a bench measures what durability costs. */
  durable: boolean;
};

/** How pages are compressed. */
export type Compression =
  | {
      codec: 'zstd';
      /** Its level. */
      level: number;
    }
  | { codec: 'snappy' }
  | { codec: 'none' };

/** What came of a chunk of a task. */
export type Receipt = {
  /** Its number in the plan. */
  chunk: number;
  /** What it yielded. */
  result: Yield;
};

/** What a chunk yielded. */
export type Yield = ({ kind: 'summary' } & Summary) | ({ kind: 'part' } & Part) | ({ kind: 'verified' } & Verified);

/** A summary, or what names the file that holds it. */
export type Summary = {
  /** Its bytes, in Base64. */
  bytes: string;
};

/** A durable part and what was found in its rows. */
export type Part = {
  /** The file. */
  file: PartFile;
  /** What was found. */
  findings: Findings;
};

/** A part as a file. */
export type PartFile = {
  /** Rows in it. */
  rows: number;
  /** Its length. */
  bytes: number;
  /** The SHA-256 of its bytes, in hexadecimal. */
  sha256: string;
};

/** What was found in a chunk's rows. */
export type Findings = {
  /** Its highest rows, highest first. */
  best: Array<BestRecord>;
  /** Rows that were flagged. */
  flagged: number;
  /** Rows without a score. */
  skipped: number;
};

/** A row worth showing to a person. */
export type BestRecord = {
  /** Its file's place in the plan. */
  file: number;
  /** Its row number. */
  row: number;
  /** Its score. */
  score: Double;
  /** Which share of the rows scores lower, in percent; nobody knows where the model was imported and not calibrated. */
  severity: number | null;
  /** What made it so, greatest first. */
  reasons: Array<ReasonRecord>;
};

/** What a column added to a row's score. */
export type ReasonRecord = {
  /** The column. */
  column: string;
  /** Its value; absent when missing. */
  value?: Double;
  /** What it added. */
  contribution: Double;
  /** Between which cells of the column 98 of 100 lie; absent where nobody knows. */
  usual?: [number, number];
};

/** What a verified chunk is made of. */
export type Verified = {
  /** Its row groups that have rows, in order. */
  rowGroups: Array<RowGroupRecord>;
  /** Pages that lie where they should. */
  pagesChecked: number;
  /** Those that carry a CRC, which was right. */
  pagesWithCrc: number;
};

/** The bytes of a row group. */
export type RowGroupRecord = {
  /** SHA-256 of its columns' bytes, in hexadecimal. */
  sha256: string;
  /** How many those are. */
  bytes: number;
};
