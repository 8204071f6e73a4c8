//! Fit: a chunk becomes a summary.

use crate::Watch;
use crate::range::{Selection, for_each_batch};
use crate::task::Chunk;
use batch_core_error::Error;
use batch_core_kernels::{Fit, Level};
use batch_core_scan::Scanner;

/// What one pass of `fit` learns from the rows of `chunk`, as bytes that merge with those of other chunks.
///
/// # Errors
/// What the scan reports, a missing cell where `Missing::Error` was asked for, and `CANCELLED`.
pub(crate) fn summarize(scanner: &Scanner, chunk: Chunk<'_>, fit: &Fit, watch: &Watch) -> Result<Vec<u8>, Error> {
    let mut observer = fit.observer(Level::from_environment()?);
    let selection = Selection { features: &fit.spec().columns, copied: &[], missing: fit.spec().missing };
    for_each_batch(scanner, chunk, &selection, watch, |rows| {
        observer.observe(&rows.batch);
        if rows.ends_row_group {
            observer.end_row_group();
        }
        Ok(())
    })?;
    Ok(observer.finish())
}
