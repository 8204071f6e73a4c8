//! CPU-seconds per part of the road of scored chunks, on one thread, over all `f64` columns of a file.
//!
//!     BATCH_CORE_BENCH_FILE=data/gaussian-20000000.parquet cargo bench -p batch-core-chunk
//!
//! The stretches of the road are gone one after the other, each from the start: scan; scan and kernel; the same and parts
//! that are left to the page cache; durable parts. What a stretch adds is its cost. What the write takes of it is told by
//! writing the same bytes once more. The answer comes first: every way sees every row and flags as many, and the parts
//! are the same each time. Without a file, one is made.

#[path = "../../scan/src/tests/library.rs"]
mod library;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::DataType;
use batch_core_chunk::{ChunkRange, Flag, PartRequest, ScoreRequest, Watch, score, summarize};
use batch_core_kernels::{Batch, Column, Fit, FitSpec, Level, Missing, Model, Next};
use batch_core_parts::PartOptions;
use batch_core_scan::{Fetch, Numbers, ScanRequest, Scanner, ScannerOptions, numeric};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const ROUNDS: usize = 5;
const CHUNK_ROWS: u64 = 1 << 20;
/// The figures are for so many rows, whatever the file has.
const ROWS: f64 = 20e6;

fn main() {
    let home = std::env::var_os("BENCH_DIRECTORY").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(home).expect("a temporary directory");
    let file = std::env::var_os("BATCH_CORE_BENCH_FILE").map_or_else(|| sample(directory.path()), PathBuf::from);
    let road = Road::of(&file, directory.path());
    println!("{}: {} rows x {} columns", file.display(), road.rows, road.columns.len());

    let names = ["scan", "kernel", "encode and hash", "write", "write back and sync"];
    let mut seconds = names.map(|_| Vec::new());
    let answer = road.scored(true);
    for round in 0..=ROUNDS {
        let scan = timed(|| assert_eq!(road.scanned(), road.rows));
        let kernel = timed(|| assert_eq!(road.flagged(), answer.1));
        let written = timed(|| assert_eq!(road.scored(false), answer));
        let rewritten = road.rewritten();
        let durable = timed(|| assert_eq!(road.scored(true), answer));
        let parts = [scan, kernel - scan, written - kernel - rewritten, rewritten, durable - written];
        // The first round warms the page cache.
        seconds.iter_mut().zip(parts).filter(|_| round > 0).for_each(|(all, part)| all.push(part));
    }
    println!("CPU-seconds for 20 million rows, the median of {ROUNDS} rounds");
    for (name, mut all) in names.into_iter().zip(seconds) {
        all.sort_by(f64::total_cmp);
        println!("{name:<24}{:>8.3}", all[ROUNDS / 2] * ROWS / road.rows as f64);
    }
}

/// Processor seconds of this thread.
fn processor_seconds() -> f64 {
    let ticks = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    ticks.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(f64::NAN, |nanos| nanos / 1e9)
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = processor_seconds();
    work();
    processor_seconds() - start
}

struct Road {
    scanner: Scanner,
    columns: Vec<String>,
    rows: u64,
    chunks: Vec<ChunkRange>,
    model: Model,
    threshold: f64,
    parts: PathBuf,
}

impl Road {
    fn of(file: &Path, directory: &Path) -> Self {
        let (columns, groups) = shape(file);
        let chunks = chunks(file, &groups);
        let rows = groups.iter().sum();
        let scanner = Scanner::open(&ScannerOptions {
            library: library::library(),
            files: vec![file.to_path_buf()],
            temp_directory: None,
            memory_limit_bytes: None,
            copied_bytes_max: None,
            fetch: Fetch::Streaming,
        })
        .expect("the scanner opens");
        let fit = Fit::new(FitSpec {
            detector: "zscore".into(),
            parameters: BTreeMap::new(),
            columns: columns.clone(),
            seed: 0,
            rows,
            contamination: 0.01,
            missing: Missing::Center,
        })
        .expect("a fit");
        let observe = |chunk| summarize(&scanner, chunk, &fit, &Watch::default()).expect("a summary");
        let summaries = chunks.iter().map(observe).collect();
        let Ok(Next::Model(model)) = fit.advance(summaries, Level::detect()) else { panic!("z-scores take one pass") };
        let threshold = model.threshold(0.01).value;
        let parts = directory.join("parts");
        std::fs::create_dir_all(&parts).expect("creates");
        Self { scanner, columns, rows, chunks, model, threshold, parts }
    }

    fn batches(&self, mut each: impl FnMut(&RecordBatch)) {
        for chunk in &self.chunks {
            let request = ScanRequest {
                file: chunk.file.clone(),
                columns: self.columns.clone(),
                copied: Vec::new(),
                shifted: Vec::new(),
                first_row: chunk.first_row,
                rows: chunk.rows(),
            };
            let mut scan = self.scanner.scan(&request).expect("the scan starts");
            while let Some(batch) = scan.next_batch().expect("the scan reads") {
                each(&batch);
            }
        }
    }

