//! Verify: the bytes of a chunk as they lie on the disk, before anything is decoded.

use crate::receipt::{RowGroupRecord, Verified};
use crate::task::{RowRange, Source};
use crate::{ChunkError, Watch};
use batch_core_parts::verify_row_groups;
use std::ops::ControlFlow;

/// Digests of the row groups of `range`, and the checksums of their pages compared.
///
/// # Errors
/// `SOURCE_DAMAGED` with row group and column when a page is not what was written; otherwise what reading the file
/// reports, and `CANCELLED`.
pub(crate) fn verify(source: &Source, range: &RowRange, watch: &Watch) -> Result<Verified, ChunkError> {
    let path = source.path.as_path();
    let continues = || if watch.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let receipt =
        verify_row_groups(path, range.first_row_group, &range.row_group_rows, continues).map_err(|error| {
            let error = ChunkError::from(error);
            let message = if error.row_group.is_some() {
                format!("{} is damaged: {}", path.display(), error.message)
            } else {
                error.message
            };
            ChunkError { file: Some(path.into()), message, ..error }
        })?;
    watch.add_rows(range.rows());
    let row_groups = receipt.row_groups.into_iter().map(|g| RowGroupRecord { sha256: g.sha256, bytes: g.bytes });
    Ok(Verified {
        row_groups: row_groups.collect(),
        pages_checked: receipt.pages,
        pages_with_crc: receipt.pages_with_checksum,
    })
}
