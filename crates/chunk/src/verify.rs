//! Verify: the bytes of a chunk as they lie on the disk, before anything is decoded.

use crate::{ChunkError, ChunkRange, Watch};
use batch_core_parts::{SourceReceipt, verify_row_groups};
use std::ops::ControlFlow;

/// Digests of the row groups of `range`, the first of which has the number `first_row_group` in its file, and the
/// checksums of their pages compared.
///
/// # Errors
/// `SOURCE_DAMAGED` with row group and column when a page is not what was written; otherwise what reading the file
/// reports, and `CANCELLED`.
pub fn verify(range: &ChunkRange, first_row_group: u64, watch: &Watch) -> Result<SourceReceipt, ChunkError> {
    let continues = || if watch.is_cancelled() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
    let receipt =
        verify_row_groups(&range.file, first_row_group, &range.row_group_rows, continues).map_err(|error| {
            let error = ChunkError::from(error);
            let message = if error.row_group.is_some() {
                format!("{} is damaged: {}", range.file.display(), error.message)
            } else {
                error.message
            };
            ChunkError { file: Some(range.file.clone()), message, ..error }
        })?;
    watch.add_rows(range.rows());
    Ok(receipt)
}
