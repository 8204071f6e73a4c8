//! Any array of numbers as what the kernels read: `f64` values and validity words.
//!
//! `Float64` is borrowed as it lies; every other type is converted into scratch memory that the caller reuses. Numbers
//! beyond 2^53 round to the nearest `f64`. Booleans count 0 and 1, dates count days, times and timestamps count their
//! stored unit (seconds, milli-, micro- or nanoseconds) since midnight or 1970-01-01 UTC; decimals are scaled.

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
use batch_core_error::Error;

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
pub fn numeric<'a>(array: &'a dyn Array, scratch: &'a mut Numbers) -> Result<NumericColumn<'a>, Error> {
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

fn convert(array: &dyn Array, kind: &DataType, values: &mut Vec<f64>) -> Result<(), Error> {
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
        DataType::Decimal32(_, scale) => scaled::<Decimal32Type>(array, values, *scale, f64::from)?,
        DataType::Decimal64(_, scale) => scaled::<Decimal64Type>(array, values, *scale, |number| number as f64)?,
        DataType::Decimal128(_, scale) => scaled::<Decimal128Type>(array, values, *scale, |number| number as f64)?,
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
        other => return Err(Error::config(format!("{other} is no number, a boolean, a date or a time"))),
    }
    Ok(())
}

fn extend<T: ArrowPrimitiveType>(array: &dyn Array, values: &mut Vec<f64>, convert: impl Fn(T::Native) -> f64) {
    values.extend(array.as_primitive::<T>().values().iter().map(|number| convert(*number)));
}

/// Powers of ten as their literals are read, each the nearest `f64`: `powi` may round them as a platform likes.
const POWERS_OF_TEN: [f64; 77] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22, 1e23, 1e24, 1e25, 1e26, 1e27, 1e28, 1e29, 1e30, 1e31, 1e32, 1e33, 1e34, 1e35, 1e36, 1e37, 1e38, 1e39,
    1e40, 1e41, 1e42, 1e43, 1e44, 1e45, 1e46, 1e47, 1e48, 1e49, 1e50, 1e51, 1e52, 1e53, 1e54, 1e55, 1e56, 1e57, 1e58,
    1e59, 1e60, 1e61, 1e62, 1e63, 1e64, 1e65, 1e66, 1e67, 1e68, 1e69, 1e70, 1e71, 1e72, 1e73, 1e74, 1e75, 1e76,
];

/// What a decimal of this scale is, given its digits as a number.
///
/// Divides rather than multiplies by a reciprocal: up to 15 digits the quotient is then the nearest `f64` to the decimal.
pub(crate) fn of_scale(scale: i32) -> Result<impl Fn(f64) -> f64 + Copy, Error> {
    let power = usize::try_from(scale.unsigned_abs()).ok().and_then(|digits| POWERS_OF_TEN.get(digits)).copied();
    let power = power.ok_or_else(|| Error::config(format!("a decimal has at most 76 digits, and not {scale}")))?;
    // A negative scale counts zeros left out before the point. To multiply and to divide by 1 changes nothing.
    let (zeros, fraction) = if scale < 0 { (power, 1.0) } else { (1.0, power) };
    Ok(move |digits: f64| digits * zeros / fraction)
}

fn scaled<T: ArrowPrimitiveType>(
    array: &dyn Array,
    values: &mut Vec<f64>,
    scale: i8,
    convert: impl Fn(T::Native) -> f64,
) -> Result<(), Error> {
    let decimal = of_scale(scale.into())?;
    extend::<T>(array, values, |number| decimal(convert(number)));
    Ok(())
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

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;
    use arrow_array::Decimal128Array;

    fn read(unscaled: i128, scale: i8) -> Result<f64, Error> {
        let kind = DataType::Decimal128(38, scale);
        let array = Decimal128Array::from(vec![unscaled]).with_data_type(kind);
        numeric(&array, &mut Numbers::default()).map(|column| column.values[0])
    }

    #[test]
    fn powers_of_ten_are_exact_while_a_double_can_be_and_else_the_nearest() {
        for (exponent, power) in (0_u32..).zip(POWERS_OF_TEN) {
            assert_eq!(power, format!("1e{exponent}").parse::<f64>().unwrap());
            assert!(
                exponent > 22
                    || power == 10_u64.pow(exponent.min(19)) as f64 * 10_u64.pow(exponent.max(19) - 19) as f64
            );
        }
    }

    #[test]
    fn decimals_of_every_scale_are_the_nearest_doubles_up_to_fifteen_digits() {
        for scale in 0..=22_i8 {
            for unscaled in [1, 7, 123_456_789_012_345, -999_999_999_999_999] {
                let literal: f64 = format!("{unscaled}e-{scale}").parse().unwrap();
                assert_eq!(read(unscaled, scale).unwrap(), literal, "{unscaled} with scale {scale}");
            }
        }
        assert_eq!(read(10_i128.pow(30), 30).unwrap(), 1.0);
        // The power is itself rounded from 10^23 on: the quotient is then the nearest double or its neighbour.
        assert!([0.1_f64.next_down(), 0.1].contains(&read(10_i128.pow(37), 38).unwrap()));
        assert_eq!(read(12, -3).unwrap(), 12_000.0);
    }
}
