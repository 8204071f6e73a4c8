//! Columns that a caller holds, given as the buffers Arrow lays them out in, as what the kernels read.
//!
//! The numbers are those that a scan gives of the same column in a Parquet file, to the bit. `Float64` is lent as it
//! lies; every other type is converted a window of rows at a time, into scratch memory that stays small.

use crate::numeric::{Numbers, NumericColumn, of_scale};
use arrow_array::types::{ArrowPrimitiveType, Float16Type};
use arrow_buffer::bit_chunk_iterator::BitChunks;
use arrow_buffer::i256;
use batch_core_error::Error;
use std::ops::Range;

/// How a value is written down. Integers are little-endian, as Arrow has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// No value is there, in any row.
    Absent,
    /// A bit a row.
    Bit,
    /// A signed integer of so many bytes.
    Signed(usize),
    /// An unsigned integer of so many bytes.
    Unsigned(usize),
    /// An IEEE number of so many bytes.
    Float(usize),
    /// A signed integer of so many bytes that counts units of ten to the minus `scale`.
    Decimal {
        /// 4, 8, 16 or 32.
        bytes: usize,
        /// Digits after the point.
        scale: i32,
    },
    /// A signed integer of so many bytes that a scan would give in a finer or coarser unit.
    Counted {
        /// 4 or 8.
        bytes: usize,
        /// What it is multiplied with.
        times: u32,
        /// What it is then divided by, towards zero.
        over: u32,
    },
}

impl Encoding {
    /// Bytes that `rows` values take from row `offset` on.
    fn bytes(self, offset: usize, rows: usize) -> usize {
        match self {
            Self::Absent => 0,
            Self::Bit => (offset + rows).div_ceil(8),
            Self::Signed(bytes)
            | Self::Unsigned(bytes)
            | Self::Float(bytes)
            | Self::Decimal { bytes, .. }
            | Self::Counted { bytes, .. } => rows * bytes,
        }
    }
}

/// Rows of a column, in one piece of memory.
#[derive(Debug, Clone)]
pub struct HeldArray<'a> {
    encoding: Encoding,
    values: &'a [u8],
    validity: Option<&'a [u8]>,
    offset: usize,
    rows: usize,
    dictionary: Option<Vec<f64>>,
}

impl<'a> HeldArray<'a> {
    /// `rows` values. `values` begins with the first of them, but for bits, which like `validity` begin at bit `offset`.
    ///
    /// # Errors
    /// `DATA` when a buffer ends before the last row, as that of a detached `ArrayBuffer` does; `CONFIG` when a decimal has
    /// more digits than there are.
    pub fn new(
        encoding: Encoding,
        values: &'a [u8],
        validity: Option<&'a [u8]>,
        offset: usize,
        rows: usize,
    ) -> Result<Self, Error> {
        let short = |what: &str, given: usize, needed: usize| {
            let message = format!("its {what} are {given} bytes long and {rows} rows need {needed}");
            if given < needed { Err(Error::data(message)) } else { Ok(()) }
        };
        if let Encoding::Decimal { scale, .. } = encoding {
            let _checked = of_scale(scale)?;
        }
        short("values", values.len(), encoding.bytes(offset, rows))?;
        if let Some(bits) = validity {
            short("validity bits", bits.len(), (offset + rows).div_ceil(8))?;
        }
        Ok(Self { encoding, values, validity, offset, rows, dictionary: None })
    }

