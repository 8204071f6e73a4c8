//! Rows a second of a streaming scan beside a materialised one, over all `f64` columns of a file.
//!
//!     BATCH_CORE_BENCH_FILE=data.parquet cargo bench -p batch-core-scan
//!
//! The answer comes first: both ways of fetching must deliver every row, and the same sum of the values' bits, which is
//! exact and knows no order. Also prints what a scan costs before its first row. Without a file, one is made.

#[path = "../src/tests/library.rs"]
mod library;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::DataType;
use batch_core_scan::{Fetch, Numbers, ScanRequest, Scanner, ScannerOptions, numeric};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 3;
const CHUNK_ROWS: u64 = 1_000_000;

fn main() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = std::env::var_os("BATCH_CORE_BENCH_FILE").map_or_else(|| sample(directory.path()), PathBuf::from);
    let (columns, rows) = shape(&file);
    println!("{}: {rows} rows x {} columns", file.display(), columns.len());

    let answers = [Fetch::Streaming, Fetch::Materialised].map(|fetch| measure(&file, &columns, rows, fetch, 1).0);
    assert_eq!(answers[0].rows, rows, "every row is delivered");
    assert_eq!(answers[0], answers[1], "both ways of fetching give the same rows and sums");

    for fetch in [Fetch::Streaming, Fetch::Materialised] {
        let (_, seconds) = measure(&file, &columns, rows, fetch, ROUNDS);
        println!("{fetch:?}: {:.2} M rows/s", rows as f64 / seconds / 1e6);
    }
    let scanner = open(&file, Fetch::Streaming);
    let started = Instant::now();
    for _ in 0..100 {
        scanner.scan(&request(&file, &columns, 0, 1)).expect("starts").next_batch().expect("reads");
    }
    println!("first row of a scan: {:.2} ms", started.elapsed().as_secs_f64() * 10.0);
}

#[derive(Debug, PartialEq)]
struct Answer {
    rows: u64,
    sum: u64,
}

/// The answer, and the seconds of the fastest of `rounds` scans of the file, chunk by chunk as a job would.
fn measure(file: &Path, columns: &[String], rows: u64, fetch: Fetch, rounds: usize) -> (Answer, f64) {
    let scanner = open(file, fetch);
    let mut best = f64::INFINITY;
    let mut answer = Answer { rows: 0, sum: 0 };
    for _ in 0..rounds {
        let started = Instant::now();
        let (mut sum, mut delivered) = (0u64, 0);
        let mut scratch = Numbers::default();
        for first_row in (0..rows).step_by(usize::try_from(CHUNK_ROWS).expect("fits")) {
            let wanted = request(file, columns, first_row, CHUNK_ROWS.min(rows - first_row));
            let mut scan = scanner.scan(&wanted).expect("the scan starts");
            while let Some(batch) = scan.next_batch().expect("the scan reads") {
                delivered += batch.num_rows() as u64;
                for column in batch.columns() {
                    let values = numeric(column, &mut scratch).expect("numbers").values;
                    sum = values.iter().fold(sum, |sum, value| sum.wrapping_add(value.to_bits()));
                }
            }
        }
        best = best.min(started.elapsed().as_secs_f64());
        answer = Answer { rows: delivered, sum };
    }
    (answer, best)
}

fn open(file: &Path, fetch: Fetch) -> Scanner {
    let options = ScannerOptions {
        library: library::library(),
        files: vec![file.to_path_buf()],
        temp_directory: None,
        memory_limit_bytes: None,
        copied_bytes_max: None,
        fetch,
    };
    Scanner::open(&options).expect("the scanner opens")
}

fn request(file: &Path, columns: &[String], first_row: u64, rows: u64) -> ScanRequest {
    ScanRequest {
        file: file.to_path_buf(),
        columns: columns.to_vec(),
        copied: Vec::new(),
        shifted: Vec::new(),
        first_row,
        rows,
        condition: None,
    }
}

/// The `f64` columns of the file and its number of rows, from its footer.
fn shape(file: &Path) -> (Vec<String>, u64) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).expect("opens")).expect("a Parquet file");
    let rows = u64::try_from(reader.metadata().file_metadata().num_rows()).expect("a count");
    let floats = reader.schema().fields().iter().filter(|field| field.data_type() == &DataType::Float64);
    (floats.map(|field| field.name().clone()).collect(), rows)
}

/// A million rows of ten columns.
fn sample(directory: &Path) -> PathBuf {
    let path = directory.join("sample.parquet");
    let numbers = |seed: u32| -> ArrayRef {
        let values = (0..1_000_000u32).map(|row| f64::from(row.wrapping_mul(2_654_435_761) ^ seed) * 1e-3);
        Arc::new(Float64Array::from_iter_values(values))
    };
    let columns = (0..10).map(|index| (format!("f{index}"), numbers(index)));
    let batch = RecordBatch::try_from_iter(columns).expect("equal lengths");
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(122_880)).build();
    let file = File::create(&path).expect("creates");
    let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).expect("writes");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
    path
}
