//! Files that another writer made: arrow-rs, with the types DuckDB itself never writes.

use super::fixture::{Fixture, open, request, scan, try_scan, unlocked};
use crate::{Numbers, ShiftedDecimal, numeric};
use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{
    Array, ArrayRef, Date64Array, Decimal128Array, Decimal256Array, DictionaryArray, Float64Array, Int32Array,
    RecordBatch, StringArray, Time32MillisecondArray, Time64MicrosecondArray, Time64NanosecondArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray,
};
use arrow_buffer::i256;
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn written(fixture: &Fixture, column: ArrayRef) -> PathBuf {
    let path = fixture.path("foreign.parquet");
    let batch = RecordBatch::try_from_iter_with_nullable([("v", column, true)]).expect("a batch");
    let mut writer =
        ArrowWriter::try_new(std::fs::File::create(&path).expect("creates"), batch.schema(), None).expect("writes");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
    path
}

/// A column of the given type with one value and a null: its type in a batch, and its number.
fn check(column: impl Array + 'static, kind: &DataType, expected: f64) {
    let fixture = Fixture::new();
    let name = column.data_type().clone();
    let batch = &scan(&written(&fixture, Arc::new(column)), &["v"], &[], 0..2)[0];
    assert_eq!(batch.column(0).data_type(), kind, "{name}");
    let mut scratch = Numbers::default();
    let numbers = numeric(batch.column(0), &mut scratch).expect("numbers");
    assert_eq!(numbers.values[0].to_bits(), expected.to_bits(), "{name}: {}", numbers.values[0]);
    assert_eq!(numbers.validity.expect("a null")[0] & 3, 1, "{name}");
}

#[test]
fn times_of_every_unit_are_numbers() {
    let micros = DataType::Timestamp(TimeUnit::Microsecond, None);
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let time = DataType::Time64(TimeUnit::Microsecond);
    check(TimestampSecondArray::from(vec![Some(7), None]), &DataType::Int64, 7.0);
    check(TimestampMillisecondArray::from(vec![Some(7), None]), &micros, 7000.0);
    check(TimestampMicrosecondArray::from(vec![Some(7), None]), &micros, 7.0);
    check(TimestampNanosecondArray::from(vec![Some(7), None]), &DataType::Timestamp(TimeUnit::Nanosecond, None), 7.0);
    check(TimestampMillisecondArray::from(vec![Some(7), None]).with_timezone("+01:00"), &utc, 7000.0);
    check(Time32MillisecondArray::from(vec![Some(7), None]), &time, 7000.0);
    check(Time64MicrosecondArray::from(vec![Some(7), None]), &time, 7.0);
    check(Time64NanosecondArray::from(vec![Some(7000), None]), &DataType::Time64(TimeUnit::Nanosecond), 7000.0);
    check(Date64Array::from(vec![Some(86_400_000), None]), &DataType::Int64, 86_400_000.0);
}

#[test]
fn times_with_a_zone_are_numbers_and_copies() {
    let fixture = Fixture::new();
    let path = fixture.path("zoned.parquet");
    let zoned = Field::new("v", DataType::Time64(TimeUnit::Microsecond), true)
        .with_metadata([("adjusted_to_utc".to_owned(), "true".to_owned())]);
    let column = Time64MicrosecondArray::from(vec![Some(86_399_999_999), None, Some(0)]);
    let batch = RecordBatch::try_new(Arc::new(Schema::new(vec![zoned])), vec![Arc::new(column)]).expect("a batch");
    let file = std::fs::File::create(&path).expect("creates");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), None).expect("writes");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
    let types = "SELECT CASE WHEN typeof(v) = 'TIME WITH TIME ZONE' THEN 1 ELSE error(typeof(v)) END";
    unlocked().run(&format!("{types} FROM '{}'", path.display())).unwrap_or_else(|failure| panic!("{}", failure.text));
    let read = &scan(&path, &["v"], &["v"], 0..3)[0];
    for column in read.columns() {
        assert_eq!(column.as_ref(), batch.column(0).as_ref());
    }
}

#[test]
fn decimals_of_every_storage_are_numbers() {
    for (width, scale, kind) in [
        (4, 2, DataType::Decimal32(4, 2)),
        (9, 2, DataType::Decimal32(9, 2)),
        (18, 2, DataType::Decimal64(18, 2)),
        (38, 2, DataType::Decimal128(38, 2)),
    ] {
        let column =
            Decimal128Array::from(vec![Some(-1234), None]).with_precision_and_scale(width, scale).expect("fits");
        check(column, &kind, -12.34);
    }
}

/// Bytes of a value of the file's column.
fn type_length(path: &Path) -> i32 {
    let reader = SerializedFileReader::new(std::fs::File::open(path).expect("opens")).expect("is Parquet");
    reader.metadata().file_metadata().schema_descr().column(0).type_length()
}

/// The digits of one, a few of each sign, and the widest of `precision`.
fn digits(precision: u8) -> Vec<i256> {
    let widest = (0..precision).fold(i256::ONE, |power, _| power * i256::from_i128(10)) - i256::ONE;
    let half = widest / i256::from_i128(1 << 40);
    let some = [0, 1, -1, 2, -2, 255, -256, 257, 1_234_567_890_123_456_789, -1_234_567_890_123_456_789];
    some.map(i256::from_i128).into_iter().chain([half, -half, widest, -widest]).collect()
}

#[test]
fn decimals_of_more_than_38_digits_are_put_right_where_duckdb_shifts_them() {
    let fixture = Fixture::new();
    for (precision, scale) in (39..=76).flat_map(|precision| [(precision, 0), (precision, 2), (precision, 39)]) {
        let digits = digits(precision);
        let column = Decimal256Array::from(digits.clone()).with_precision_and_scale(precision, scale).expect("fits");
        let path = written(&fixture, Arc::new(column));
        let bytes = usize::try_from(type_length(&path)).expect("a length");
        let shifted = 8 * ((8 - bytes % 8) % 8);
        let mut wanted = request(&path, &["v"], &["v"], 0..digits.len() as u64);
        if shifted > 0 {
            let bits = u32::try_from(shifted).expect("small");
            wanted.shifted = vec![ShiftedDecimal { column: "v".into(), bits, scale: scale.unsigned_abs().into() }];
        }
        let batch = &try_scan(&open(&[&path]), &wanted).expect("reads")[0];
        for column in batch.columns() {
            let read = column.as_primitive::<Float64Type>().values();
            for (read, digits) in read.iter().zip(&digits) {
                let exact: f64 = digits.to_string().parse::<f64>().expect("a number") / 10f64.powi(scale.into());
                let near = (read - exact).abs() <= 4.0 * f64::EPSILON * exact.abs();
                assert!(near, "{digits} of ({precision}, {scale}) in {bytes} bytes: {read}, not {exact}");
            }
        }
    }
}

#[test]
fn dictionaries_are_read_through() {
    let keys = Int32Array::from(vec![Some(1), None]);
    let numbers = DictionaryArray::new(keys.clone(), Arc::new(Float64Array::from(vec![1.5, 2.5])));
    check(numbers, &DataType::Float64, 2.5);
    let fixture = Fixture::new();
    let words = DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["a", "b"])));
    let batch = &scan(&written(&fixture, Arc::new(words)), &[], &["v"], 0..2)[0];
    assert_eq!(batch.column(0).data_type(), &DataType::Utf8);
    assert_eq!(batch.column(0).null_count(), 1);
}
