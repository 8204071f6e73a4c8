//! The rows of chunks as kernel batches.

use crate::task::{RowRange, Source};
use crate::{Watch, missing};
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{ArrayRef, RecordBatch};
use batch_core_error::{Code, Error};
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
    /// The SQL expression that is true of the rows that are read; nothing where all are.
    pub(crate) condition: Option<&'a str>,
}

impl<'a> Selection<'a> {
    /// What a pass of `fit` reads.
    pub(crate) fn of_fit(fit: &'a Fit) -> Self {
        let FitSpec { missing, condition, .. } = fit.spec();
        Self { features: fit.columns(), copied: &[], missing: *missing, condition: condition.as_deref() }
    }

    /// What is read to score with `model`.
    pub(crate) fn of_model(model: &'a Model, copied: &'a [String], missing: Missing) -> Self {
        Self { features: model.columns(), copied, missing, condition: None }
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
    /// Numbers, in the file, of rows that meet a condition.
    chosen: Vec<u64>,
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
    ) -> Result<Self, Error> {
        let Some(first) = ranges.first() else { return Err(Error::bug("there are no rows to read")) };
        if let Some(pair) = ranges.windows(2).find(|pair| pair[0].end() != pair[1].first_row) {
            let message = format!("chunk {} does not begin where the one before it ends", pair[1].chunk);
            return Err(Error::bug(message));
        }
        let rows = ranges.iter().map(RowRange::rows).sum();
        let scan = scanner.scan(&ScanRequest {
            file: source.path.clone(),
            columns: selection.features.to_vec(),
            copied: selection.copied.to_vec(),
            shifted: source.shifted.iter().map(Into::into).collect(),
            first_row: first.first_row,
            rows,
            condition: selection.condition.map(str::to_owned),
        })?;
        let numbers = selection.features.iter().map(|_| Numbers::default()).collect();
        let (row, left) = (first.first_row, rows);
        Ok(Self { scan, source, selection, numbers, chosen: Vec::new(), row, left, ahead: None })
    }

