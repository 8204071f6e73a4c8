//! A checksum for each row group, so that damage can be told to lie in one of them.
//!
//! The SHA-256 of a file says that it is damaged, not where. These are CRC-32s of the bytes of each row group's pages:
//! enough to find an accident, and fast enough to be taken of every output.

use crate::digest::{open_regular, read_footer};
use crate::error::{self, Result};
use parquet::file::metadata::RowGroupMetaData;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// The CRC-32 of each row group's bytes, in order, where the footer says that they lie.
///
/// # Errors
/// DATA when the footer cannot be read or points outside the file; otherwise as the operating system says.
pub fn row_group_checksums(path: &Path) -> Result<Vec<u32>> {
    let mut file = open_regular(path)?;
    let (footer, _) = read_footer(path, &mut file)?;
    let mut buffer = vec![0; 1 << 18];
    let mut checksum = |group: &RowGroupMetaData| {
        let mut hash = crc32fast::Hasher::new();
        for column in group.columns() {
            let (start, length) = column.byte_range();
            file.seek(SeekFrom::Start(start)).map_err(|e| error::read("seek", path, e))?;
            let mut pages = file.by_ref().take(length);
            loop {
                let count = pages.read(&mut buffer).map_err(|e| error::read("read", path, e))?;
                if count == 0 {
                    break;
                }
                hash.update(&buffer[..count]);
            }
        }
        Ok(hash.finalize())
    };
    footer.row_groups().iter().map(&mut checksum).collect()
}
