//! Publication and digests, which take as long as the data is large.

use crate::convert::{count, pairs};
use crate::error::{Thrown, waist};
use crate::long::{LongCall, LongOutcome, Shared, StagedRecord};
use crate::parts::{FileIdRecord, Receipt};
use crate::watch;
use batch_core_chunk::Watch;
use batch_core_error::{Code, Error};
use batch_core_parts::{
    DirectoryPart, DirectoryRequest, Disk, FileId, PartReceipt, Replaced, Stager, StoredPart, digest_watched,
    publish_directory, row_group_checksums,
};
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi_derive::napi;
use std::path::Path;

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

/// Tells `watch` how far a call is, and hears whether it is to stop.
fn observe(watch: &Watch, path: &Path, done: u64) -> Result<(), Error> {
    watch.set_rows(done);
    if watch.is_cancelled() { Err(Error::new(Code::Cancelled, "stopped").in_file(path)) } else { Ok(()) }
}

fn receipt(receipt: Receipt) -> Result<PartReceipt, Error> {
    Ok(PartReceipt { rows: count(receipt.rows)?, bytes: count(receipt.bytes)?, sha256: receipt.sha256 })
}

/// Joins parts that are what their receipts say into one durable file under a temporary name, without re-encoding, one call
/// after the other. The watch tells their rows.
#[napi]
pub struct OutputStager {
    stager: Shared<Stager>,
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
            Ok(Self { stager: Shared::new(stager), watch })
        })
    }

    /// Adds the row groups of a part. After a failure the file is gone, and so is this.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn append(&self, part: PublishedPart) -> AsyncTask<LongCall> {
        let (shared, watch) = (self.stager.clone(), watch::find(self.watch));
        LongCall::of(move || {
            let watch = watch?;
            let part = StoredPart { path: part.source.into(), receipt: receipt(part.receipt)? };
            // What failed half-way is gone: nobody finds it there again.
            let stager = shared.take()?.append(&part, &mut |rows| observe(&watch, &part.path, rows))?;
            shared.put_back(stager);
            Ok(LongOutcome::default())
        })
    }

    /// Makes the output whole and durable; its file stays.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn finish(&self) -> AsyncTask<LongCall> {
        let shared = self.stager.clone();
        LongCall::of(move || {
            let staged = shared.take()?.finish()?;
            let staged = StagedRecord { receipt: staged.receipt.into(), row_groups: staged.row_groups };
            Ok(LongOutcome { staged: Some(staged), ..Default::default() })
        })
    }

    /// Removes the file of an output that is not finished.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn discard(&self) -> AsyncTask<LongCall> {
        let shared = self.stager.clone();
        LongCall::of(move || {
            drop(shared.take());
            Ok(LongOutcome::default())
        })
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
    let (texts, watch) = ([manifest.to_vec(), intent.to_vec()], watch::find(watch));
    LongCall::of(move || {
        let (watch, directory) = (watch?, Path::new(&directory));
        let part = |part: PublishedPart| {
            Ok(DirectoryPart { source: part.source.into(), name: part.name, receipt: receipt(part.receipt)? })
        };
        let parts = parts.into_iter().map(part).collect::<Result<Vec<_>, Error>>()?;
        let old = |file: ReplacedFile| Ok(Replaced { id: FileId::try_from(&file.id)?, name: file.name });
        let replaces = replaces.into_iter().map(old).collect::<Result<Vec<_>, Error>>()?;
        let [manifest, intent] = &texts;
        let request = DirectoryRequest { directory, parts: &parts, manifest, intent, replaces: &replaces };
        publish_directory(&Disk::shared(), &request, &mut |rows| observe(&watch, directory, rows))?;
        Ok(LongOutcome::default())
    })
}

/// The SHA-256 of a file, in hexadecimal.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn digest_file(path: String) -> AsyncTask<LongCall> {
    LongCall::of(move || {
        Ok(LongOutcome { sha256: Some(digest_watched(Path::new(&path), &mut |_| Ok(()))?), ..Default::default() })
    })
}

/// The CRC-32 of each row group of a file, in order.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn checksum_row_groups(path: String) -> AsyncTask<LongCall> {
    LongCall::of(move || {
        Ok(LongOutcome { row_groups: Some(row_group_checksums(Path::new(&path))?), ..Default::default() })
    })
}
