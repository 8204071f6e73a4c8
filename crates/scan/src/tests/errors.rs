//! Each way to fail has its code, names its file, and leaves the scanner usable.

use super::fixture::{Fixture, open, options, request, scan, scan_error, try_scan};
use crate::error::Failure;
use crate::{Fetch, Scanner, ScannerOptions};
use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use batch_core_error::Code;
use std::path::{Path, PathBuf};

const ROWS: u64 = 20_000;
const SELECT: &str = "SELECT range AS i, hash(range)::DOUBLE AS x, md5(range::VARCHAR) AS s FROM range(20000)";

fn counted(batches: &[RecordBatch]) -> u64 {
    batches.iter().map(|batch| batch.num_rows() as u64).sum()
}

/// What every message owes its reader.
fn presentable(error: &batch_core_error::Error, file: &Path) {
    assert_eq!(error.place.file.as_deref(), Some(file), "{error}");
    assert!(error.message.contains(file.to_str().expect("text")), "{error}");
    for noise in ["Stack Trace", "LINE 1", "0x0", "\n", "Candidate bindings"] {
        assert!(!error.message.contains(noise), "{error}");
    }
}

#[test]
fn a_missing_file_is_an_io_error() {
    let fixture = Fixture::new();
    for name in ["missing.parquet", "missing[1].parquet", "no/such/directory.parquet"] {
        let file = fixture.path(name);
        let error = scan_error(&file, &["i"], &[], 0..1);
        assert_eq!(error.code, Code::SourceNotFound, "{error}");
        assert!(error.message.contains("No such file"), "{error}");
        presentable(&error, &file);
    }
}

#[test]
fn a_file_that_comes_back_is_read() {
    let fixture = Fixture::new();
    let file = fixture.path("late.parquet");
    let scanner = open(&[&file]);
    let wanted = request(&file, &["i"], &[], 0..ROWS);
    assert_eq!(try_scan(&scanner, &wanted).expect_err("missing").code, Code::SourceNotFound);
    fixture.write("late.parquet", SELECT);
    assert_eq!(counted(&try_scan(&scanner, &wanted).expect("there now")), ROWS);
}

#[test]
fn what_is_no_file_is_refused() {
    let fixture = Fixture::new();
    fixture.write("directory.parquet/inside.parquet", SELECT);
    for file in [fixture.path("directory.parquet"), PathBuf::from("/dev/null"), PathBuf::from("/dev/stdin")] {
        let error = scan_error(&file, &["i"], &[], 0..1);
        // Under some runners the standard input is a file, if hardly a Parquet one.
        assert_eq!(error.code, Code::Data, "{error}");
        presentable(&error, &file);
    }
}

#[test]
fn a_truncated_file_is_bad_data() {
    let fixture = Fixture::new();
    let bytes = std::fs::read(fixture.write("whole.parquet", SELECT)).expect("reads");
    let file = fixture.path("cut.parquet");
    for length in [0, 1, 3, 4, 8, 11, 12, 13, 100, bytes.len() / 2, bytes.len() - 8, bytes.len() - 4, bytes.len() - 1] {
        std::fs::write(&file, &bytes[..length]).expect("writes");
        let error = scan_error(&file, &["i", "x"], &["s"], 0..ROWS);
        assert_eq!(error.code, Code::Data, "{length} bytes: {error}");
        presentable(&error, &file);
    }
}

#[test]
fn a_page_that_cannot_be_read_is_bad_data_and_spoils_nothing_else() {
    let fixture = Fixture::new();
    let good = fixture.write("good.parquet", SELECT);
    let bad = fixture.write_with("bad.parquet", SELECT, ", ROW_GROUP_SIZE 4096, COMPRESSION zstd");
    let mut bytes = std::fs::read(&bad).expect("reads");
    // Wide enough to hit headers of pages: within a page DuckDB notices little.
    let (middle, footer) = (bytes.len() / 2, bytes.len() - 4000);
    bytes[middle..footer].fill(0xA5);
    std::fs::write(&bad, bytes).expect("writes");
    for fetch in [Fetch::Streaming, Fetch::Materialised] {
        let scanner = Scanner::open(&ScannerOptions { fetch, ..options(&[&good, &bad]) }).expect("opens");
        let error = try_scan(&scanner, &request(&bad, &["i", "x"], &["s"], 0..ROWS)).expect_err("a bad page");
        assert_eq!(error.code, Code::Data, "{error}");
        presentable(&error, &bad);
        // The row groups ahead of the bad one, and the other file, are still readable.
        assert_eq!(counted(&try_scan(&scanner, &request(&bad, &["i"], &["s"], 0..4096)).expect("ahead")), 4096);
        assert_eq!(counted(&try_scan(&scanner, &request(&good, &["i"], &["s"], 0..ROWS)).expect("good")), ROWS);
    }
}

