//! The rows of chunks as kernel batches.

use crate::error::MISSING;
use crate::task::{RowRange, Source};
use crate::{ChunkError, Watch};
use arrow_array::{ArrayRef, RecordBatch};
use batch_core_kernels::{Batch, Column, Fit, FitSpec, Missing, Model};
use batch_core_scan::{Numbers, Scan, ScanRequest, Scanner, numeric};

/// What is read of a chunk.
#[derive(Clone, Copy)]
pub(crate) struct Selection<'a> {
    /// Columns that are scored, in the model's order.
    pub(crate) features: &'a [String],
    /// Columns that are only copied to the output.
    pub(crate) copied: &'a [String],
    /// What a missing cell means; `Error` is found here, where file, column and row are known.
    pub(crate) missing: Missing,
}

impl<'a> Selection<'a> {
    /// What a pass of `fit` reads.
    pub(crate) fn of_fit(fit: &'a Fit) -> Self {
        let FitSpec { columns, missing, .. } = fit.spec();
        Self { features: columns, copied: &[], missing: *missing }
    }

    /// What is read to score with `model`.
    pub(crate) fn of_model(model: &'a Model, copied: &'a [String], missing: Missing) -> Self {
        Self { features: model.columns(), copied, missing }
    }
}

/// Rows of one row group: what kernels see, and what is copied.
pub(crate) struct Rows<'a> {
    pub(crate) batch: Batch<'a>,
    pub(crate) copied: &'a [ArrayRef],
    /// These are the last rows of their row group.
    pub(crate) ends_row_group: bool,
}

/// A scan of neighbouring chunks, which are read one after the other.
///
/// One for each would cost more: to begin a scan DuckDB looks at the statistics of every row group of the file.
pub(crate) struct Reader<'s> {
    scan: Scan<'s>,
    pub(crate) source: &'s Source,
    selection: Selection<'s>,
    numbers: Vec<Numbers>,
    /// Number, in the file, of the next row.
    row: u64,
    /// Rows that are still to come.
    left: u64,
    /// Rows that came with the end of a row group and are of the next.
    ahead: Option<RecordBatch>,
}

impl<'s> Reader<'s> {
    /// Begins to read `ranges`, each of which begins where the one before it ends.
    pub(crate) fn open(
        scanner: &'s Scanner,
        source: &'s Source,
        ranges: &[RowRange],
        selection: Selection<'s>,
    ) -> Result<Self, ChunkError> {
        let Some(first) = ranges.first() else { return Err(ChunkError::new("BUG", "there are no rows to read")) };
        if let Some(pair) = ranges.windows(2).find(|pair| pair[0].end() != pair[1].first_row) {
            let message = format!("chunk {} does not begin where the one before it ends", pair[1].chunk);
            return Err(ChunkError::new("BUG", message));
        }
        let rows = ranges.iter().map(RowRange::rows).sum();
        let scan = scanner.scan(&ScanRequest {
            file: source.path.clone(),
            columns: selection.features.to_vec(),
            copied: selection.copied.to_vec(),
            shifted: source.shifted.iter().map(Into::into).collect(),
            first_row: first.first_row,
            rows,
        })?;
        let numbers = selection.features.iter().map(|_| Numbers::default()).collect();
        Ok(Self { scan, source, selection, numbers, row: first.first_row, left: rows, ahead: None })
    }

    /// Calls `each` with the rows of `range`, the next one, in order and never across a row group's end.
    pub(crate) fn read(
        &mut self,
        range: &RowRange,
        watch: &Watch,
        mut each: impl FnMut(&Rows<'_>) -> Result<(), ChunkError>,
    ) -> Result<(), ChunkError> {
        for mut left in range.row_group_rows.iter().copied() {
            while left > 0 {
                let batch = self.next(left, watch)?;
                let rows = batch.num_rows() as u64;
                left -= rows;
                self.give(&batch, left == 0, &mut each)?;
                self.row += rows;
                self.left -= rows;
                watch.add_rows(rows);
            }
        }
        if self.left == 0 && (self.ahead.is_some() || self.scan.next_batch()?.is_some()) {
            return Err(self.more_rows());
        }
        Ok(())
    }

    /// At most `rows` rows.
    fn next(&mut self, rows: u64, watch: &Watch) -> Result<RecordBatch, ChunkError> {
        let whole = match self.ahead.take() {
            Some(batch) => batch,
            None => {
                self.scan.next_batch()?.ok_or_else(|| ChunkError::new("BUG", "a scan ended before its last row"))?
            }
        };
        if watch.is_cancelled() {
            return Err(ChunkError::cancelled());
        }
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        if whole.num_rows() <= rows {
            return Ok(whole);
        }
        self.ahead = Some(whole.slice(rows, whole.num_rows() - rows));
        Ok(whole.slice(0, rows))
    }

    fn give(
        &mut self,
        batch: &RecordBatch,
        ends_row_group: bool,
        each: &mut impl FnMut(&Rows<'_>) -> Result<(), ChunkError>,
    ) -> Result<(), ChunkError> {
        let Self { source, selection, row, .. } = self;
        let (features, copied) = batch.columns().split_at(selection.features.len());
        let mut columns = Vec::with_capacity(features.len());
        for (array, numbers) in features.iter().zip(&mut self.numbers) {
            let read = numeric(array.as_ref(), numbers)?;
            columns.push(
                Column::new(read.values, read.validity)
                    .map_err(|e| ChunkError::new("BUG", format!("a scanned column is malformed: {e}")))?,
            );
        }
        if selection.missing == Missing::Error {
            refuse_missing(&columns, source, selection, *row)?;
        }
        let batch = Batch::new(&columns, source.index, *row)
            .map_err(|e| ChunkError::new("BUG", format!("a scanned batch is malformed: {e}")))?;
        each(&Rows { batch, copied, ends_row_group })
    }

    fn more_rows(&self) -> ChunkError {
        ChunkError {
            file: Some(self.source.path.clone()),
            ..ChunkError::new("DATA", "the file holds more rows than its footer declares")
        }
    }
}

fn refuse_missing(
    columns: &[Column<'_>],
    source: &Source,
    selection: &Selection<'_>,
    row: u64,
) -> Result<(), ChunkError> {
    for (column, name) in columns.iter().zip(selection.features) {
        if let Some(at) = (0..column.len()).find(|at| column.value(*at).is_nan()) {
            let row = row + at as u64;
            let message =
                format!("column \"{name}\" has a missing value in row {row} and --missing error was asked for");
            return Err(ChunkError {
                file: Some(source.path.clone()),
                column: Some(name.clone()),
                hint: Some(MISSING),
                ..ChunkError::new("DATA", message)
            });
        }
    }
    Ok(())
}
