//! Digests of files, and what a part says about itself.

use crate::error::{At, Code, PartsError, Result};
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A footer longer than this is not ours, nor any sane writer's: refuse it before reading it.
pub const FOOTER_BYTES_MAX: u64 = 64 << 20;

/// Magic, footer length, magic.
const FRAME_BYTES: u64 = 12;

/// The SHA-256 of a file's bytes, in lower-case hex.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    let mut file = File::open(path).map_err(|e| PartsError::read("open", path, e))?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => hash.update(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(PartsError::read("read", path, error)),
        }
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}"); // writing to a String cannot fail
        text
    })
}

/// What the footer of a part says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartMetadata {
    /// Rows in all row groups.
    pub rows: u64,
    /// Row groups.
    pub row_groups: usize,
    /// The file's length.
    pub bytes: u64,
    /// The key-value metadata the part was written with, without Arrow's own entry.
    pub metadata: BTreeMap<String, String>,
}

/// Reads the footer of a part, and no page.
///
/// # Errors
/// DATA when the file is not a whole Parquet file; otherwise as the operating system says.
pub fn read_metadata(path: &Path) -> Result<PartMetadata> {
    let mut file = File::open(path).map_err(|e| PartsError::read("open", path, e))?;
    let (parsed, bytes) = read_footer(path, &mut file)?;
    let rows = parsed.row_groups().iter().map(|group| u64::try_from(group.num_rows()).unwrap_or(0)).sum();
    let pairs = parsed.file_metadata().key_value_metadata().into_iter().flatten();
    let metadata = pairs
        .filter(|pair| pair.key != parquet::arrow::ARROW_SCHEMA_META_KEY)
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
        .collect();
    Ok(PartMetadata { rows, row_groups: parsed.num_row_groups(), bytes, metadata })
}

/// Parses the footer of `file` after checking its frame; returns it with the file's length.
pub(crate) fn read_footer(path: &Path, file: &mut File) -> Result<(ParquetMetaData, u64)> {
    let bytes = file.metadata().at("stat", path)?.len();
    if bytes < FRAME_BYTES {
        return Err(PartsError::data(path, format_args!("not a Parquet file: it has {bytes} bytes")));
    }
    let mut tail = [0; 8];
    file.seek(SeekFrom::End(-8)).at("seek in", path)?;
    file.read_exact(&mut tail).map_err(|e| PartsError::read("read the footer of", path, e))?;
    let [a, b, c, d, magic @ ..] = tail;
    if &magic != b"PAR1" {
        return Err(PartsError::data(path, "not a Parquet file, or cut short: it does not end in PAR1"));
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length > FOOTER_BYTES_MAX || length > bytes - FRAME_BYTES {
        let reason = format_args!("damaged footer: it claims {length} bytes in a file of {bytes}");
        return Err(PartsError::data(path, reason));
    }
    let mut footer = vec![0; usize::try_from(length).unwrap_or(0)];
    file.seek(SeekFrom::Start(bytes - 8 - length)).at("seek in", path)?;
    file.read_exact(&mut footer).map_err(|e| PartsError::read("read the footer of", path, e))?;
    let parsed = ParquetMetaDataReader::decode_metadata(&footer)
        .map_err(|e| PartsError::parquet("parse the footer of", path, e, Code::Data))?;
    Ok((parsed, bytes))
}