    /// Calls `each` with the rows of `range`, the next one, in order and never across a row group's end. Where there is a
    /// condition, the last rows of a row group may be none.
    pub(crate) fn read(
        &mut self,
        range: &RowRange,
        watch: &Watch,
        mut each: impl FnMut(&Rows<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        for rows in range.row_group_rows.iter().copied() {
            if self.selection.condition.is_some() {
                self.read_chosen(rows, watch, &mut each)?;
            } else {
                self.read_all(rows, watch, &mut each)?;
            }
        }
        if self.left == 0 && (self.ahead.is_some() || self.scan.next_batch()?.is_some()) {
            return Err(self.more_rows());
        }
        Ok(())
    }

    /// The next `rows` rows, a row group.
    fn read_all(
        &mut self,
        rows: u64,
        watch: &Watch,
        each: &mut impl FnMut(&Rows<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let end = self.row + rows;
        while self.row < end {
            let whole = self.next(watch)?.ok_or_else(|| Error::bug("a scan ended before its last row"))?;
            let batch = self.keep_ahead(whole, usize::try_from(end - self.row).unwrap_or(usize::MAX));
            let next = self.row + batch.num_rows() as u64;
            self.give(&batch, next == end, each)?;
            self.advance(next, watch);
        }
        Ok(())
    }

    /// Those of the next `rows` rows, a row group, that meet the condition.
    fn read_chosen(
        &mut self,
        rows: u64,
        watch: &Watch,
        each: &mut impl FnMut(&Rows<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let end = self.row + rows;
        loop {
            let whole = self.next(watch)?.unwrap_or_else(|| RecordBatch::new_empty(self.scan.schema()));
            self.number(&whole)?;
            let here = self.chosen.partition_point(|number| *number < end);
            let ends = here < whole.num_rows() || whole.num_rows() == 0;
            let batch = self.keep_ahead(whole, here);
            self.chosen.truncate(here);
            self.give(&batch, ends, each)?;
            let next = self.chosen.last().map_or(self.row, |last| last + 1);
            self.advance(if ends { end } else { next }, watch);
            if ends {
                return Ok(());
            }
        }
    }

    /// Reads the numbers of the rows of `batch`, which come in the order of the file.
    fn number(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        let column = batch.columns().last().and_then(|column| column.as_primitive_opt::<Int64Type>());
        let numbers = column.ok_or_else(|| Error::bug("a scan with a condition brings no numbers of rows"))?;
        self.chosen.clear();
        self.chosen.extend(numbers.values().iter().map(|number| number.cast_unsigned()));
        let all = self.row..self.row + self.left;
        if self.chosen.is_sorted_by(|a, b| a < b) && self.chosen.iter().all(|number| all.contains(number)) {
            return Ok(());
        }
        Err(Error::bug("a scan with a condition brings other rows than those it was to look at, or in another order"))
    }

    /// The next rows, as they come; nothing after the last.
    fn next(&mut self, watch: &Watch) -> Result<Option<RecordBatch>, Error> {
        let batch = match self.ahead.take() {
            Some(batch) => Some(batch),
            None => self.scan.next_batch()?,
        };
        if watch.is_cancelled() {
            return Err(Error::new(Code::Cancelled, "the chunk was asked to stop"));
        }
        Ok(batch)
    }

    /// The first `rows` rows of `whole`; the others, if there are any, come next.
    fn keep_ahead(&mut self, whole: RecordBatch, rows: usize) -> RecordBatch {
        if whole.num_rows() <= rows {
            return whole;
        }
        self.ahead = Some(whole.slice(rows, whole.num_rows() - rows));
        whole.slice(0, rows)
    }

    fn advance(&mut self, next: u64, watch: &Watch) {
        let rows = next - self.row;
        self.row = next;
        self.left -= rows;
        watch.add_rows(rows);
    }

    fn give(
        &mut self,
        batch: &RecordBatch,
        ends_row_group: bool,
        each: &mut impl FnMut(&Rows<'_>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let Self { source, selection, row, .. } = self;
        let chosen = selection.condition.map(|_| self.chosen.as_slice());
        let (features, others) = batch.columns().split_at(selection.features.len());
        let copied = &others[..selection.copied.len()];
        let mut columns = Vec::with_capacity(features.len());
        for (array, numbers) in features.iter().zip(&mut self.numbers) {
            let read = numeric(array.as_ref(), numbers)?;
            columns.push(
                Column::new(read.values, read.validity)
                    .map_err(|e| Error::bug(format!("a scanned column is malformed: {e}")))?,
            );
        }
        if selection.missing == Missing::Error {
            refuse_missing(&columns, source, selection, |at| chosen.map_or(*row + at as u64, |chosen| chosen[at]))?;
        }
        let batch = match chosen {
            Some(numbers) => Batch::of_rows(&columns, source.index, numbers),
            None => Batch::new(&columns, source.index, *row),
        };
        let batch = batch.map_err(|e| Error::bug(format!("a scanned batch is malformed: {e}")))?;
        each(&Rows { batch, copied, ends_row_group })
    }

    fn more_rows(&self) -> Error {
        Error::data("the file holds more rows than its footer declares").in_file(&self.source.path)
    }
}

/// `number` gives the number in the file of a row of the batch.
fn refuse_missing(
    columns: &[Column<'_>],
    source: &Source,
    selection: &Selection<'_>,
    number: impl Fn(usize) -> u64,
) -> Result<(), Error> {
    for (column, name) in columns.iter().zip(selection.features) {
        if let Some(at) = (0..column.len()).find(|at| column.value(*at).is_nan()) {
            let row = number(at);
            let message =
                format!("column \"{name}\" has a missing value in row {row} and --missing error was asked for");
            return Err(missing::refused(name, message).in_file(&source.path));
        }
    }
    Ok(())
}
