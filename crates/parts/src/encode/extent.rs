//! How many bytes rows take, and how many rows a number of bytes. It enters the bytes of a part, so it depends on the
//! values of the rows alone, not on their array's buffers nor on where in it they lie, and that of two runs of rows is
//! the sum of each.

use arrow_array::cast::AsArray;
use arrow_array::{Array, OffsetSizeTrait};
use arrow_schema::DataType;
use std::ops::Range;

/// A value whose type tells no width.
const VALUE_BYTES: usize = 16;

/// The levels of an item of a list.
const ITEM_BYTES: usize = 8;

/// Bytes of the values in `rows` of `array`: those under a null are what the array holds there, which is nothing.
pub(crate) fn bytes(array: &dyn Array, rows: Range<usize>) -> usize {
    let count = rows.len();
    match array.data_type() {
        DataType::Null => 0,
        DataType::Boolean => count,
        DataType::Utf8 => within(array.as_string::<i32>().value_offsets(), &rows).len() + 4 * count,
        DataType::LargeUtf8 => within(array.as_string::<i64>().value_offsets(), &rows).len() + 4 * count,
        DataType::Binary => within(array.as_binary::<i32>().value_offsets(), &rows).len() + 4 * count,
        DataType::LargeBinary => within(array.as_binary::<i64>().value_offsets(), &rows).len() + 4 * count,
        DataType::FixedSizeBinary(width) => count * usize::try_from(*width).unwrap_or(0),
        DataType::List(_) => {
            let list = array.as_list::<i32>();
            items(list.values(), within(list.value_offsets(), &rows)) + 4 * count
        }
        DataType::LargeList(_) => {
            let list = array.as_list::<i64>();
            items(list.values(), within(list.value_offsets(), &rows)) + 4 * count
        }
        DataType::Map(_, _) => {
            let map = array.as_map();
            items(map.entries(), within(map.value_offsets(), &rows)) + 4 * count
        }
        DataType::FixedSizeList(_, length) => {
            let (list, length) = (array.as_fixed_size_list(), usize::try_from(*length).unwrap_or(0));
            items(list.values(), rows.start * length..rows.end * length)
        }
        DataType::Struct(_) => array.as_struct().columns().iter().map(|child| bytes(child, rows.clone())).sum(),
        kind => count * kind.primitive_width().unwrap_or(VALUE_BYTES),
    }
}

/// The same of values in lists, with what the library writes down of where each list ends.
fn items(array: &dyn Array, values: Range<usize>) -> usize {
    let count = values.len();
    bytes(array, values) + ITEM_BYTES * count
}

/// Where the values of `rows` lie, by the offsets of an array.
fn within<O: OffsetSizeTrait>(offsets: &[O], rows: &Range<usize>) -> Range<usize> {
    offsets[rows.start].as_usize()..offsets[rows.end].as_usize()
}

/// The fewest of the rows from `start` to `end` that `sized` makes `least` bytes of, if all of them are as many.
pub(crate) fn reaching(least: usize, rows: Range<usize>, sized: impl Fn(Range<usize>) -> usize) -> Option<usize> {
    if sized(rows.clone()) < least {
        return None;
    }
    let (mut below, mut enough) = (0, rows.len());
    while below + 1 < enough {
        let middle = usize::midpoint(below, enough);
        if sized(rows.start..rows.start + middle) < least { below = middle } else { enough = middle }
    }
    Some(enough)
}
