//! Small durable files for the owner, and what files say of themselves.

use crate::convert::count;
use crate::error::{Thrown, waist};
use batch_core_error::Error;
use batch_core_parts::{
    Disk, FileId, PartReceipt, commit, create_directories, put_back, read_metadata, write_committed, write_durable,
};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::collections::HashMap;
use std::path::Path;

/// A file on disk.
#[napi(object)]
pub struct Receipt {
    /// Rows in it.
    pub rows: i64,
    /// Its size.
    pub bytes: i64,
    /// Its digest, in hexadecimal.
    pub sha256: String,
}

impl From<PartReceipt> for Receipt {
    fn from(receipt: PartReceipt) -> Self {
        Self { rows: receipt.rows.cast_signed(), bytes: receipt.bytes.cast_signed(), sha256: receipt.sha256 }
    }
}

/// A file as it was last written, whatever its names. Numbers of 64 bits are text.
#[napi(object)]
pub struct FileIdRecord {
    /// Number of its device.
    pub device: String,
    /// Number of the file on it.
    pub inode: String,
    /// Its length in bytes.
    pub size: i64,
    /// When it was last written, in nanoseconds since 1970.
    pub mtime_ns: String,
}

impl TryFrom<&FileIdRecord> for FileId {
    type Error = Error;
    fn try_from(record: &FileIdRecord) -> Result<Self, Error> {
        fn number<T: std::str::FromStr>(text: &str) -> Result<T, Error> {
            text.parse().map_err(|_| Error::bug(format!("{text} is no number of a file")))
        }
        Ok(Self {
            device: number(&record.device)?,
            inode: number(&record.inode)?,
            size: count(record.size)?,
            modified_ns: number(&record.mtime_ns)?,
        })
    }
}

/// What a Parquet file's footer says.
#[napi(object)]
pub struct PartFacts {
    /// Rows.
    pub rows: f64,
    /// Row groups.
    pub row_groups: u32,
    /// Size in bytes.
    pub bytes: f64,
    /// Key-value metadata.
    pub metadata: HashMap<String, String>,
    /// Whether this writer wrote the file: one that another program rewrote may keep the metadata.
    pub written_by_us: bool,
}

/// Writes a small file so that either the old or the new content survives a crash.
#[napi(js_name = "writeDurable")]
pub fn write_durable_file(path: String, bytes: Buffer) -> Result<(), Thrown> {
    waist(|| write_durable(&Disk::shared(), Path::new(&path), &bytes))
}

/// Writes a file unless something lies at its path that is not `replaces`.
#[napi(js_name = "writeCommitted")]
pub fn write_committed_file(
    temporary: String,
    target: String,
    bytes: Buffer,
    replaces: Option<FileIdRecord>,
) -> Result<(), Thrown> {
    waist(|| {
        let replaces = replaces.as_ref().map(FileId::try_from).transpose()?;
        let (temporary, target) = (Path::new(&temporary), Path::new(&target));
        write_committed(&Disk::shared(), temporary, target, &bytes, replaces)
    })
}

/// Gives a staged file its final name unless something lies there that is not `replaces`.
#[napi(js_name = "commitFile")]
pub fn commit_file(temporary: String, target: String, replaces: Option<FileIdRecord>) -> Result<(), Thrown> {
    waist(|| {
        let replaces = replaces.as_ref().map(FileId::try_from).transpose()?;
        commit(&Disk::shared(), Path::new(&temporary), Path::new(&target), replaces)
    })
}

/// Puts what a killed swap left back to where it lay, where only the file `ours` lies there, or nothing. Whether it did.
#[napi(js_name = "putBack")]
pub fn put_back_file(swap: String, target: String, ours: Option<FileIdRecord>) -> Result<bool, Thrown> {
    waist(|| {
        let ours = ours.as_ref().map(FileId::try_from).transpose()?;
        put_back(&Disk::shared(), Path::new(&swap), Path::new(&target), ours)
    })
}

/// Makes a directory and what is missing above it, each name durable before the next.
#[napi(js_name = "createDirectories")]
pub fn create_directories_of(path: String) -> Result<(), Thrown> {
    waist(|| create_directories(&Disk::shared(), Path::new(&path)))
}

/// What a part's or published file's footer says.
#[napi]
pub fn part_facts(path: String) -> Result<PartFacts, Thrown> {
    waist(|| {
        let facts = read_metadata(Path::new(&path))?;
        Ok(PartFacts {
            rows: facts.rows as f64,
            row_groups: u32::try_from(facts.row_groups).unwrap_or(u32::MAX),
            bytes: facts.bytes as f64,
            metadata: facts.metadata.into_iter().collect(),
            written_by_us: facts.written_by_us,
        })
    })
}
