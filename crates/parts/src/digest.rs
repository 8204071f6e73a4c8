//! Digests of files, and what a part says about itself.

use crate::error::{self, Result};
use crate::layout::CREATED_BY;
use crate::receipt::PartReceipt;
use batch_core_error::Code;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// A footer longer than this is refused unread. Ours have about 150 bytes for each column of each row group.
pub const FOOTER_BYTES_MAX: u64 = 256 << 20;

/// Magic, footer length, magic.
const FRAME_BYTES: u64 = 12;

/// How often a long digest says how far it is.
const OBSERVED_BYTES: u64 = 16 << 20;

pub(crate) const MAGIC: [u8; 4] = *b"PAR1";

/// The SHA-256 of a file's bytes, in lower-case hex.
///
/// # Errors
/// When the file cannot be read.
pub fn digest(path: &Path) -> Result<String> {
    digest_watched(path, &mut |_| Ok(()))
}

/// [`digest`], telling `observe` the bytes done so far.
///
/// # Errors
/// When the file cannot be read, and what `observe` returns.
pub fn digest_watched(path: &Path, observe: &mut dyn FnMut(u64) -> Result<()>) -> Result<String> {
    let mut file = open_regular(path)?;
    digest_open(path, &mut file, observe)
}

/// Opens a regular file. Anything else is refused before it is opened: opening a pipe waits for whoever writes into it.
pub(crate) fn open_regular(path: &Path) -> Result<File> {
    let about = std::fs::metadata(path).map_err(|e| error::read("open", path, e))?;
    if !about.is_file() {
        return Err(error::data(path, "it is not a regular file"));
    }
    File::open(path).map_err(|e| error::read("open", path, e))
}

/// Refuses a file that is not what `receipt` was written for; tells `observe` the bytes compared so far.
pub(crate) fn compare(
    path: &Path,
    file: &mut File,
    receipt: &PartReceipt,
    observe: &mut dyn FnMut(u64) -> Result<()>,
) -> Result<()> {
    let bytes = file.metadata().map_err(|e| error::read("stat", path, e))?.len();
    if bytes != receipt.bytes {
        return Err(error::data(path, format_args!("it has {bytes} bytes, its receipt says {}", receipt.bytes)));
    }
    if digest_open(path, file, observe)? != receipt.sha256 {
        return Err(error::data(path, "its bytes are not those its receipt was written for"));
    }
    Ok(())
}

fn digest_open(path: &Path, file: &mut File, observe: &mut dyn FnMut(u64) -> Result<()>) -> Result<String> {
    let (mut done, mut told) = (0_u64, 0_u64);
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hex(&hash.finalize())),
            Ok(count) => {
                hash.update(&buffer[..count]);
                done += count as u64;
                if done - told >= OBSERVED_BYTES {
                    observe(done)?;
                    told = done;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error::read("read", path, error)),
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
    /// Whether this crate wrote it. One that another program rewrote may keep the metadata, but not this.
    pub written_by_us: bool,
}

/// Reads the footer of a part, and no page.
///
/// # Errors
/// DATA when the file is not a whole Parquet file; otherwise as the operating system says.
pub fn read_metadata(path: &Path) -> Result<PartMetadata> {
    let mut file = open_regular(path)?;
    let (parsed, bytes) = read_footer(path, &mut file)?;
    let rows = u64::try_from(parsed.file_metadata().num_rows()).unwrap_or(0);
    let pairs = parsed.file_metadata().key_value_metadata().into_iter().flatten();
    let metadata = pairs
        .filter(|pair| pair.key != parquet::arrow::ARROW_SCHEMA_META_KEY)
        .map(|pair| (pair.key.clone(), pair.value.clone().unwrap_or_default()))
        .collect();
    let written_by_us = parsed.file_metadata().created_by() == Some(CREATED_BY);
    Ok(PartMetadata { rows, row_groups: parsed.num_row_groups(), bytes, metadata, written_by_us })
}

/// Parses the footer of `file` after checking its frame, and checks that what it describes lies in the file.
pub(crate) fn read_footer(path: &Path, file: &mut File) -> Result<(ParquetMetaData, u64)> {
    let bytes = file.metadata().map_err(|e| error::read("stat", path, e))?.len();
    if bytes < FRAME_BYTES {
        return Err(error::data(path, format_args!("not a Parquet file: it has {bytes} bytes")));
    }
    let (mut head, mut tail) = ([0; 4], [0; 8]);
    read_at(path, file, 0, &mut head)?;
    read_at(path, file, bytes - 8, &mut tail)?;
    let [a, b, c, d, magic @ ..] = tail;
    if head != MAGIC || magic != MAGIC {
        return Err(error::data(path, "not a Parquet file, or cut short: it does not begin and end with PAR1"));
    }
    let length = u64::from(u32::from_le_bytes([a, b, c, d]));
    if length > FOOTER_BYTES_MAX || length > bytes - FRAME_BYTES {
        let reason = format_args!("damaged footer: it claims {length} bytes in a file of {bytes}");
        return Err(error::data(path, reason));
    }
    let mut footer = vec![0; usize::try_from(length).unwrap_or(0)];
    read_at(path, file, bytes - 8 - length, &mut footer)?;
    let parsed = ParquetMetaDataReader::decode_metadata(&footer)
        .map_err(|e| error::parquet("parse the footer of", path, e, Code::Data))?;
    match inconsistency(&parsed, bytes - 8 - length) {
        Some(reason) => Err(error::data(path, format_args!("damaged footer: {reason}"))),
        None => Ok((parsed, bytes)),
    }
}

fn read_at(path: &Path, file: &mut File, offset: u64, bytes: &mut [u8]) -> Result<()> {
    let read = file.seek(SeekFrom::Start(offset)).and_then(|_| file.read_exact(bytes));
    read.map_err(|e| error::read("read the footer of", path, e))
}

/// What cannot be true of a file whose pages end at `pages_end`. The Parquet library believes these numbers, some of
/// them in arithmetic that overflows.
fn inconsistency(parsed: &ParquetMetaData, pages_end: u64) -> Option<&'static str> {
    let mut rows = 0_i64;
    for group in parsed.row_groups() {
        if group.num_rows() < 0 {
            return Some("a row group has a negative number of rows");
        }
        rows = rows.saturating_add(group.num_rows());
        for column in group.columns() {
            let first = column.dictionary_page_offset().unwrap_or_else(|| column.data_page_offset());
            let (first, length) = (u64::try_from(first).ok(), u64::try_from(column.compressed_size()).ok());
            let end = first.zip(length).and_then(|(first, length)| first.checked_add(length));
            let inside = end.is_some_and(|end| end <= pages_end) && column.data_page_offset() >= 0;
            if !inside || column.uncompressed_size() < 0 || column.num_values() < 0 {
                return Some("a column lies outside of the file");
            }
        }
    }
    (rows != parsed.file_metadata().num_rows()).then_some("the rows of its row groups are not the rows of the file")
}
