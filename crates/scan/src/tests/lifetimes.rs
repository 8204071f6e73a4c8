//! Who keeps what alive, and that letting go is always safe.

use super::fixture::{Fixture, open, options, request, scan};
use crate::{Fetch, Numbers, Scanner, numeric};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};

const ROWS: u64 = 10_000;
const NUMBERS: &str = "SELECT range AS i, CASE WHEN range % 7 = 3 THEN NULL ELSE range * 0.5 END::DOUBLE AS x, \
    'row ' || range AS s, [range, NULL] AS l FROM range(10000)";

fn check(batches: &[RecordBatch]) {
    let mut row = 0;
    for batch in batches {
        let (i, x) = (batch.column(0).as_primitive::<Int64Type>(), batch.column(1).as_primitive::<Float64Type>());
        let (s, l) = (batch.column(2).as_string::<i32>(), batch.column(3).as_list::<i32>());
        for at in 0..batch.num_rows() {
            assert_eq!(i.value(at), row);
            assert_eq!(x.is_null(at), row % 7 == 3);
            if x.is_valid(at) {
                assert_eq!(x.value(at).to_bits(), (row as f64 * 0.5).to_bits());
            }
            assert_eq!(s.value(at), format!("row {row}"));
            let items = l.value(at);
            assert_eq!(items.as_primitive::<Int64Type>().value(0), row);
            assert!(items.is_null(1));
            row += 1;
        }
    }
    assert_eq!(row.cast_unsigned(), ROWS);
}

#[test]
fn batches_outlive_scan_and_scanner() {
    let fixture = Fixture::new();
    let file = fixture.write_with("numbers.parquet", NUMBERS, ", ROW_GROUP_SIZE 4096");
    for fetch in [Fetch::Streaming, Fetch::Materialised] {
        let scanner = Scanner::open(&crate::ScannerOptions { fetch, ..options(&[&file]) }).expect("opens");
        let mut scan = scanner.scan(&request(&file, &["i", "x"], &["s", "l"], 0..ROWS)).expect("starts");
        let mut batches = Vec::new();
        while let Some(batch) = scan.next_batch().expect("reads") {
            batches.push(batch);
        }
        drop(scan);
        drop(scanner);
        check(&batches);
        // Released on another thread than the one that made them, and in another order.
        std::thread::spawn(move || {
            batches.rotate_left(2);
            drop(batches);
        })
        .join()
        .expect("releases");
    }
}

#[test]
fn fixed_width_columns_share_the_memory_of_their_vectors() {
    let fixture = Fixture::new();
    let file = fixture.write("numbers.parquet", NUMBERS);
    let scanner = open(&[&file]);
    let mut scan = scanner.scan(&request(&file, &["i", "x"], &["i"], 0..ROWS)).expect("starts");
    let (chunk, batch) = scan.next_with_chunk();
    for index in 0..3 {
        let lanes = chunk.lanes(index).expect("lanes");
        let data = batch.column(index).to_data();
        assert_eq!(data.buffers()[0].as_ptr(), lanes.values.as_ptr().cast_const());
        let bits = data.nulls().map(|nulls| nulls.validity().as_ptr());
        assert_eq!(bits, lanes.validity.map(|words| words.as_ptr().cast_const()));
    }
    assert!(chunk.lanes(1).expect("lanes").validity.is_some());
    let mut scratch = Numbers::default();
    let column = numeric(batch.column(1), &mut scratch).expect("numbers");
    let lanes = chunk.lanes(1).expect("lanes");
    assert_eq!(column.values.as_ptr().cast(), lanes.values.as_ptr().cast_const());
    assert_eq!(
        column.validity.map(|words| words.as_ptr().cast()),
        lanes.validity.map(|words| words.as_ptr().cast_const())
    );
}

#[test]
fn a_scan_can_be_abandoned_anywhere() {
    let fixture = Fixture::new();
    let file = fixture.write_with("numbers.parquet", NUMBERS, ", ROW_GROUP_SIZE 2048");
    for fetch in [Fetch::Streaming, Fetch::Materialised] {
        let scanner = Scanner::open(&crate::ScannerOptions { fetch, ..options(&[&file]) }).expect("opens");
        for batches in 0..6 {
            let mut scan = scanner.scan(&request(&file, &["i", "x"], &["s", "l"], 0..ROWS)).expect("starts");
            for _ in 0..batches {
                scan.next_batch().expect("reads");
            }
        }
        // The scanner is none the worse for it.
        let all = super::fixture::try_scan(&scanner, &request(&file, &["i", "x"], &["s", "l"], 0..ROWS));
        check(&all.expect("reads"));
    }
}

#[test]
fn scans_of_one_scanner_interleave() {
    let fixture = Fixture::new();
    let file = fixture.write("numbers.parquet", NUMBERS);
    let scanner = open(&[&file]);
    let wanted = request(&file, &["i", "x"], &["s", "l"], 0..ROWS);
    let (mut first, mut second) = (scanner.scan(&wanted).expect("starts"), scanner.scan(&wanted).expect("starts"));
    let (mut firsts, mut seconds) = (Vec::new(), Vec::new());
    while let Some(batch) = first.next_batch().expect("reads") {
        firsts.push(batch);
        seconds.extend(second.next_batch().expect("reads"));
    }
    assert!(second.next_batch().expect("reads").is_none());
    check(&firsts);
    check(&seconds);
}

#[test]
fn four_threads_open_scan_and_drop_two_hundred_times() {
    let fixture = Fixture::new();
    let file = fixture.write("numbers.parquet", NUMBERS);
    std::thread::scope(|threads| {
        for thread in 0..4u64 {
            let file = &file;
            threads.spawn(move || {
                for turn in 0..50u64 {
                    let scanner = open(&[file]);
                    let mut scan = scanner.scan(&request(file, &["i", "x"], &["s", "l"], 0..ROWS)).expect("starts");
                    // Some to the end, some abandoned after a few batches.
                    let wanted = if (turn + thread) % 2 == 0 { u64::MAX } else { turn % 5 };
                    let mut batches = Vec::new();
                    while (batches.len() as u64) < wanted {
                        match scan.next_batch().expect("reads") {
                            Some(batch) => batches.push(batch),
                            None => break,
                        }
                    }
                    drop(scan);
                    drop(scanner);
                    if wanted == u64::MAX {
                        check(&batches);
                    }
                }
            });
        }
    });
}

#[test]
fn a_scanner_moves_between_threads() {
    fn send<T: Send>(_: &T) {}
    let fixture = Fixture::new();
    let file = fixture.write("numbers.parquet", NUMBERS);
    let scanner = open(&[&file]);
    send(&scanner);
    let wanted = request(&file, &["i", "x"], &["s", "l"], 0..ROWS);
    let batches = std::thread::spawn(move || super::fixture::try_scan(&scanner, &wanted)).join().expect("runs");
    check(&batches.expect("reads"));
}

#[test]
fn both_ways_of_fetching_agree() {
    let fixture = Fixture::new();
    let file = fixture.write_with("numbers.parquet", NUMBERS, ", ROW_GROUP_SIZE 4096");
    check(&scan(&file, &["i", "x"], &["s", "l"], 0..ROWS));
    let materialised = crate::ScannerOptions { fetch: Fetch::Materialised, ..options(&[&file]) };
    let scanner = Scanner::open(&materialised).expect("opens");
    let all = super::fixture::try_scan(&scanner, &request(&file, &["i", "x"], &["s", "l"], 0..ROWS));
    check(&all.expect("reads"));
}
