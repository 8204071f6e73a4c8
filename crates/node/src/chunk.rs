//! The far side: one call per chunk.

use crate::error::{Carry, Thrown, failure, waist};
use crate::records::{
    Chunk, ModelFile, RowGroupDigest, ScoreOptions, ScoreReceipt, VerifyReceipt, count, missing_of, range, receipt_of,
    request,
};
use crate::watch;
use batch_core_chunk::{ChunkError, keep_summary, rank, score, summarize, verify};
use batch_core_kernels::{Fit, Model};
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