    /// These rows as keys into `dictionary`, which holds NaN where it has a null.
    #[must_use]
    pub fn with_dictionary(self, dictionary: Vec<f64>) -> Self {
        Self { dictionary: Some(dictionary), ..self }
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The numbers of `rows`: lent where the memory holds them as they are, else from `scratch`.
    ///
    /// # Errors
    /// `DATA` when a key is outside its dictionary.
    ///
    /// # Panics
    /// When there are no such rows.
    pub fn numbers<'s>(&self, rows: Range<usize>, scratch: &'s mut Numbers) -> Result<NumericColumn<'s>, Error>
    where
        'a: 's,
    {
        assert!(rows.end <= self.rows, "rows {rows:?} of {}", self.rows);
        let Numbers { values, words } = scratch;
        let validity = self.validity.map(|bits| {
            words.clear();
            words.extend(
                BitChunks::new(bits, self.offset + rows.start, rows.len()).iter_padded().take(rows.len().div_ceil(64)),
            );
            words.as_slice()
        });
        if let Some(values) = self.lent(&rows) {
            return Ok(NumericColumn { values, validity });
        }
        values.clear();
        self.convert(&rows, values);
        if let Some(dictionary) = &self.dictionary {
            let keys = NumericColumn { values, validity };
            let looked_up: Option<Vec<f64>> = (0..rows.len()).map(|row| look_up(dictionary, keys.value(row))).collect();
            let Some(looked_up) = looked_up else { return Err(foreign_key(dictionary, &keys)) };
            *values = looked_up;
        }
        Ok(NumericColumn { values, validity })
    }

    /// `Float64` as it lies, unless it lies askew, which no typed array does.
    fn lent(&self, rows: &Range<usize>) -> Option<&'a [f64]> {
        if self.encoding != Encoding::Float(8) {
            return None;
        }
        // SAFETY: any eight bytes are an `f64`, and `align_to` puts the unaligned ends elsewhere.
        let (ahead, numbers, _) = unsafe { self.values.align_to::<f64>() };
        (ahead.is_empty() && cfg!(target_endian = "little")).then(|| &numbers[rows.clone()])
    }

    fn convert(&self, rows: &Range<usize>, out: &mut Vec<f64>) {
        match self.encoding {
            Encoding::Absent => out.resize(rows.len(), f64::NAN),
            Encoding::Bit => out.extend(rows.clone().map(|row| {
                let bit = self.offset + row;
                f64::from(self.values[bit / 8] >> (bit % 8) & 1)
            })),
            Encoding::Signed(1) => self.each(rows, out, |b| f64::from(i8::from_le_bytes(b))),
            Encoding::Signed(2) => self.each(rows, out, |b| f64::from(i16::from_le_bytes(b))),
            Encoding::Signed(4) => self.each(rows, out, |b| f64::from(i32::from_le_bytes(b))),
            Encoding::Signed(_) => self.each(rows, out, |b| i64::from_le_bytes(b) as f64),
            Encoding::Unsigned(1) => self.each(rows, out, |b| f64::from(u8::from_le_bytes(b))),
            Encoding::Unsigned(2) => self.each(rows, out, |b| f64::from(u16::from_le_bytes(b))),
            Encoding::Unsigned(4) => self.each(rows, out, |b| f64::from(u32::from_le_bytes(b))),
            Encoding::Unsigned(_) => self.each(rows, out, |b| u64::from_le_bytes(b) as f64),
            Encoding::Float(2) => {
                self.each(rows, out, |b| <Float16Type as ArrowPrimitiveType>::Native::from_le_bytes(b).to_f64());
            }
            Encoding::Float(4) => self.each(rows, out, |b| f64::from(f32::from_le_bytes(b))),
            Encoding::Float(_) => self.each(rows, out, f64::from_le_bytes),
            Encoding::Decimal { bytes, scale } => {
                // As `numeric` divides, so that both come to the same double.
                let decimal = of_scale(scale).expect("checked when the array was made");
                match bytes {
                    4 => self.each(rows, out, |b| decimal(f64::from(i32::from_le_bytes(b)))),
                    8 => self.each(rows, out, |b| decimal(i64::from_le_bytes(b) as f64)),
                    16 => self.each(rows, out, |b| decimal(i128::from_le_bytes(b) as f64)),
                    _ => self.each(rows, out, |b| decimal(wide(i256::from_le_bytes(b)))),
                }
            }
            Encoding::Counted { bytes, times, over } => {
                let count = |number: i64| (i128::from(number) * i128::from(times) / i128::from(over)) as f64;
                if bytes == 4 {
                    self.each(rows, out, |b| count(i32::from_le_bytes(b).into()));
                } else {
                    self.each(rows, out, |b| count(i64::from_le_bytes(b)));
                }
            }
        }
    }

    fn each<const N: usize>(&self, rows: &Range<usize>, out: &mut Vec<f64>, convert: impl Fn([u8; N]) -> f64) {
        let (values, _) = self.values.as_chunks::<N>();
        out.extend(values[rows.clone()].iter().map(|bytes| convert(*bytes)));
    }
}

