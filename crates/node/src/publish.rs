//! What takes as long as the data is large: publication and digests, on a thread of the runtime's pool.
//!
//! The owner's thread must stay free meanwhile: it tells the job's status and hears who wants it to stop.

use crate::convert::{count, pairs};
use crate::error::{FailureRecord, caught, failure};
use crate::parts::{FileIdRecord, Receipt};
use crate::watch;
use batch_core_chunk::{ChunkError, Watch};
use batch_core_parts::{
    DirectoryPart, DirectoryRequest, Disk, FileId, PartReceipt, PartsError, Replaced, StoredPart, digest_watched,
    publish_directory, row_group_checksums, stage_file,
};
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A finished part on its way into an output.
#[napi(object)]
pub struct PublishedPart {
    /// Where it lies.
    pub source: String,
    /// Its name, where the output is a directory.
    pub name: String,
    /// What it must be.
    pub receipt: Receipt,
}

/// A file of an output that a publication may replace or remove.
#[napi(object)]
pub struct ReplacedFile {
    /// Its name in the directory.
    pub name: String,
    /// What was found there.
    pub id: FileIdRecord,
}

/// What became of a long call: one of them is there.
#[napi(object)]
pub struct LongOutcome {
    /// The output under its temporary name.
    pub staged: Option<StagedRecord>,
    /// The digest of a file, in hexadecimal.
    pub sha256: Option<String>,
    /// The CRC-32 of each row group of a file.
    pub row_groups: Option<Vec<u32>>,
    /// What went wrong.
    pub error: Option<FailureRecord>,
}

/// A whole output under its temporary name.
#[napi(object)]
pub struct StagedRecord {
    /// Rows, bytes and digest.
    pub receipt: Receipt,
    /// CRC-32 of each row group's pages.
    pub row_groups: Vec<u32>,
}

enum Work {
    StageFile { parts: Vec<StoredPart>, temporary: PathBuf, metadata: Vec<(String, String)> },
    PublishDirectory { parts: Vec<DirectoryPart>, directory: PathBuf, texts: [Vec<u8>; 2], replaces: Vec<Replaced> },
    Digest(PathBuf),
    Checksums(PathBuf),
}

/// One long call, ready to run on another thread, or why it cannot.
pub struct LongCall {
    work: Result<(Work, Option<Arc<Watch>>), ChunkError>,
}

impl LongCall {
    fn of(watch: Option<u32>, work: impl FnOnce() -> Result<Work, ChunkError>) -> AsyncTask<Self> {
        let ready = || Ok((work()?, watch.map(watch::find).transpose()?));
        AsyncTask::new(Self { work: ready() })
    }

    fn run(&mut self) -> Result<LongOutcome, ChunkError> {
        let nothing = LongOutcome { staged: None, sha256: None, row_groups: None, error: None };
        let (work, watch) = match &self.work {
            Ok((work, watch)) => (work, watch.as_deref()),
            Err(error) => {
                return Err(ChunkError {
                    file: error.file.clone(),
                    column: None,
                    ..failure(error.code, error.message.clone())
                });
            }
        };
        let mut told = 0;
        let mut observe = |path: &Path, done: u64| {
            let Some(watch) = watch else { return Ok(()) };
            watch.add_rows(done - told);
            told = done;
            if watch.is_cancelled() { Err(PartsError::cancelled(path)) } else { Ok(()) }
        };
        Ok(match work {
            Work::StageFile { parts, temporary, metadata } => {
                let staged =
                    stage_file(&Disk::shared(), parts, temporary, metadata, &mut |rows| observe(temporary, rows))?;
                let staged = StagedRecord { receipt: staged.receipt.into(), row_groups: staged.row_groups };
                LongOutcome { staged: Some(staged), ..nothing }
            }
            Work::PublishDirectory { parts, directory, texts: [manifest, intent], replaces } => {
                let request = DirectoryRequest { directory, parts, manifest, intent, replaces };
                publish_directory(&Disk::shared(), &request, &mut |rows| observe(directory, rows))?;
                nothing
            }
            Work::Digest(path) => {
                let digest = digest_watched(path, &mut |bytes| observe(path, bytes))?;
                LongOutcome { sha256: Some(digest), ..nothing }
            }
            Work::Checksums(path) => LongOutcome { row_groups: Some(row_group_checksums(path)?), ..nothing },
        })
    }
}

impl Task for LongCall {
    type Output = LongOutcome;
    type JsValue = LongOutcome;

    fn compute(&mut self) -> napi::Result<LongOutcome> {
        // As data: an error of this pool's own kind would lose its code.
        Ok(caught(|| self.run()).unwrap_or_else(|error| LongOutcome {
            staged: None,
            sha256: None,
            row_groups: None,
            error: Some(FailureRecord::from(&error)),
        }))
    }

    fn resolve(&mut self, _: Env, outcome: LongOutcome) -> napi::Result<LongOutcome> {
        Ok(outcome)
    }
}

fn receipt(receipt: Receipt) -> Result<PartReceipt, ChunkError> {
    Ok(PartReceipt { rows: count(receipt.rows)?, bytes: count(receipt.bytes)?, sha256: receipt.sha256 })
}

/// Joins parts that are what their receipts say into one durable file under a temporary name, without re-encoding. The
/// watch counts their rows.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn stage_output(
    parts: Vec<PublishedPart>,
    temporary: String,
    metadata: Vec<Vec<String>>,
    watch: u32,
) -> AsyncTask<LongCall> {
    LongCall::of(Some(watch), || {
        let part = |part: PublishedPart| Ok(StoredPart { path: part.source.into(), receipt: receipt(part.receipt)? });
        let parts = parts.into_iter().map(part).collect::<Result<_, ChunkError>>()?;
        Ok(Work::StageFile { parts, temporary: temporary.into(), metadata: pairs(metadata)? })
    })
}

/// Publishes parts that are what their receipts say as a directory. Of what lies there only `replaces` may go.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn publish_into_directory(
    parts: Vec<PublishedPart>,
    directory: String,
    manifest: Buffer,
    intent: Buffer,
    replaces: Vec<ReplacedFile>,
    watch: u32,
) -> AsyncTask<LongCall> {
    LongCall::of(Some(watch), || {
        let part = |part: PublishedPart| {
            Ok(DirectoryPart { source: part.source.into(), name: part.name, receipt: receipt(part.receipt)? })
        };
        let parts = parts.into_iter().map(part).collect::<Result<_, ChunkError>>()?;
        let old = |file: ReplacedFile| Ok(Replaced { id: FileId::try_from(&file.id)?, name: file.name });
        let replaces = replaces.into_iter().map(old).collect::<Result<_, ChunkError>>()?;
        let texts = [manifest.to_vec(), intent.to_vec()];
        Ok(Work::PublishDirectory { parts, directory: directory.into(), texts, replaces })
    })
}

/// The SHA-256 of a file, in hexadecimal.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn digest_file(path: String) -> AsyncTask<LongCall> {
    LongCall::of(None, || Ok(Work::Digest(path.into())))
}

/// The CRC-32 of each row group of a file, in order.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn checksum_row_groups(path: String) -> AsyncTask<LongCall> {
    LongCall::of(None, || Ok(Work::Checksums(path.into())))
}
