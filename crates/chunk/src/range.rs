//! The rows of a chunk as kernel batches.

use crate::task::{Chunk, Source};
use crate::{Watch, missing};
use arrow_array::{ArrayRef, RecordBatch};
use batch_core_error::{Code, Error};
use batch_core_kernels::{Batch, Column, Missing};
use batch_core_scan::{Numbers, ScanRequest, Scanner, numeric};

/// What is read of a chunk.
pub(crate) struct Selection<'a> {
    /// Columns that are scored, in the model's order.
    pub(crate) features: &'a [String],
    /// Columns that are only copied to the output.
    pub(crate) copied: &'a [String],
    /// What a missing cell means; `Error` is found here, where file, column and row are known.
    pub(crate) missing: Missing,
}

/// Rows of one row group: what kernels see, and what is copied.
pub(crate) struct Rows<'a> {
    pub(crate) batch: Batch<'a>,
    pub(crate) copied: &'a [ArrayRef],
    /// These are the last rows of their row group.
    pub(crate) ends_row_group: bool,
}

/// Calls `each` with the rows of `range` in order, never across a row group's end.
pub(crate) fn for_each_batch(
    scanner: &Scanner,
    chunk: Chunk<'_>,
    selection: &Selection<'_>,
    watch: &Watch,
    mut each: impl FnMut(&Rows<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let Chunk { source, range } = chunk;
    let request = ScanRequest {
        file: source.path.clone(),
        columns: selection.features.to_vec(),
        copied: selection.copied.to_vec(),
        shifted: source.shifted.iter().map(Into::into).collect(),
        first_row: range.first_row,
        rows: chunk.rows(),
    };
    let mut scan = scanner.scan(&request)?;
    let mut numbers: Vec<Numbers> = selection.features.iter().map(|_| Numbers::default()).collect();
    let mut row = range.first_row;
    let mut groups = range.row_group_rows.iter().copied().filter(|rows| *rows > 0);
    let mut left = groups.next().unwrap_or(0);

    while let Some(whole) = scan.next_batch()? {
        if watch.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "the chunk was asked to stop"));
        }
        let mut offset = 0;
        while offset < whole.num_rows() {
            if left == 0 {
                return Err(Error::data("the file holds more rows than its footer declares").in_file(&source.path));
            }
            let rows = usize::try_from(left).unwrap_or(usize::MAX).min(whole.num_rows() - offset);
            let batch = if rows == whole.num_rows() { whole.clone() } else { whole.slice(offset, rows) };
            left -= rows as u64;
            let ends_row_group = left == 0;
            give(&batch, source, selection, row, ends_row_group, &mut numbers, &mut each)?;
            if ends_row_group {
                left = groups.next().unwrap_or(0);
            }
            row += rows as u64;
            offset += rows;
        }
        watch.add_rows(whole.num_rows() as u64);
    }
    Ok(())
}

fn give(
    batch: &RecordBatch,
    source: &Source,
    selection: &Selection<'_>,
    row: u64,
    ends_row_group: bool,
    numbers: &mut [Numbers],
    each: &mut impl FnMut(&Rows<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (features, copied) = batch.columns().split_at(selection.features.len());
    let mut columns = Vec::with_capacity(features.len());
    for (array, numbers) in features.iter().zip(numbers) {
        let read = numeric(array.as_ref(), numbers)?;
        columns.push(
            Column::new(read.values, read.validity)
                .map_err(|e| Error::bug(format!("a scanned column is malformed: {e}")))?,
        );
    }
    if selection.missing == Missing::Error {
        refuse_missing(&columns, source, selection, row)?;
    }
    let batch = Batch::new(&columns, source.index, row)
        .map_err(|e| Error::bug(format!("a scanned batch is malformed: {e}")))?;
    each(&Rows { batch, copied, ends_row_group })
}

fn refuse_missing(columns: &[Column<'_>], source: &Source, selection: &Selection<'_>, row: u64) -> Result<(), Error> {
    for (column, name) in columns.iter().zip(selection.features) {
        if let Some(at) = (0..column.len()).find(|at| column.value(*at).is_nan()) {
            let row = row + at as u64;
            let message =
                format!("column \"{name}\" has a missing value in row {row} and --missing error was asked for");
            return Err(missing::refused(name, message).in_file(&source.path));
        }
    }
    Ok(())
}
