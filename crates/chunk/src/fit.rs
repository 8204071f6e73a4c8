//! Fit: a chunk becomes a summary.

use crate::reader::Reader;
use crate::{ChunkError, RowRange, Watch};
use batch_core_kernels::{Fit, Level};

/// What one pass of `fit` learns from the rows of `range`, as bytes that merge with those of other chunks.
///
/// # Errors
/// What the scan reports, a missing cell where `Missing::Error` was asked for, and `CANCELLED`.
pub(crate) fn summarize(
    reader: &mut Reader<'_>,
    range: &RowRange,
    fit: &Fit,
    watch: &Watch,
) -> Result<Vec<u8>, ChunkError> {
    let mut observer = fit.observer(Level::from_environment()?);
    reader.read(range, watch, |rows| {
        observer.observe(&rows.batch);
        if rows.ends_row_group {
            observer.end_row_group();
        }
        Ok(())
    })?;
    Ok(observer.finish())
}
