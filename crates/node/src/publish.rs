//! What takes as long as the data is large: publication and digests, on a thread of the runtime's pool.
//!
//! The owner's thread must stay free meanwhile: it tells the job's status and hears who wants it to stop.

use crate::convert::{count, pairs};
use crate::error::{Thrown, caught, record, waist};
use crate::parts::{FileIdRecord, Receipt};
use crate::watch;
use batch_core_chunk::Watch;
use batch_core_error::{Code, Error};
use batch_core_parts::{
    DirectoryPart, DirectoryRequest, Disk, FileId, PartReceipt, Replaced, Stager, StoredPart, digest_watched,
    publish_directory, row_group_checksums,
};
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

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
    /// What went wrong: the record that a thrown error has, as JSON.
    pub error: Option<String>,
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
    Append(SharedStager, StoredPart),
    Finish(SharedStager),
    Discard(SharedStager),
    PublishDirectory { parts: Vec<DirectoryPart>, directory: PathBuf, texts: [Vec<u8>; 2], replaces: Vec<Replaced> },
    Digest(PathBuf),
    Checksums(PathBuf),
}

type Ready = Result<(Work, Option<Arc<Watch>>), Error>;

/// One long call, ready to run on another thread, or why it cannot.
pub struct LongCall {
    /// Taken by the one run.
    work: Option<Ready>,
}

impl LongCall {
    fn of(watch: Option<u32>, work: impl FnOnce() -> Result<Work, Error>) -> AsyncTask<Self> {
        let ready = || Ok((work()?, watch.map(watch::find).transpose()?));
        AsyncTask::new(Self { work: Some(ready()) })
    }

    fn run(&mut self) -> Result<LongOutcome, Error> {
        let nothing = LongOutcome { staged: None, sha256: None, row_groups: None, error: None };
        let (work, watch) = self.work.take().unwrap_or_else(|| Err(Error::bug("a long call ran twice")))?;
        let observe = |path: &Path, rows: u64| {
            let Some(watch) = &watch else { return Ok(()) };
            watch.set_rows(rows);
            if watch.is_cancelled() { Err(Error::new(Code::Cancelled, "stopped").in_file(path)) } else { Ok(()) }
        };
        Ok(match work {
            Work::Append(shared, part) => {
                // What failed half-way is gone: nobody finds it there again.
                let stager = shared.take()?.append(&part, &mut |rows| observe(&part.path, rows))?;
                shared.put_back(stager);
                nothing
            }
            Work::Finish(shared) => {
                let staged = shared.take()?.finish()?;
                let staged = StagedRecord { receipt: staged.receipt.into(), row_groups: staged.row_groups };
                LongOutcome { staged: Some(staged), ..nothing }
            }
            Work::Discard(shared) => {
                drop(shared.take());
                nothing
            }
            Work::PublishDirectory { parts, directory, texts: [manifest, intent], replaces } => {
                let request = DirectoryRequest {
                    directory: &directory,
                    parts: &parts,
                    manifest: &manifest,
                    intent: &intent,
                    replaces: &replaces,
                };
                publish_directory(&Disk::shared(), &request, &mut |rows| observe(&directory, rows))?;
                nothing
            }
            Work::Digest(path) => {
                let digest = digest_watched(&path, &mut |bytes| observe(&path, bytes))?;
                LongOutcome { sha256: Some(digest), ..nothing }
            }
            Work::Checksums(path) => LongOutcome { row_groups: Some(row_group_checksums(&path)?), ..nothing },
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
            error: Some(record(&error)),
        }))
    }

    fn resolve(&mut self, _: Env, outcome: LongOutcome) -> napi::Result<LongOutcome> {
        Ok(outcome)
    }
}

fn receipt(receipt: Receipt) -> Result<PartReceipt, Error> {
    Ok(PartReceipt { rows: count(receipt.rows)?, bytes: count(receipt.bytes)?, sha256: receipt.sha256 })
}

/// A stager between two calls; none while one runs, nor once one has failed or it is finished.
#[derive(Clone)]
struct SharedStager(Arc<Mutex<Option<Stager>>>);

impl SharedStager {
    fn take(&self) -> Result<Stager, Error> {
        let stager = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        stager.ok_or_else(|| Error::bug("the output is not being staged"))
    }

    fn put_back(&self, stager: Stager) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(stager);
    }
}

/// Joins parts that are what their receipts say into one durable file under a temporary name, without re-encoding, one call
/// after the other. The watch tells their rows.
#[napi]
pub struct OutputStager {
    stager: SharedStager,
    watch: u32,
}

#[napi]
impl OutputStager {
    /// An output that nothing is in. It has no file before its first part.
    #[napi(factory)]
    pub fn begin(temporary: String, metadata: Vec<Vec<String>>, watch: u32) -> Result<Self, Thrown> {
        waist(|| {
            watch::find(watch)?.set_rows(0);
            let stager = Stager::new(&Disk::shared(), Path::new(&temporary), &pairs(metadata)?);
            Ok(Self { stager: SharedStager(Arc::new(Mutex::new(Some(stager)))), watch })
        })
    }

    /// Adds the row groups of a part. After a failure the file is gone, and so is this.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn append(&self, part: PublishedPart) -> AsyncTask<LongCall> {
        LongCall::of(Some(self.watch), || {
            let part = StoredPart { path: part.source.into(), receipt: receipt(part.receipt)? };
            Ok(Work::Append(self.stager.clone(), part))
        })
    }

    /// Makes the output whole and durable; its file stays.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn finish(&self) -> AsyncTask<LongCall> {
        LongCall::of(None, || Ok(Work::Finish(self.stager.clone())))
    }

    /// Removes the file of an output that is not finished.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn discard(&self) -> AsyncTask<LongCall> {
        LongCall::of(None, || Ok(Work::Discard(self.stager.clone())))
    }
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
        let parts = parts.into_iter().map(part).collect::<Result<_, Error>>()?;
        let old = |file: ReplacedFile| Ok(Replaced { id: FileId::try_from(&file.id)?, name: file.name });
        let replaces = replaces.into_iter().map(old).collect::<Result<_, Error>>()?;
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
