//! Any array of numbers as what the kernels read: `f64` values and validity words.
//!
//! `Float64` is borrowed as it lies; every other type is converted into scratch memory that the caller reuses. Numbers
//! beyond 2^53 round to the nearest `f64`. Booleans count 0 and 1, dates count days, times and timestamps count their
//! stored unit (seconds, milli-, micro- or nanoseconds) since midnight or 1970-01-01 UTC; decimals are scaled.

use crate::error::ScanError;
use arrow_array::Array;
use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, TimeUnit};

/// Scratch memory of [`numeric()`], one for each column that is held at a time.
#[derive(Debug, Default)]
pub struct Numbers {
    pub(crate) values: Vec<f64>,
    pub(crate) words: Vec<u64>,
}

/// A column of numbers, borrowed from an array or from scratch memory.
#[derive(Debug, Clone, Copy)]
pub struct NumericColumn<'a> {
    /// One value a row; meaningless where the row is null.
    pub values: &'a [f64],
    /// One bit a row, set when valid, least significant first, in `ceil(rows / 64)` words; `None` when no row is null.
    /// Bits past the last row are unspecified.
    pub validity: Option<&'a [u64]>,
}

impl NumericColumn<'_> {
    /// The number in `row`, NaN where it is null.
    ///
    /// # Panics
    /// When `row` is past the end.
    #[must_use]
    pub fn value(&self, row: usize) -> f64 {
        let there = self.validity.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1);
        if there { self.values[row] } else { f64::NAN }
    }
}

/// The numbers of `array`.
///
/// # Errors
/// `CONFIG` when the array is of a type that is no number; it names the type, for the column is the caller's to know.
pub fn numeric<'a>(array: &'a dyn Array, scratch: &'a mut Numbers) -> Result<NumericColumn<'a>, ScanError> {
    let Numbers { values, words } = scratch;
    let values: &'a [f64] = match array.data_type() {
        DataType::Float64 => array.as_primitive::<Float64Type>().values(),
        other => {
            values.clear();
            convert(array, other, values)?;
            values
        }
    };
    let validity = array.nulls().filter(|nulls| nulls.null_count() > 0).map(|nulls| validity_words(nulls, words));
    Ok(NumericColumn { values, validity })
}

fn convert(array: &dyn Array, kind: &DataType, values: &mut Vec<f64>) -> Result<(), ScanError> {
    match kind {
        DataType::Boolean => values.extend(array.as_boolean().values().iter().map(|bit| f64::from(u8::from(bit)))),
        DataType::Int8 => extend::<Int8Type>(array, values, f64::from),
        DataType::Int16 => extend::<Int16Type>(array, values, f64::from),
        DataType::Int32 => extend::<Int32Type>(array, values, f64::from),
        DataType::Int64 => extend::<Int64Type>(array, values, |number| number as f64),
        DataType::UInt8 => extend::<UInt8Type>(array, values, f64::from),
        DataType::UInt16 => extend::<UInt16Type>(array, values, f64::from),
        DataType::UInt32 => extend::<UInt32Type>(array, values, f64::from),
        DataType::UInt64 => extend::<UInt64Type>(array, values, |number| number as f64),
        DataType::Float32 => extend::<Float32Type>(array, values, f64::from),
        DataType::Decimal32(_, scale) => scaled::<Decimal32Type>(array, values, *scale, f64::from),
        DataType::Decimal64(_, scale) => scaled::<Decimal64Type>(array, values, *scale, |number| number as f64),
        DataType::Decimal128(_, scale) => scaled::<Decimal128Type>(array, values, *scale, |number| number as f64),
        DataType::Date32 => extend::<Date32Type>(array, values, f64::from),
        DataType::Date64 => extend::<Date64Type>(array, values, |number| number as f64),
        DataType::Time32(TimeUnit::Second) => extend::<Time32SecondType>(array, values, f64::from),
        DataType::Time32(TimeUnit::Millisecond) => extend::<Time32MillisecondType>(array, values, f64::from),
        DataType::Time64(TimeUnit::Microsecond) => {
            extend::<Time64MicrosecondType>(array, values, |number| number as f64);
        }
        DataType::Time64(TimeUnit::Nanosecond) => extend::<Time64NanosecondType>(array, values, |number| number as f64),
        DataType::Timestamp(unit, _) => match unit {
            TimeUnit::Second => extend::<TimestampSecondType>(array, values, |number| number as f64),
            TimeUnit::Millisecond => extend::<TimestampMillisecondType>(array, values, |number| number as f64),
            TimeUnit::Microsecond => extend::<TimestampMicrosecondType>(array, values, |number| number as f64),
            TimeUnit::Nanosecond => extend::<TimestampNanosecondType>(array, values, |number| number as f64),
        },
        other => return Err(ScanError::config(format!("{other} is no number, a boolean, a date or a time"))),
    }
    Ok(())
}

fn extend<T: ArrowPrimitiveType>(array: &dyn Array, values: &mut Vec<f64>, convert: impl Fn(T::Native) -> f64) {
    values.extend(array.as_primitive::<T>().values().iter().map(|number| convert(*number)));
}

/// Divides rather than multiplies by a reciprocal: up to 15 digits the quotient is then the nearest `f64` to the decimal.
fn scaled<T: ArrowPrimitiveType>(
    array: &dyn Array,
    values: &mut Vec<f64>,
    scale: i8,
    convert: impl Fn(T::Native) -> f64,
) {
    let unit = 10f64.powi(i32::from(scale));
    extend::<T>(array, values, |number| convert(number) / unit);
}

/// Borrowed when the bits start on a word of `u64`s that reaches past the last row, as those of a scan always do.
fn validity_words<'a>(nulls: &'a NullBuffer, words: &'a mut Vec<u64>) -> &'a [u64] {
    let count = nulls.len().div_ceil(64);
    // SAFETY: any eight bytes are a `u64`, and `align_to` puts the unaligned ends elsewhere.
    let (ahead, whole, _) = unsafe { nulls.validity().align_to::<u64>() };
    if nulls.offset() == 0 && ahead.is_empty() && whole.len() >= count {
        return &whole[..count];
    }
    words.clear();
    words.extend(nulls.inner().bit_chunks().iter_padded().take(count));
    words
}
