//! What every encoder does, and how long its pages are.

use super::codec::Codec;
use crate::sink::Sink;
use arrow_array::ArrayRef;
use parquet::arrow::arrow_writer::ArrowColumnWriter;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedRowGroupWriter;

/// Rows of a page. A page of doubles is then 1 MiB and each of its eight byte streams just one block of Zstandard: each
/// gets statistics of its own, and the random ones are given up at once. Against pages of 20,480 rows, scores of ten
/// normal columns are compressed in a third of the time and to 3 % less; uniform noise in the same time to 2 % less.
pub(crate) const PAGE_ROWS: usize = 131_072;

/// One top-level column on its way into pages.
pub(crate) trait Encoder: Send {
    /// Begins a row group; `writers` are the library's for this column.
    fn begin_row_group(&mut self, writers: Vec<ArrowColumnWriter>) {
        drop(writers);
    }

    /// Appends the rows of `array`.
    fn append(&mut self, array: &ArrayRef, codec: &mut Codec) -> Result<()>;

    /// Copies the rows appended last, so that what they are a part of can be freed.
    fn detach(&mut self) -> Result<()> {
        Ok(())
    }

    /// Passes the rows that wait on to the library. Called, like `end_page`, at rows that do not depend on batches: the
    /// library ends pages between calls.
    fn end_block(&mut self) -> Result<()> {
        Ok(())
    }

    /// What the library holds of the row group, encoded.
    fn held_bytes(&self) -> usize {
        0
    }

    /// Ends the page. Called at fixed rows of the row group, so that pages do not depend on batches.
    fn end_page(&mut self, codec: &mut Codec) -> Result<()>;

    /// Ends the row group and appends its column chunks.
    fn end_row_group(&mut self, group: &mut SerializedRowGroupWriter<'_, Sink>, codec: &mut Codec) -> Result<()>;
}

/// An array that is not what the schema promised.
pub(super) fn mismatch(name: &str, what: &str) -> ParquetError {
    ParquetError::General(format!("column \"{name}\" {what}"))
}
