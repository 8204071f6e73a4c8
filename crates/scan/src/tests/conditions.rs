//! Scans of the rows of which a condition is true.

use super::fixture::{Fixture, open, request, try_scan};
use crate::ScanRequest;
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use batch_core_error::Code;
use std::ops::Range;
use std::path::Path;

fn asked(file: &Path, columns: &[&str], rows: Range<u64>, condition: &str) -> ScanRequest {
    ScanRequest { condition: Some(condition.to_owned()), ..request(file, columns, &[], rows) }
}

fn numbers(batches: &[RecordBatch]) -> Vec<i64> {
    let column =
        |batch: &RecordBatch| batch.columns().last().expect("numbers").as_primitive::<Int64Type>().values().to_vec();
    batches.iter().flat_map(column).collect()
}

/// `i` as a double and as text in row groups of 2,048, of which every fifth is null.
fn source(fixture: &Fixture) -> std::path::PathBuf {
    let select = "SELECT CASE WHEN i % 5 > 0 THEN i::DOUBLE END AS v, 'a' || i AS \"n\"\"a me\" FROM range(10000) r(i)";
    fixture.write_with("v.parquet", select, ", ROW_GROUP_SIZE 2048")
}

#[test]
fn rows_come_with_their_numbers_in_the_file() {
    let fixture = Fixture::new();
    let file = source(&fixture);
    let scanner = open(&[&file]);
    let of = |rows: Range<u64>, condition: &str, keep: fn(i64) -> bool| {
        let batches = try_scan(&scanner, &asked(&file, &["v"], rows.clone(), condition)).expect("scans");
        let expected: Vec<i64> = (rows.start.cast_signed()..rows.end.cast_signed()).filter(|row| keep(*row)).collect();
        assert_eq!(numbers(&batches), expected, "{condition}");
        for batch in &batches {
            let (cells, numbers) = (batch.column(0).as_primitive::<Float64Type>(), batch.column(1));
            for (cell, row) in cells.iter().zip(numbers.as_primitive::<Int64Type>().values()) {
                assert_eq!(cell, (row % 5 > 0).then_some(*row as f64));
            }
        }
    };
    of(0..10_000, "v < 7000 -- and nothing else", |row| row < 7000 && row % 5 > 0);
    of(2048..6144, "v IS NULL OR v % 3 = 1", |row| row % 5 == 0 || row % 3 == 1);
    of(2048..4096, "\"n\"\"a me\" LIKE 'a3%'", |row| row / 1000 == 3);
    of(0..4096, "v > 9000", |_| false);
    of(0..4096, "NULL", |_| false);
    let counted = try_scan(&scanner, &asked(&file, &[], 0..10_000, "v >= 9990")).expect("scans");
    assert_eq!(numbers(&counted), [9991, 9992, 9993, 9994, 9996, 9997, 9998, 9999]);
}

#[test]
fn a_condition_that_cannot_be_computed_of_a_cell_is_to_blame_and_not_the_file() {
    let fixture = Fixture::new();
    let file = source(&fixture);
    let refused = asked(&file, &["v"], 0..10_000, "\"n\"\"a me\"::INTEGER > 1");
    let error = try_scan(&open(&[&file]), &refused).expect_err("text is no number");
    assert_eq!(error.code, Code::Config);
    assert!(error.message.contains("in the rows where \"n\"\"a me\"::INTEGER > 1"), "{error}");
    assert!(error.hint.is_some_and(|hint| hint.contains("try_cast")));
}
