//! A chunk's columns as Arrow arrays over the same memory.
//!
//! DuckDB's flat vectors of fixed-width types have Arrow's layout, and so have its validity words: one bit a row, set
//! when valid, least significant bit first. An array made here points into the vector and keeps the chunk alive.

use crate::chunk::{Chunk, Lanes};
use crate::types::Layout;
use arrow_array::{ArrayRef, make_array};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer};
use arrow_data::ArrayData;
use batch_core_error::Error;
use std::ptr::NonNull;
use std::sync::Arc;

/// Column `index` of `chunk` as an array; `detached` is one that has memory of its own.
pub(crate) fn array(chunk: &Arc<Chunk>, index: usize, layout: &Layout, detached: bool) -> Result<ArrayRef, Error> {
    let lanes = chunk.lanes(index)?;
    let values = match layout {
        Layout::Shared(kind) => {
            let width = kind
                .primitive_width()
                .ok_or_else(|| Error::bug(format!("{kind} has no fixed width to share memory by")))?;
            over(chunk, lanes.values, chunk.rows() * width)
        }
        Layout::ShortDecimal(_) => converted(chunk, &lanes, |bytes| i32::from(i16::from_le_bytes(bytes))),
        Layout::Unsigned128 => converted(chunk, &lanes, |bytes| u128::from_le_bytes(bytes) as f64),
        // Microseconds in the upper 40 bits, the offset in the lower 24.
        Layout::TimeWithOffset => converted(chunk, &lanes, |bytes| i64::from_le_bytes(bytes) >> 24),
    };
    let nulls = nulls(chunk, &lanes);
    let (values, nulls) = if detached { (copied(&values), nulls.as_ref().map(own)) } else { (values, nulls) };
    let data = ArrayData::builder(layout.kind())
        .len(chunk.rows())
        .add_buffer(values)
        .nulls(nulls)
        // DuckDB aligns vectors for their type; should it ever not, this copies rather than panics.
        .align_buffers(true)
        .build()
        .map_err(|error| {
            Error::bug(format!("column {index} of DuckDB's chunk is not the array it should be: {error}"))
        })?;
    Ok(make_array(data))
}

fn nulls(chunk: &Arc<Chunk>, lanes: &Lanes) -> Option<NullBuffer> {
    let words = lanes.validity?;
    let bits = over(chunk, words, chunk.rows().div_ceil(64) * 8);
    Some(NullBuffer::new(BooleanBuffer::new(bits, 0, chunk.rows())))
}

/// `bytes` bytes of the chunk's memory from `start`, which keep the chunk alive.
fn over(chunk: &Arc<Chunk>, start: NonNull<u8>, bytes: usize) -> Buffer {
    // SAFETY: `start` begins the values or the validity words of a vector of `chunk`. `bytes` is its rows times the
    // width that `types` matches to the vector's type, or its rows in bits rounded up to words, and DuckDB allocates
    // both for all the rows a vector can have. Nothing writes to them any more, and the owner given keeps them.
    unsafe { Buffer::from_custom_allocation(start, bytes, chunk.clone()) }
}

fn own(nulls: &NullBuffer) -> NullBuffer {
    NullBuffer::new(BooleanBuffer::new(copied(nulls.buffer()), nulls.offset(), nulls.len()))
}

fn copied(buffer: &Buffer) -> Buffer {
    Buffer::from(buffer.as_slice())
}

/// The values of a column, each made from its `WIDTH` bytes. Values under a null are made too, and mean nothing.
fn converted<const WIDTH: usize, T: arrow_buffer::ArrowNativeType>(
    chunk: &Arc<Chunk>,
    lanes: &Lanes,
    make: impl Fn([u8; WIDTH]) -> T,
) -> Buffer {
    let bytes = over(chunk, lanes.values, chunk.rows() * WIDTH);
    let (values, _) = bytes.as_slice().as_chunks::<WIDTH>();
    values.iter().map(|value| make(*value)).collect::<Vec<T>>().into()
}