/// The value of a key; NaN, which is a null, has none and stays what it is.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a key is a whole number, and not below 0")]
fn look_up(dictionary: &[f64], key: f64) -> Option<f64> {
    if key.is_nan() {
        return Some(key);
    }
    if key < 0.0 { None } else { dictionary.get(key as usize).copied() }
}

fn foreign_key(dictionary: &[f64], keys: &NumericColumn<'_>) -> Error {
    let entries = dictionary.len();
    let mut held = (0..keys.values.len()).map(|row| keys.value(row));
    let key = held.find(|key| look_up(dictionary, *key).is_none()).unwrap_or(f64::NAN);
    Error::data(format!("there is a key {key} into a dictionary of {entries} values"))
}

/// The nearest double.
fn wide(number: i256) -> f64 {
    match number.to_i128() {
        Some(number) => number as f64,
        // Its digits are read back rounded once; two halves added would be rounded twice.
        None => number.to_string().parse().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(array: &HeldArray<'_>) -> Vec<f64> {
        let mut scratch = Numbers::default();
        let column = array.numbers(0..array.rows(), &mut scratch).unwrap();
        (0..array.rows()).map(|row| column.value(row)).collect()
    }

    #[test]
    fn doubles_are_lent_where_they_lie() {
        let held: Vec<f64> = (0..300).map(f64::from).collect();
        // SAFETY: the bytes of numbers, for as long as they live.
        let (_, bytes, _) = unsafe { held.align_to::<u8>() };
        let bits = [0xff; 64];
        for validity in [None, Some(&bits[..])] {
            let array = HeldArray::new(Encoding::Float(8), bytes, validity, 5, 300).unwrap();
            let mut scratch = Numbers::default();
            let column = array.numbers(7..290, &mut scratch).unwrap();
            assert_eq!(column.values.as_ptr(), held[7..].as_ptr());
            assert_eq!(column.values, &held[7..290]);
        }
    }

    #[test]
    fn doubles_that_lie_askew_are_copied() {
        let mut held = [0; 16];
        let start = (0..8).find(|at| held[*at..].as_ptr().align_offset(8) != 0).unwrap();
        held[start..start + 8].copy_from_slice(&1.5f64.to_le_bytes());
        let array = HeldArray::new(Encoding::Float(8), &held[start..], None, 0, 1).unwrap();
        assert_eq!(numbers(&array), [1.5]);
    }

    #[test]
    fn bits_and_validity_begin_at_the_offset() {
        let bits = [0b1010_1100, 0b1];
        let array = HeldArray::new(Encoding::Bit, &bits, None, 2, 7).unwrap();
        assert_eq!(numbers(&array), [1.0, 1.0, 0.0, 1.0, 0.0, 1.0, 1.0]);
        let array = HeldArray::new(Encoding::Signed(1), &[1, 2, 3, 4, 5, 6, 7], Some(&bits), 2, 7).unwrap();
        let found: Vec<_> = numbers(&array).into_iter().map(|v| if v.is_nan() { 0.0 } else { v }).collect();
        assert_eq!(found, [1.0, 2.0, 0.0, 4.0, 0.0, 6.0, 7.0]);
    }

    #[test]
    fn every_window_reads_as_the_whole() {
        let values: Vec<u8> = (0..200i16).flat_map(i16::to_le_bytes).collect();
        let bits: Vec<u8> = (0..40u8).map(|i| i.wrapping_mul(37)).collect();
        let array = HeldArray::new(Encoding::Signed(2), &values, Some(&bits), 3, 200).unwrap();
        let whole = numbers(&array);
        let mut scratch = Numbers::default();
        for start in [0, 1, 63, 64, 65, 130] {
            let column = array.numbers(start..200, &mut scratch).unwrap();
            let words = column.validity.unwrap();
            assert_eq!(words.len(), (200 - start).div_ceil(64));
            for (row, value) in column.values.iter().enumerate() {
                let there = words[row / 64] >> (row % 64) & 1 == 1;
                assert_eq!(there, !whole[start + row].is_nan());
                assert!(!there || value.to_bits() == whole[start + row].to_bits());
            }
        }
    }

    #[test]
    fn numbers_beyond_a_double_are_rounded_once() {
        let held = [i64::MAX, i64::MIN, (1 << 53) + 1, -7].map(i64::to_le_bytes).concat();
        let array = HeldArray::new(Encoding::Signed(8), &held, None, 0, 4).unwrap();
        assert_eq!(
            numbers(&array),
            [9_223_372_036_854_775_808.0, -9_223_372_036_854_775_808.0, 9_007_199_254_740_992.0, -7.0]
        );
        let array = HeldArray::new(Encoding::Unsigned(8), &held, None, 0, 2).unwrap();
        assert_eq!(numbers(&array), [9_223_372_036_854_775_808.0, 9_223_372_036_854_775_808.0]);
        // Half a unit in the last place above a double, and a little: up, though its halves alone would say down.
        let one = i256::from_i128(1);
        let shifted = |bits: u8| one << bits;
        let tie = shifted(200).wrapping_add(shifted(147)).wrapping_add(one);
        let held = tie.to_le_bytes();
        let array = HeldArray::new(Encoding::Decimal { bytes: 32, scale: 0 }, &held, None, 0, 1).unwrap();
        assert_eq!(numbers(&array), [f64::from_bits(2f64.powi(200).to_bits() + 1)]);
    }

    #[test]
    fn units_and_scales_are_those_of_a_scan() {
        let held = [1_700_000_000_123i64, -1_999].map(i64::to_le_bytes).concat();
        let as_micros = Encoding::Counted { bytes: 8, times: 1000, over: 1 };
        assert_eq!(
            numbers(&HeldArray::new(as_micros, &held, None, 0, 2).unwrap()),
            [1_700_000_000_123_000.0, -1_999_000.0]
        );
        let coarser = Encoding::Counted { bytes: 8, times: 1, over: 1000 };
        assert_eq!(numbers(&HeldArray::new(coarser, &held, None, 0, 2).unwrap()), [1_700_000_000.0, -1.0]);
        let held = [(-12_345i128).to_le_bytes(), 7i128.to_le_bytes()].concat();
        let array = HeldArray::new(Encoding::Decimal { bytes: 16, scale: 2 }, &held, None, 0, 2).unwrap();
        assert_eq!(numbers(&array), [-123.45, 0.07]);
    }

    #[test]
    fn keys_are_looked_up_and_foreign_ones_refused() {
        let keys = HeldArray::new(Encoding::Signed(1), &[1, 0, 99, 2], Some(&[0b1011]), 0, 4).unwrap();
        let found = numbers(&keys.clone().with_dictionary(vec![10.0, 20.0, f64::NAN]));
        assert_eq!(found[..2], [20.0, 10.0]);
        assert!(found[2].is_nan() && found[3].is_nan());
        let all = HeldArray::new(Encoding::Signed(1), &[1, 0, 99], None, 0, 3).unwrap().with_dictionary(vec![1.0, 2.0]);
        let refused = all.numbers(0..3, &mut Numbers::default()).unwrap_err();
        assert!(refused.code == batch_core_error::Code::Data && refused.message.contains("key 99 into"), "{refused}");
        let below = HeldArray::new(Encoding::Signed(1), &[255], None, 0, 1).unwrap().with_dictionary(vec![1.0]);
        assert!(below.numbers(0..1, &mut Numbers::default()).is_err());
    }

    #[test]
    fn buffers_that_end_too_early_are_refused() {
        assert!(HeldArray::new(Encoding::Float(8), &[0; 15], None, 0, 2).is_err());
        assert!(HeldArray::new(Encoding::Bit, &[0], None, 4, 5).is_err());
        assert!(HeldArray::new(Encoding::Absent, &[], Some(&[0]), 4, 5).is_err());
        assert_eq!(numbers(&HeldArray::new(Encoding::Absent, &[], None, 0, 2).unwrap()).len(), 2);
    }
}