#[test]
fn a_failed_scan_stays_failed() {
    let fixture = Fixture::new();
    let file = fixture.write("whole.parquet", SELECT);
    let scanner = open(&[&file]);
    let mut scan = scanner.scan(&request(&file, &["i"], &[], 0..ROWS + 1)).expect("starts");
    let error = loop {
        match scan.next_batch() {
            Ok(batch) => assert!(batch.is_some(), "ended short without an error"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, Code::Data);
    assert_eq!(scan.next_batch().expect_err("still").code, Code::Bug);
}

#[test]
fn damage_anywhere_is_an_answer_and_never_a_crash() {
    let fixture = Fixture::new();
    let good = fixture.write("good.parquet", SELECT);
    let whole = std::fs::read(fixture.write_with("whole.parquet", SELECT, ", ROW_GROUP_SIZE 4096")).expect("reads");
    let bad = fixture.path("bad.parquet");
    std::fs::write(&bad, &whole).expect("writes");
    let scanner = open(&[&good, &bad]);
    let mut state = 7u64;
    let mut random = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % below
    };
    let (mut wrong, mut failed) = (0, 0);
    for turn in 0..300 {
        let mut bytes = whole.clone();
        // Most flips in the footer, where the lengths and offsets are.
        let footer = bytes.len().min(1500);
        for _ in 0..=random(3) {
            let at = if turn % 3 == 0 { random(bytes.len()) } else { bytes.len() - 1 - random(footer) };
            bytes[at] ^= 1 << random(8);
        }
        std::fs::write(&bad, bytes).expect("writes");
        match try_scan(&scanner, &request(&bad, &["i", "x"], &["s"], 0..ROWS)) {
            Ok(batches) => {
                wrong += 1;
                assert_eq!(counted(&batches), ROWS);
            }
            Err(error) => {
                failed += 1;
                assert!([Code::Data, Code::Config, Code::OutOfMemory].contains(&error.code), "{error:?}");
                assert_eq!(error.place.file.as_deref(), Some(bad.as_path()), "{error}");
                assert!(!error.message.contains("Stack Trace") && !error.message.contains("invalidated"), "{error}");
            }
        }
        assert_eq!(counted(&try_scan(&scanner, &request(&good, &["i"], &[], 0..ROWS)).expect("good")), ROWS);
    }
    assert!(failed > 100, "{failed} failed, {wrong} went unnoticed");
}

#[test]
fn a_file_is_read_as_it_is_now() {
    let fixture = Fixture::new();
    let file = fixture.path("now.parquet");
    let scanner = open(&[&file]);
    for sign in [1, -1, 1, -1] {
        // Rewritten in place, as large as before, with the names of its columns swapped: DuckDB's cache of external
        // files would answer with the footer of before.
        let names = if sign == 1 { ["i", "j"] } else { ["j", "i"] };
        let select = format!("SELECT range AS {}, -range AS {} FROM range(20000)", names[0], names[1]);
        let next = fixture.write_with("next.parquet", &select, ", COMPRESSION uncompressed");
        std::fs::write(&file, std::fs::read(next).expect("reads")).expect("writes");
        let batches = try_scan(&scanner, &request(&file, &["i"], &[], 0..ROWS)).expect("reads");
        let numbers = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
        assert!(numbers.eq((0..20_000).map(|row| row * sign)), "the file with sign {sign} was read as another");
    }
}

#[test]
fn a_broken_instance_is_replaced() {
    let fixture = Fixture::new();
    let file = fixture.write("whole.parquet", SELECT);
    let scanner = open(&[&file]);
    let wanted = request(&file, &["i"], &["s"], 0..ROWS);
    let mut running = scanner.scan(&wanted).expect("starts");
    // DuckDB has no statement that breaks it on purpose, so it is only said to be broken.
    let error = scanner.failed(&Failure::new(0, "INTERNAL Error: x\n\nStack Trace:\n0x01"), &file, "name");
    assert_eq!(error.code, Code::Data);
    presentable(&error, &file);
    assert_eq!(counted(&try_scan(&scanner, &wanted).expect("on the new instance")), ROWS);
    assert!(running.next_batch().expect("on the old one").is_some());
}

#[test]
fn what_duckdb_said_is_kept_where_something_else_is_to_blame() {
    let fixture = Fixture::new();
    let file = fixture.write("whole.parquet", SELECT);
    let scanner = open(&[&file]);
    std::fs::remove_file(&file).expect("goes");
    let error = scanner.failed(&Failure::new(28, "IO Error: No files found that match the pattern"), &file, "name");
    assert_eq!(error.code, Code::SourceNotFound);
    let cause = error.cause.expect("is kept").to_string();
    assert_eq!(cause, "IO Error: No files found that match the pattern");
}

#[test]
fn the_rows_delivered_are_the_rows_requested() {
    let fixture = Fixture::new();
    let file = fixture.write_with("grouped.parquet", SELECT, ", ROW_GROUP_SIZE 4096");
    for (first, last) in
        [(0, ROWS), (0, 1), (4096, 8192), (4095, 8193), (1, 2), (19_999, 20_000), (100, 100), (ROWS, ROWS)]
    {
        let batches = scan(&file, &["i"], &[], first..last);
        let numbers: Vec<i64> =
            batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec()).collect();
        assert!(numbers.iter().map(|number| number.cast_unsigned()).eq(first..last), "{first}..{last}");
    }
    for (first, last) in [(0, ROWS + 1), (ROWS, ROWS + 1), (19_999, 30_000), (1 << 40, (1 << 40) + 5)] {
        let error = scan_error(&file, &["i"], &[], first..last);
        assert_eq!(error.code, Code::Data, "{error}");
        presentable(&error, &file);
        assert!(error.message.contains(&first.to_string()) && error.message.contains("rows"), "{error}");
    }
    for (first, last) in [(0, u64::MAX), (u64::MAX - 1, u64::MAX), (i64::MAX.cast_unsigned(), u64::MAX)] {
        assert_eq!(scan_error(&file, &["i"], &[], first..last).code, Code::Bug);
    }
}

