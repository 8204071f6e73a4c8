//! A task: what an engine carries out, as data that any boundary carries. Its TypeScript types are made from these
//! (`types.rs`).
//!
//! What is the same for all tasks of a worker is not in it: the DuckDB library, the job's directory, limits of memory. They
//! are the worker's [`Environment`](crate::Environment). Names of files are relative to the job's directory, except the
//! source's.

use crate::double;
use batch_core_kernels::Missing;
use batch_core_parts::PartOptions;
use batch_core_scan::ShiftedDecimal;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
#[cfg(test)]
use ts_rs::TS;

/// The version of a task's record. A worker refuses a task of another.
pub const TASK_VERSION: u32 = 1;

/// One kind of work on ranges of rows of one file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Task {
    /// Version of this record.
    pub v: u32,
    /// The execution of the job that gives it.
    pub epoch: u32,
    /// The file.
    pub source: Source,
    /// Neighbouring chunks of it, each of which is answered by a receipt, in this order.
    pub ranges: Vec<RowRange>,
    /// What is done with each.
    pub work: Work,
}

/// A file of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Its absolute path.
    pub path: PathBuf,
    /// Its place in the plan.
    pub index: u32,
    /// Columns that DuckDB would misread.
    pub shifted: Vec<Shifted>,
}

/// A decimal of more than 38 digits that DuckDB multiplies by a power of two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shifted {
    /// Its column.
    pub column: String,
    /// The power.
    pub bits: u32,
    /// Digits behind the point.
    pub scale: u32,
}

/// A chunk: a run of whole row groups.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RowRange {
    /// Its number in the plan.
    pub chunk: u32,
    /// How often it was tried, this time included.
    pub attempt: u32,
    /// Number, in the file, of its first row group.
    pub first_row_group: u64,
    /// Number, in the file, of its first row.
    pub first_row: u64,
    /// Rows of each of its row groups.
    pub row_group_rows: Vec<u64>,
    /// The file that is made of it: a part, or a summary that is too large to be sent; none where it is only looked at.
    #[cfg_attr(test, ts(optional))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<PathBuf>,
}

impl RowRange {
    /// Its rows.
    pub(crate) fn rows(&self) -> u64 {
        self.row_group_rows.iter().sum()
    }

    /// Number, in the file, of the row after its last.
    pub(crate) fn end(&self) -> u64 {
        self.first_row.saturating_add(self.rows())
    }
}

/// What is done with a chunk.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Work {
    /// A pass of a fit: the rows become a summary that merges.
    Summarize {
        /// The state of the pass.
        fit: Artifact,
    },
    /// The highest rows are found, as a summary that merges.
    Rank {
        /// The model.
        model: Artifact,
        /// What a missing cell means.
        #[cfg_attr(test, ts(type = "Missing"))]
        missing: Missing,
        /// How many rows.
        count: u32,
        /// So many score at least this in the chunks before it: what scores less is of no use.
        #[serde(default, skip_serializing_if = "Option::is_none", with = "double::option")]
        #[cfg_attr(test, ts(optional, type = "Double"))]
        floor: Option<f64>,
    },
    /// The rows are scored into a part.
    Score {
        /// The model.
        model: Artifact,
        /// How.
        scoring: Scoring,
    },
    /// The bytes are digested as they lie on the disk, and the checksums of pages compared.
    Verify,
}

/// A file of the job that workers read, known by what is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Artifact {
    /// The SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its name.
    pub name: PathBuf,
}

/// How rows are scored and flagged, and how the part is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scoring {
    /// What a missing cell means.
    #[cfg_attr(test, ts(type = "Missing"))]
    pub missing: Missing,
    /// Which rows are anomalies.
    pub flag: Flag,
    /// Reasons per flagged row; 0 leaves the column out.
    pub explain: u32,
    /// Columns copied to the output.
    pub keep: Vec<String>,
    /// The text of the `file` column, where the output has one.
    #[cfg_attr(test, ts(optional))]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_column: Option<String>,
    /// Highest rows to report.
    pub best: u32,
    /// How the part is written.
    pub format: PartFormat,
}

/// Which rows are anomalies.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "rule", rename_all = "camelCase", deny_unknown_fields)]
pub enum Flag {
    /// Those that score higher.
    Above {
        /// Than this.
        #[serde(with = "double")]
        #[cfg_attr(test, ts(type = "Double"))]
        score: f64,
    },
    /// Those from this row upwards, in the order of the exact highest: score, then earlier file, then earlier row.
    From {
        /// Score of the last row that is flagged.
        #[serde(with = "double")]
        #[cfg_attr(test, ts(type = "Double"))]
        score: f64,
        /// Its file's place in the plan.
        file: u32,
        /// Its row number.
        row: u64,
    },
    /// None.
    Never,
}

/// How a part is written. All of it but `durable` decides the bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PartFormat {
    /// How pages are compressed.
    pub compression: Compression,
    /// Rows of an output row group.
    pub row_group_rows: u32,
    /// Key-value metadata, in the order it is written.
    pub metadata: Vec<(String, String)>,
    /// The key under which a part's metadata names its chunk, after the others.
    pub chunk_key: String,
    /// False only where a bench measures what durability costs.
    pub durable: bool,
}

/// How pages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(TS))]
#[serde(tag = "codec", rename_all = "camelCase", deny_unknown_fields)]
pub enum Compression {
    /// Zstandard.
    Zstd {
        /// Its level.
        level: i32,
    },
    /// Snappy.
    Snappy,
    /// Not at all.
    None,
}

impl PartFormat {
    /// How the part of `chunk` is written.
    pub(crate) fn options(&self, chunk: u32) -> PartOptions {
        let mut metadata = self.metadata.clone();
        metadata.push((self.chunk_key.clone(), chunk.to_string()));
        let compression = match self.compression {
            Compression::Zstd { level } => batch_core_parts::Compression::Zstd(level),
            Compression::Snappy => batch_core_parts::Compression::Snappy,
            Compression::None => batch_core_parts::Compression::None,
        };
        PartOptions { compression, row_group_rows: self.row_group_rows as usize, metadata, durable: self.durable }
    }
}

impl From<&Shifted> for ShiftedDecimal {
    fn from(Shifted { column, bits, scale }: &Shifted) -> Self {
        Self { column: column.clone(), bits: *bits, scale: *scale }
    }
}
