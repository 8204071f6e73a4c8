//! The exact highest rows of a chunk, found by a scan that writes nothing.

use crate::reader::Reader;
use crate::{RowRange, Watch};
use batch_core_error::Error;
use batch_core_kernels::{Scorer, TopRows};

/// Offers the rows of `range` to `top`, but for those that score less than `floor`.
///
/// # Errors
/// What the scan reports, a missing cell where `Missing::Error` was asked for, and `CANCELLED`.
pub(crate) fn rank(
    reader: &mut Reader<'_>,
    range: &RowRange,
    mut scorer: Scorer<'_>,
    floor: Option<f64>,
    top: &mut TopRows,
    watch: &Watch,
) -> Result<(), Error> {
    let floor = floor.unwrap_or(f64::NEG_INFINITY);
    let mut row_scores = Vec::new();
    let file = reader.source.index;
    reader.read(range, watch, |rows| {
        row_scores.resize(rows.batch.rows(), 0.0);
        scorer.score(&rows.batch, &mut row_scores);
        for (score, row) in row_scores.iter().zip(rows.batch.first_row()..) {
            // A skipped row has no score (NaN), and no comparison lets it in.
            if *score >= floor {
                top.push(*score, file, row);
            }
        }
        Ok(())
    })
}
