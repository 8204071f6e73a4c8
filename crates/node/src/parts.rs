//! Durable files for the owner: publish, digest, metadata.

use crate::chunk::count;
use crate::error::{Carry, Thrown, failure, waist};
use batch_core_chunk::ChunkError;
use batch_core_parts::{
    Compression, DirectoryPart, Disk, PartOptions, PartReceipt, digest, publish_directory, publish_file, read_metadata,
    row_group_checksums, write_durable,
};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// How a part is encoded.
#[napi(object)]
pub struct PartFormat {
    /// `zstd`, `snappy` or `none`.
    pub compression: String,
    /// Level of `zstd`.
    pub level: Option<i32>,
    /// Rows of an output row group.
    pub row_group_rows: u32,
    /// Key-value metadata, as pairs in the order they are written.
    pub metadata: Vec<Vec<String>>,
    /// False only where a bench measures what durability costs.
    pub durable: bool,
}

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
}

impl TryFrom<PartFormat> for PartOptions {
    type Error = ChunkError;
    fn try_from(format: PartFormat) -> Result<Self, ChunkError> {
        let compression = match format.compression.as_str() {
            "zstd" => Compression::Zstd(format.level.unwrap_or(1)),
            "snappy" => Compression::Snappy,
            "none" => Compression::None,
            other => {
                return Err(failure("CONFIG", format!("compression must be zstd, snappy or none, not \"{other}\"")));
            }
        };
        Ok(Self {
            compression,
            row_group_rows: format.row_group_rows as usize,
            metadata: pairs(format.metadata)?,
            durable: format.durable,
        })
    }
}

fn pairs(list: Vec<Vec<String>>) -> Result<Vec<(String, String)>, ChunkError> {
    list.into_iter()
        .map(|pair| match <[String; 2]>::try_from(pair) {
            Ok([key, value]) => Ok((key, value)),
            Err(_) => Err(failure("BUG", "metadata comes in pairs")),
        })
        .collect()
}

fn paths(list: Vec<String>) -> Vec<PathBuf> {
    list.into_iter().map(PathBuf::from).collect()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, ChunkError> {
    std::fs::read(path).map_err(|e| ChunkError {
        file: Some(path.to_path_buf()),
        ..failure("TRANSIENT_IO", format!("cannot read {}: {e}", path.display()))
    })
}

/// Joins parts into one file without re-encoding, and moves it into place when it is on disk.
#[napi(js_name = "publishFile")]
pub fn publish_one_file(
    parts: Vec<String>,
    target: String,
    temporary: String,
    metadata: Vec<Vec<String>>,
) -> Result<Receipt, Thrown> {
    waist(|| {
        let receipt =
            publish_file(&Disk::shared(), &paths(parts), Path::new(&target), Path::new(&temporary), &pairs(metadata)?);
        receipt.map(Into::into).carry()
    })
}

/// A part on its way into a directory.
#[napi(object)]
pub struct PublishedPart {
    /// Where it lies.
    pub source: String,
    /// Its name in the directory.
    pub name: String,
    /// What it must be.
    pub receipt: Receipt,
}

/// Publishes parts as a directory: the parts, `manifest.json`, then `_SUCCESS`. Returns other files found there.
#[napi(js_name = "publishDirectory")]
pub fn publish_into_directory(
    parts: Vec<PublishedPart>,
    target: String,
    manifest: Buffer,
) -> Result<Vec<String>, Thrown> {
    waist(|| {
        let parts = parts
            .into_iter()
            .map(|part| {
                let Receipt { rows, bytes, sha256 } = part.receipt;
                let receipt = PartReceipt { rows: count(rows)?, bytes: count(bytes)?, sha256 };
                Ok(DirectoryPart { source: part.source.into(), name: part.name, receipt })
            })
            .collect::<Result<Vec<_>, ChunkError>>()?;
        let strangers = publish_directory(&Disk::shared(), &parts, Path::new(&target), &manifest).carry()?;
        Ok::<_, ChunkError>(strangers.iter().map(|path| path.to_string_lossy().into_owned()).collect())
    })
}

/// Writes a small file so that either the old or the new content survives a crash.
#[napi(js_name = "writeDurable")]
pub fn write_durable_file(path: String, bytes: Buffer) -> Result<(), Thrown> {
    waist(|| write_durable(&Disk::shared(), Path::new(&path), &bytes).carry())
}

/// The SHA-256 of a file, in hexadecimal.
#[napi]
pub fn file_digest(path: String) -> Result<String, Thrown> {
    waist(|| digest(Path::new(&path)).carry())
}

/// The CRC-32 of each row group of a file, in order.
#[napi]
pub fn row_group_checksums_of(path: String) -> Result<Vec<u32>, Thrown> {
    waist(|| row_group_checksums(Path::new(&path)).carry())
}

/// What a part's or published file's footer says.
#[napi]
pub fn part_facts(path: String) -> Result<PartFacts, Thrown> {
    waist(|| {
        let facts = read_metadata(Path::new(&path)).carry()?;
        Ok::<_, ChunkError>(PartFacts {
            rows: facts.rows as f64,
            row_groups: u32::try_from(facts.row_groups).unwrap_or(u32::MAX),
            bytes: facts.bytes as f64,
            metadata: facts.metadata.into_iter().collect(),
        })
    })
}
