//! Our own encoders for the columns that every part has.
//!
//! The Arrow writer of the Parquet library is general: it computes levels value by value, cuts pages by its own calls
//! and allocates for each. Row numbers, scores, flags and reasons need none of that, and they are most of what is
//! written. The encoders here collect a page of plain values, encode it in one go and keep their buffers; a list that is
//! null on nearly every row costs a few instructions for each run of nulls. Kept columns go through the library.

mod codec;
mod dictionary;
mod encodings;
pub(crate) mod extent;
mod kept;
mod leaf;
mod levels;
mod lists;
mod pages;
mod reasons;
mod spare;
mod statistics;

pub(crate) use codec::Codec;
pub(crate) use kept::Kept;

use crate::sink::Sink;
use arrow_array::ArrayRef;
use arrow_schema::{DataType, Field};
use parquet::arrow::arrow_writer::ArrowColumnWriter;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedRowGroupWriter;
use parquet::schema::types::ColumnDescPtr;

/// Rows of a page. A page of doubles is then 1 MiB and each of its eight byte streams just one block of Zstandard: each
/// gets statistics of its own, and the random ones are given up at once. Against pages of 20,480 rows, scores of ten
/// normal columns are compressed in a third of the time and to 3 % less; uniform noise in the same time to 2 % less.
pub(crate) const PAGE_ROWS: usize = 131_072;

/// Rows of which the library's writers are given blocks, and the bytes of kept columns after which a block ends earlier.
pub(crate) const BLOCK_ROWS: usize = 16_384;
pub(crate) const BLOCK_BYTES: usize = 8 << 20;

/// Encoded bytes of kept columns after which a row group ends earlier: the library keeps all of them until then.
pub(crate) const ROW_GROUP_BYTES: usize = 128 << 20;

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

/// The encoder for `field`, whose Parquet columns are `columns`; `None` when only the library knows it.
pub(crate) fn encoder(field: &Field, columns: &[ColumnDescPtr]) -> Option<Box<dyn Encoder>> {
    match (field.name().as_str(), field.data_type(), columns) {
        ("row", DataType::Int64, [column]) => Some(Box::new(leaf::Rows::new(column, field))),
        ("score", DataType::Float64, [column]) => Some(Box::new(leaf::Scores::new(column, field))),
        ("anomaly", DataType::Boolean, [column]) => Some(Box::new(leaf::Flags::new(column, field))),
        ("reasons", DataType::List(item), [name, value, contribution]) => {
            Some(Box::new(reasons::Reasons::new(field, item, [name, value, contribution])?))
        }
        _ => None,
    }
}

/// An array that is not what the schema promised.
fn mismatch(name: &str, what: &str) -> ParquetError {
    ParquetError::General(format!("column \"{name}\" {what}"))
}