#[test]
fn running_out_of_memory_is_a_matter_of_resources() {
    let fixture = Fixture::new();
    let file = fixture.write("large.parquet", "SELECT md5(range::VARCHAR) AS s FROM range(500000)");
    let scarce = ScannerOptions { memory_limit_bytes: Some(8 << 20), fetch: Fetch::Materialised, ..options(&[&file]) };
    let error = try_scan(&Scanner::open(&scarce).expect("opens"), &request(&file, &[], &["s"], 0..500_000))
        .expect_err("out of memory");
    assert_eq!(error.code, Code::OutOfMemory, "{error}");
    presentable(&error, &file);
}

#[test]
fn a_batch_of_more_bytes_than_were_planned_for_is_refused() {
    let fixture = Fixture::new();
    let long = "repeat(chr(97 + (range % 3)::INTEGER), CASE WHEN range < 4096 THEN 10 ELSE 3000 END)";
    let file = fixture.write("text.parquet", &format!("SELECT range AS i, {long} AS s FROM range(8192)"));
    let bounded = ScannerOptions { copied_bytes_max: Some(1 << 20), ..options(&[&file]) };
    let scanner = Scanner::open(&bounded).expect("opens");
    for (copied, rows) in [(&["s"][..], 0..4096), (&["i"], 0..8192), (&[], 0..8192)] {
        try_scan(&scanner, &request(&file, &["i"], copied, rows)).expect("small batches");
    }
    let error = try_scan(&scanner, &request(&file, &["i"], &["s"], 100..8192)).expect_err("large batches");
    assert_eq!(error.code, Code::MemoryTooSmall, "{error}");
    assert!(error.message.contains("rows 4096 to 6143 take 6 MiB") && error.message.contains("--memory"), "{error}");
    presentable(&error, &file);
}

#[test]
fn large_batches_let_the_vector_go() {
    let fixture = Fixture::new();
    let file = fixture.write("text.parquet", "SELECT range AS i, repeat('a', 1000) AS s FROM range(2048)");
    let scanner = open(&[&file]);
    let mut scan = scanner.scan(&request(&file, &["i"], &["s"], 0..2048)).expect("scans");
    let (chunk, batch) = scan.next_with_chunk();
    let lanes = chunk.lanes(0).expect("lanes");
    assert_ne!(batch.column(0).to_data().buffers()[0].as_ptr(), lanes.values.as_ptr().cast_const());
    assert_eq!(std::sync::Arc::strong_count(&chunk), 1);
    assert_eq!(batch, scan_all(&file)[0]);
}

fn scan_all(file: &Path) -> Vec<arrow_array::RecordBatch> {
    crate::tests::fixture::scan(file, &["i"], &["s"], 0..2048)
}

#[test]
fn another_library_is_refused() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("text.so"), "no library").expect("writes");
    open(&[]);
    for library in ["missing.so", "text.so"] {
        let options = ScannerOptions { library: fixture.path(library), ..options(&[]) };
        let Err(error) = Scanner::open(&options).map(|_| ()) else { panic!("opened {library}") };
        assert_eq!(error.code, Code::Config, "{error}");
        assert!(error.message.contains(library), "{error}");
    }
}

#[cfg(unix)]
#[test]
fn a_temporary_directory_that_is_no_text_is_refused() {
    use std::os::unix::ffi::OsStrExt;
    let directory = PathBuf::from(std::ffi::OsStr::from_bytes(b"/tmp/\xff"));
    let options = ScannerOptions { temp_directory: Some(directory), ..options(&[]) };
    assert_eq!(Scanner::open(&options).map(|_| ()).expect_err("no text").code, Code::Config);
}
