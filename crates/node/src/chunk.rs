//! The far side: one call per chunk.

use crate::error::{Carry, Thrown, failure, waist};
use crate::parts::{PartFormat, Receipt};
use crate::watch;
use batch_core_chunk::{
    ChunkError, ChunkRange, Flag, PartRequest, ScoreRequest, keep_summary, rank, score, summarize, verify,
};
use batch_core_kernels::{Fit, Missing, Model};
use batch_core_scan::{Fetch, Scanner, ScannerOptions};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::path::{Path, PathBuf};

/// What a worker's scanner needs to open.
#[napi(object)]
pub struct WorkerOptions {
    /// Path of libduckdb.
    pub library: String,
    /// The exact files that may be read.
    pub files: Vec<String>,
    /// Where DuckDB may spill.
    pub temp_directory: Option<String>,
    /// DuckDB's own memory limit.
    pub memory_limit_bytes: Option<i64>,
    /// What the kept columns of a batch may take.
    pub kept_bytes_max: Option<i64>,
}

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

/// A thread's own scanner, and the fit state or model it used last.
#[napi]
pub struct ChunkWorker {
    scanner: Scanner,
    fit: Option<(PathBuf, Fit)>,
    model: Option<(String, Model)>,
}

#[napi]
impl ChunkWorker {
    /// Opens a locked-down scanner for this thread.
    #[napi(constructor)]
    pub fn new(options: WorkerOptions) -> Result<Self, Thrown> {
        waist(|| {
            let scanner = Scanner::open(&ScannerOptions {
                library: options.library.into(),
                files: options.files.into_iter().map(PathBuf::from).collect(),
                temp_directory: options.temp_directory.map(PathBuf::from),
                memory_limit_bytes: options.memory_limit_bytes.map(count).transpose()?,
                copied_bytes_max: options.kept_bytes_max.map(count).transpose()?,
                fetch: Fetch::Streaming,
            })
            .carry()?;
            Ok::<_, ChunkError>(Self { scanner, fit: None, model: None })
        })
    }

    /// One chunk of a fit pass becomes a summary. `fit` is the path of the pass's state, `target` that of a file for a
    /// summary too large to be sent: it is named then.
    #[napi]
    pub fn summarize(&mut self, chunk: Chunk, fit: String, target: String) -> Result<Buffer, Thrown> {
        waist(|| {
            let (range, watch) = (range(&chunk)?, watch::find(chunk.watch)?);
            let fit = cached(&mut self.fit, Path::new(&fit), |bytes| Fit::from_bytes(bytes).carry())?;
            let summary = summarize(&self.scanner, &range, fit, &watch)?;
            keep_summary(Path::new(&target), summary).map(Buffer::from)
        })
    }

    /// The highest `count` rows of a chunk, as bytes that merge. `target` as above.
    #[napi]
    pub fn rank(
        &mut self,
        chunk: Chunk,
        model: ModelFile,
        missing: String,
        count: u32,
        target: String,
    ) -> Result<Buffer, Thrown> {
        waist(|| {
            let (range, watch) = (range(&chunk)?, watch::find(chunk.watch)?);
            let model = loaded(&mut self.model, &model)?;
            let top = rank(&self.scanner, &range, model, missing_of(&missing)?, count as usize, &watch)?;
            keep_summary(Path::new(&target), top.to_bytes()).map(Buffer::from)
        })
    }

    /// One chunk becomes a durable part.
    #[napi]
    pub fn score(&mut self, chunk: Chunk, model: ModelFile, options: ScoreOptions) -> Result<ScoreReceipt, Thrown> {
        waist(|| {
            let (range, watch) = (range(&chunk)?, watch::find(chunk.watch)?);
            // Fitting is over: its state may be large.
            self.fit = None;
            let model = loaded(&mut self.model, &model)?;
            let receipt = score(&self.scanner, &range, model, &request(options)?, &watch)?;
            Ok::<_, ChunkError>(receipt_of(receipt, model.columns()))
        })
    }

    /// Digests of a chunk's row groups, and the checksums of its pages compared. `first_row_group` is the number of its
    /// first row group in the file.
    #[napi]
    pub fn verify(&self, chunk: Chunk, first_row_group: u32) -> Result<VerifyReceipt, Thrown> {
        waist(|| {
            let receipt = verify(&range(&chunk)?, first_row_group.into(), &*watch::find(chunk.watch)?)?;
            let digests = receipt.row_groups.into_iter();
            Ok::<_, ChunkError>(VerifyReceipt {
                row_groups: digests.map(|g| RowGroupDigest { sha256: g.sha256, bytes: g.bytes as f64 }).collect(),
                pages_checked: receipt.pages as f64,
                pages_with_crc: receipt.pages_with_checksum as f64,
            })
        })
    }
}

/// The value last read from `path`, or what its bytes say now.
fn cached<'c, T>(
    slot: &'c mut Option<(PathBuf, T)>,
    path: &Path,
    parse: impl FnOnce(&[u8]) -> Result<T, ChunkError>,
) -> Result<&'c T, ChunkError> {
    let fresh = match slot.take() {
        Some((known, value)) if known == path => value,
        _ => parse(&crate::parts::read(path)?)?,
    };
    Ok(&slot.insert((path.to_path_buf(), fresh)).1)
}

/// The model last used, or that in its file, which must be the one that is meant.
fn loaded<'c>(slot: &'c mut Option<(String, Model)>, wanted: &ModelFile) -> Result<&'c Model, ChunkError> {
    let model = match slot.take() {
        Some((known, model)) if known == wanted.digest => model,
        _ => {
            let path = Path::new(&wanted.path);
            let model = Model::from_bytes(&crate::parts::read(path)?).carry()?;
            if model.digest() != wanted.digest {
                let message = format!("{} is not the model that this job fitted", path.display());
                return Err(ChunkError { file: Some(path.into()), ..failure("JOB_DAMAGED", message) });
            }
            model
        }
    };
    Ok(&slot.insert((wanted.digest.clone(), model)).1)
}

/// A count, as JavaScript sends it.
pub(crate) fn count(number: i64) -> Result<u64, ChunkError> {
    u64::try_from(number).map_err(|_| failure("BUG", format!("{number} is no count")))
}

fn range(chunk: &Chunk) -> Result<ChunkRange, ChunkError> {
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

fn request(options: ScoreOptions) -> Result<ScoreRequest, ChunkError> {
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

fn receipt_of(receipt: batch_core_chunk::ScoreReceipt, columns: &[String]) -> ScoreReceipt {
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
