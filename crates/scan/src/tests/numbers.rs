//! `numeric` on arrays of any origin.

use crate::{Numbers, numeric};
use arrow_array::{
    Array, BooleanArray, Date32Array, Date64Array, Decimal128Array, Float64Array, Int64Array, StringArray,
    Time32SecondArray, TimestampNanosecondArray,
};
use arrow_buffer::NullBuffer;
use batch_core_error::Code;

fn check(array: &dyn Array, expected: &[Option<f64>]) {
    let mut scratch = Numbers::default();
    // Used before, for something longer with other nulls.
    let other: Int64Array = (0..300).map(|row| (row % 3 != 0).then_some(row)).collect();
    numeric(&other.slice(1, 299), &mut scratch).expect("numbers");
    let column = numeric(array, &mut scratch).expect("numbers");
    assert_eq!(column.values.len(), expected.len());
    assert_eq!(column.validity.is_none(), expected.iter().all(Option::is_some));
    if let Some(words) = column.validity {
        assert_eq!(words.len(), expected.len().div_ceil(64));
    }
    for (row, expected) in expected.iter().enumerate() {
        let valid = column.validity.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1);
        assert_eq!(valid.then(|| column.values[row].to_bits()), expected.map(f64::to_bits), "row {row}");
    }
}

#[test]
fn floats_are_borrowed_and_so_is_their_validity() {
    let array: Float64Array = (0..200).map(|row| (row != 150).then(|| f64::from(row))).collect();
    let mut scratch = Numbers::default();
    let column = numeric(&array, &mut scratch).expect("numbers");
    assert_eq!(column.values.as_ptr(), array.values().as_ptr());
    let bits = array.nulls().expect("a null").validity();
    // A bitmap need not fill its last word; then the words are copied.
    if bits.len() >= 32 {
        assert_eq!(column.validity.expect("a null").as_ptr().cast(), bits.as_ptr());
    }
}

#[test]
fn every_length_and_offset_agrees() {
    let rows: Vec<_> = (0..260).map(|row| (row % 5 != 2).then(|| f64::from(row) - 7.5)).collect();
    let array = Float64Array::from(rows.clone());
    for offset in [0, 1, 7, 8, 63, 64, 65, 130] {
        for length in [0, 1, 2, 63, 64, 65, 127, 128, 130] {
            check(&array.slice(offset, length), &rows[offset..offset + length]);
        }
    }
}

#[test]
fn unaligned_validity_is_copied() {
    let bytes: Vec<u8> = (0..40).map(|byte| byte * 5).collect();
    for start in 0..9 {
        let bits = arrow_buffer::Buffer::from(bytes.clone()).slice(start);
        let nulls = NullBuffer::new(arrow_buffer::BooleanBuffer::new(bits, 0, 200));
        let expected: Vec<_> = (0..200).map(|row| nulls.is_valid(row).then_some(1.0)).collect();
        check(&Float64Array::new(vec![1.0; 200].into(), Some(nulls)), &expected);
    }
}

#[test]
fn other_types_convert() {
    check(&BooleanArray::from(vec![Some(true), None, Some(false)]), &[Some(1.0), None, Some(0.0)]);
    check(&BooleanArray::from(vec![true; 70]).slice(3, 60), &[Some(1.0); 60]);
    check(&Date32Array::from(vec![-1]), &[Some(-1.0)]);
    check(&Date64Array::from(vec![86_400_000]), &[Some(86_400_000.0)]);
    check(&Time32SecondArray::from(vec![59]), &[Some(59.0)]);
    check(&TimestampNanosecondArray::from(vec![1]).with_timezone("UTC"), &[Some(1.0)]);
    let decimals = Decimal128Array::from(vec![Some(-12_345), None]);
    check(&decimals.clone().with_precision_and_scale(38, 2).expect("fits"), &[Some(-123.45), None]);
    check(&decimals.with_precision_and_scale(38, -2).expect("fits"), &[Some(-1_234_500.0), None]);
    check(&Int64Array::from(Vec::<i64>::new()), &[]);
}

#[test]
fn text_is_refused_by_its_type() {
    let error = numeric(&StringArray::from(vec!["1"]), &mut Numbers::default()).map(|_| ()).expect_err("text");
    assert_eq!(error.code, Code::Config);
    assert!(error.message.contains("Utf8"), "{error}");
}
