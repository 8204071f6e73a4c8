//! What crosses the boundary about a chunk, and how it becomes what the road of a chunk takes.

use crate::error::failure;
use crate::parts::{PartFormat, Receipt};
use batch_core_chunk::{ChunkError, ChunkRange, Flag, PartRequest, ScoreRequest};
use batch_core_kernels::Missing;
use napi_derive::napi;
use std::path::PathBuf;

/// A planned chunk.
#[napi(object)]
pub struct Chunk {
    /// The watch it runs under.
    pub watch: u32,
    /// Path of its file.
    pub file: String,
    /// The file's place in the plan.
    pub file_index: u32,
    /// Row number, in the file, of its first row.
    pub first_row: i64,
    /// Rows of each of its row groups.
    pub row_group_rows: Vec<i64>,
    /// Columns of its file that DuckDB would misread; none when left out.
    pub shifted: Option<Vec<ShiftedDecimal>>,
}

/// A decimal of more than 38 digits that DuckDB multiplies by a power of two.
#[napi(object)]
pub struct ShiftedDecimal {
    /// Its column.
    pub column: String,
    /// The power.
    pub bits: u32,
    /// Digits behind the point.
    pub scale: u32,
}

/// How rows are scored and flagged, and where the part goes.
#[napi(object)]
pub struct ScoreOptions {
    /// `center`, `skip` or `error`.
    pub missing: String,
    /// Flag scores above this.
    pub threshold: Option<f64>,
    /// Flag this row and those ranked before it.
    pub last_of_top: Option<RankedRow>,
    /// Reasons per flagged row.
    pub explain: u32,
    /// Columns copied to the output.
    pub keep: Vec<String>,
    /// Text of the `file` column, if there is one.
    pub file_column: Option<String>,
    /// Highest rows to report.
    pub best: u32,
    /// Directory of the parts.
    pub directory: String,
    /// Final name of the part.
    pub name: String,
    /// Names this attempt.
    pub attempt: String,
    /// How the part is encoded.
    pub format: PartFormat,
}

/// A model by what is in it, and where that lies.
#[napi(object)]
pub struct ModelFile {
    /// The path of its file.
    pub path: String,
    /// Its digest, as the model says it of itself.
    pub digest: String,
}

/// A row in the order of scores.
#[napi(object)]
pub struct RankedRow {
    /// Its score.
    pub score: f64,
    /// Its file's place in the plan.
    pub file: u32,
    /// Its row number.
    pub row: i64,
}

/// What a column added to a row's score.
#[napi(object)]
pub struct ReasonRecord {
    /// The column.
    pub column: String,
    /// Its value, absent when missing.
    pub value: Option<f64>,
    /// What it added.
    pub contribution: f64,
}

/// One of the highest rows.
#[napi(object)]
pub struct BestRecord {
    /// Its file's place in the plan.
    pub file: u32,
    /// Its row number.
    pub row: i64,
    /// Its score.
    pub score: f64,
    /// Why.
    pub reasons: Vec<ReasonRecord>,
}

/// What became of a scored chunk.
#[napi(object)]
pub struct ScoreReceipt {
    /// The part.
    pub part: Receipt,
    /// Rows flagged.
    pub flagged: f64,
    /// Rows without a score.
    pub skipped: f64,
    /// Its highest rows.
    pub best: Vec<BestRecord>,
}

/// The bytes of a row group.
#[napi(object)]
pub struct RowGroupDigest {
    /// SHA-256 of its columns' bytes, in hexadecimal.
    pub sha256: String,
    /// How many those are.
    pub bytes: f64,
}

/// What a verified chunk is made of.
#[napi(object)]
pub struct VerifyReceipt {
    /// Its row groups that have rows, in order.
    pub row_groups: Vec<RowGroupDigest>,
    /// Pages that lie where they should.
    pub pages_checked: f64,
    /// Those that carry a CRC, which was right.
    pub pages_with_crc: f64,
}

/// A count, as JavaScript sends it.
pub(crate) fn count(number: i64) -> Result<u64, ChunkError> {
    u64::try_from(number).map_err(|_| failure("BUG", format!("{number} is no count")))
}

pub(crate) fn range(chunk: &Chunk) -> Result<ChunkRange, ChunkError> {
    Ok(ChunkRange {
        file: PathBuf::from(&chunk.file),
        file_index: chunk.file_index,
        first_row: count(chunk.first_row)?,
        row_group_rows: chunk.row_group_rows.iter().map(|n| count(*n)).collect::<Result<_, _>>()?,
        shifted: chunk.shifted.iter().flatten().map(shifted).collect(),
    })
}

fn shifted(ShiftedDecimal { column, bits, scale }: &ShiftedDecimal) -> batch_core_scan::ShiftedDecimal {
    batch_core_scan::ShiftedDecimal { column: column.clone(), bits: *bits, scale: *scale }
}

pub(crate) fn request(options: ScoreOptions) -> Result<ScoreRequest, ChunkError> {
    let flag = match (options.threshold, options.last_of_top) {
        (Some(threshold), _) => Flag::Above(threshold),
        (None, Some(last)) => Flag::From { score: last.score, file: last.file, row: count(last.row)? },
        (None, None) => Flag::Never,
    };
    Ok(ScoreRequest {
        missing: missing_of(&options.missing)?,
        flag,
        explain: options.explain as usize,
        keep: options.keep,
        file_column: options.file_column,
        best: options.best as usize,
        part: PartRequest {
            directory: options.directory.into(),
            name: options.name,
            attempt: options.attempt,
            options: options.format.try_into()?,
        },
    })
}

pub(crate) fn missing_of(name: &str) -> Result<Missing, ChunkError> {
    match name {
        "center" => Ok(Missing::Center),
        "skip" => Ok(Missing::Skip),
        "error" => Ok(Missing::Error),
        other => Err(failure("CONFIG", format!("missing must be center, skip or error, not \"{other}\""))),
    }
}

pub(crate) fn receipt_of(receipt: batch_core_chunk::ScoreReceipt, columns: &[String]) -> ScoreReceipt {
    let best = receipt.best.into_iter().map(|row| BestRecord {
        file: row.file,
        row: row.row.cast_signed(),
        score: row.score,
        reasons: row
            .reasons
            .into_iter()
            .map(|r| ReasonRecord {
                column: columns[r.column as usize].clone(),
                value: (!r.value.is_nan()).then_some(r.value),
                contribution: r.contribution,
            })
            .collect(),
    });
    ScoreReceipt {
        best: best.collect(),
        part: receipt.part.into(),
        flagged: receipt.flagged as f64,
        skipped: receipt.skipped as f64,
    }
}
