//! The exact highest rows of a chunk, found by a scan that writes nothing.

use crate::reader::Reader;
use crate::{ChunkError, RowRange, Watch};
use batch_core_kernels::{Level, Missing, Model, TopRows};

/// The `count` highest scores among the rows of `range`.
///
/// # Errors
/// What the scan reports, a missing cell where `Missing::Error` was asked for, and `CANCELLED`.
pub(crate) fn rank(
    reader: &mut Reader<'_>,
    range: &RowRange,
    model: &Model,
    missing: Missing,
    count: usize,
    watch: &Watch,
) -> Result<TopRows, ChunkError> {
    let mut scorer = model.scorer(Level::from_environment()?, missing);
    let mut top = TopRows::new(count);
    let mut row_scores = Vec::new();
    let file = reader.source.index;
    reader.read(range, watch, |rows| {
        row_scores.resize(rows.batch.rows(), 0.0);
        scorer.score(&rows.batch, &mut row_scores);
        for (score, row) in row_scores.iter().zip(rows.batch.first_row()..) {
            // A skipped row has no score (NaN), and no comparison lets it in.
            if !score.is_nan() {
                top.push(*score, file, row);
            }
        }
        Ok(())
    })?;
    Ok(top)
}
