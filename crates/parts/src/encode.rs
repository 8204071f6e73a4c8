//! Our own encoders for the columns that every part has.
//!
//! The Arrow writer of the Parquet library is general: it computes levels value by value, cuts pages by its own calls
//! and allocates for each. Row numbers, scores, flags and reasons need none of that, and they are most of what is
//! written. The encoders here collect a page of plain values, encode it in one go and keep their buffers; a list that is
//! null on nearly every row costs a few instructions for each run of nulls. Kept columns go through the library.

mod codec;
mod dictionary;
mod encoder;
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
pub(crate) use encoder::{Encoder, PAGE_ROWS};
pub(crate) use encodings::{varint, zigzag};
pub(crate) use kept::Kept;

use arrow_schema::{DataType, Field};
use parquet::schema::types::ColumnDescPtr;

/// Rows of which the library's writers are given blocks, and the bytes of kept columns after which a block ends earlier.
pub(crate) const BLOCK_ROWS: usize = 16_384;
pub(crate) const BLOCK_BYTES: usize = 8 << 20;

/// Encoded bytes of kept columns after which a row group ends earlier: the library keeps all of them until then.
pub(crate) const ROW_GROUP_BYTES: usize = 128 << 20;

/// The encoder for `field`, whose Parquet columns are `columns`; `None` when only the library knows it.
pub(crate) fn encoder(field: &Field, columns: &[ColumnDescPtr]) -> Option<Box<dyn Encoder>> {
    match (field.name().as_str(), field.data_type(), columns) {
        ("row", DataType::Int64, [column]) => Some(Box::new(leaf::Rows::new(column, field))),
        ("score" | "severity", DataType::Float64, [column]) => Some(Box::new(leaf::Scores::new(column, field))),
        ("anomaly", DataType::Boolean, [column]) => Some(Box::new(leaf::Flags::new(column, field))),
        ("reasons", DataType::List(item), columns) => Some(Box::new(reasons::Reasons::new(field, item, columns)?)),
        _ => None,
    }
}