    /// Scans, and does nothing with it.
    fn scanned(&self) -> u64 {
        let mut rows = 0;
        self.batches(|batch| rows += batch.num_rows() as u64);
        rows
    }

    /// Scans and scores; how many rows are flagged.
    fn flagged(&self) -> u64 {
        let mut kernel = self.model.scorer(Level::detect(), Missing::Center);
        let mut numbers: Vec<Numbers> = self.columns.iter().map(|_| Numbers::default()).collect();
        let (mut scores, mut flagged) = (Vec::new(), 0);
        self.batches(|batch| {
            let columns = batch.columns().iter().zip(&mut numbers).map(|(array, numbers)| {
                let read = numeric(array, numbers).expect("numbers");
                Column::new(read.values, read.validity).expect("a column")
            });
            let columns: Vec<_> = columns.collect();
            scores.resize(batch.num_rows(), 0.0);
            kernel.score(&Batch::new(&columns, 0, 0).expect("a batch"), &mut scores);
            flagged += scores.iter().filter(|score| **score > self.threshold).count() as u64;
        });
        flagged
    }

    /// The whole road, without reasons: the digests of the parts, and how many rows are flagged.
    fn scored(&self, durable: bool) -> (Vec<String>, u64) {
        let (mut digests, mut flagged) = (Vec::new(), 0);
        for (index, chunk) in self.chunks.iter().enumerate() {
            let request = ScoreRequest {
                missing: Missing::Center,
                flag: Flag::Above(self.threshold),
                explain: 0,
                keep: Vec::new(),
                file_column: None,
                best: 10,
                part: PartRequest {
                    directory: self.parts.clone(),
                    name: format!("{index}.parquet"),
                    attempt: index.to_string(),
                    options: PartOptions { durable, ..PartOptions::default() },
                },
            };
            let receipt = score(&self.scanner, chunk, &self.model, &request, &Watch::default()).expect("a part");
            assert_eq!(receipt.part.rows, chunk.rows());
            digests.push(receipt.part.sha256);
            flagged += receipt.flagged;
        }
        (digests, flagged)
    }

    /// Writes the bytes of all parts once more; the seconds it takes.
    fn rewritten(&self) -> f64 {
        let mut seconds = 0.0;
        for index in 0..self.chunks.len() {
            let bytes = std::fs::read(self.parts.join(format!("{index}.parquet"))).expect("reads");
            let path = self.parts.join("again");
            seconds += timed(|| {
                let mut file = File::create(&path).expect("creates");
                bytes.chunks(1 << 18).for_each(|bytes| file.write_all(bytes).expect("writes"));
            });
            std::fs::remove_file(path).expect("removes");
        }
        seconds
    }
}

/// Row groups, taken together up to a chunk's rows, as a plan does.
fn chunks(file: &Path, groups: &[u64]) -> Vec<ChunkRange> {
    let mut chunks: Vec<ChunkRange> = Vec::new();
    let mut first_row = 0;
    for rows in groups {
        match chunks.last_mut().filter(|chunk| chunk.rows() + rows <= CHUNK_ROWS) {
            Some(chunk) => chunk.row_group_rows.push(*rows),
            None => chunks.push(ChunkRange {
                file: file.to_path_buf(),
                file_index: 0,
                first_row,
                row_group_rows: vec![*rows],
                shifted: Vec::new(),
            }),
        }
        first_row += rows;
    }
    chunks
}

/// The `f64` columns of the file and the rows of its row groups, from its footer.
fn shape(file: &Path) -> (Vec<String>, Vec<u64>) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(file).expect("opens")).expect("a Parquet file");
    let groups = reader.metadata().row_groups().iter();
    let rows = groups.map(|group| u64::try_from(group.num_rows()).expect("a count")).collect();
    let floats = reader.schema().fields().iter().filter(|field| field.data_type() == &DataType::Float64);
    (floats.map(|field| field.name().clone()).collect(), rows)
}

/// Four million rows of ten columns.
fn sample(directory: &Path) -> PathBuf {
    let path = directory.join("sample.parquet");
    let numbers = |seed: u32| -> ArrayRef {
        let values = (0..4_000_000u32).map(|row| f64::from(row.wrapping_mul(2_654_435_761) ^ seed) * 1e-3);
        Arc::new(Float64Array::from_iter_values(values))
    };
    let columns = (0..10).map(|index| (format!("f{index}"), numbers(index)));
    let batch = RecordBatch::try_from_iter(columns).expect("equal lengths");
    let mut writer = ArrowWriter::try_new(File::create(&path).expect("creates"), batch.schema(), None).expect("writes");
    writer.write(&batch).expect("writes");
    writer.close().expect("writes");
    path
}
