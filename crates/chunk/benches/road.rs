//! Seconds per part of the road of scored chunks, on one thread, over all `f64` columns of a file: of the processor, and of
//! the clock.
//!
//!     BATCH_CORE_BENCH_FILE=data/gaussian-20000000.parquet cargo bench -p batch-core-chunk
//!
//! The stretches of the road are gone one after the other, each from the start: scan; scan and kernel; the same and parts
//! that are left to the page cache; durable parts. What a stretch adds is its cost. What the write takes of it is told by
//! writing the same bytes once more. The answer comes first: every way sees every row and flags as many, and the parts
//! are the same each time. Every way reads the file in one scan. Without a file, one is made. `bench/road.js` reads the table
//! that is printed.

#[path = "../../scan/src/tests/library.rs"]
mod library;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use arrow_schema::DataType;
use batch_core_chunk::{
    Artifact, Compression, Environment, Flag, PartFormat, Receipt, RowRange, Scoring, Source, TASK_VERSION, Task,
    Watch, Work, Worker, Yield, kept_summary,
};
use batch_core_kernels::{Batch, Column, Fit, FitSpec, Level, Missing, Model, Next};
use batch_core_scan::{Fetch, Numbers, ScanRequest, Scanner, ScannerOptions, numeric};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 5;
const CHUNK_ROWS: u64 = 1 << 20;
/// The figures are for so many rows, whatever the file has.
const ROWS: f64 = 20e6;

fn main() {
    let home = std::env::var_os("BENCH_DIRECTORY").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(home).expect("a temporary directory");
    let file = std::env::var_os("BATCH_CORE_BENCH_FILE").map_or_else(|| sample(directory.path()), PathBuf::from);
    std::fs::create_dir(directory.path().join("parts")).expect("creates");
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
        let encode = written.less(kernel).less(rewritten);
        let parts = [scan, kernel.less(scan), encode, rewritten, durable.less(written)];
        // The first round warms the page cache.
        seconds.iter_mut().zip(parts).filter(|_| round > 0).for_each(|(all, part)| all.push(part));
    }
    println!("seconds for 20 million rows, medians of {ROUNDS} rounds");
    println!("{:<24}{:>10}{:>10}", "part", "processor", "wall");
    for (name, all) in names.into_iter().zip(seconds) {
        let median = |of: fn(&Seconds) -> f64| {
            let mut all: Vec<_> = all.iter().map(of).collect();
            all.sort_by(f64::total_cmp);
            all[ROUNDS / 2] * ROWS / road.rows as f64
        };
        println!("{name:<24}{:>10.3}{:>10.3}", median(|seconds| seconds.processor), median(|seconds| seconds.wall));
    }
}

/// What something took.
#[derive(Clone, Copy, Default)]
struct Seconds {
    /// Of this thread.
    processor: f64,
    wall: f64,
}

impl Seconds {
    fn and(self, other: Self) -> Self {
        Self { processor: self.processor + other.processor, wall: self.wall + other.wall }
    }

    fn less(self, other: Self) -> Self {
        Self { processor: self.processor - other.processor, wall: self.wall - other.wall }
    }
}

/// Processor seconds of this thread.
fn processor_seconds() -> f64 {
    let ticks = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    ticks.split(' ').next().and_then(|nanos| nanos.parse::<f64>().ok()).map_or(f64::NAN, |nanos| nanos / 1e9)
}

fn timed(work: impl FnOnce()) -> Seconds {
    let (processor, clock) = (processor_seconds(), Instant::now());
    work();
    Seconds { processor: processor_seconds() - processor, wall: clock.elapsed().as_secs_f64() }
}

struct Road {
    scanner: Scanner,
    worker: RefCell<Worker>,
    source: Source,
    columns: Vec<String>,
    rows: u64,
    ranges: Vec<RowRange>,
    model: Model,
    artifact: Artifact,
    threshold: f64,
    directory: PathBuf,
}

impl Road {
    fn of(file: &Path, directory: &Path) -> Self {
        let (columns, groups) = shape(file);
        let (ranges, rows) = (ranges(&groups), groups.iter().sum());
        let source = Source { path: file.into(), index: 0, shifted: Vec::new() };
        let (library, files) = (library::library(), vec![file.to_path_buf()]);
        let scanner = Scanner::open(&ScannerOptions {
            library: library.clone(),
            files: files.clone(),
            temp_directory: None,
            memory_limit_bytes: None,
            copied_bytes_max: None,
            fetch: Fetch::Streaming,
        })
        .expect("the scanner opens");
        let directory = directory.to_path_buf();
        let environment = Environment {
            library,
            files,
            directory: directory.clone(),
            memory_limit_bytes: None,
            kept_bytes_max: None,
        };
        let mut worker = Worker::open(environment).expect("the worker opens");
        let fit = Fit::new(FitSpec {
            detector: "zscore".into(),
            parameters: BTreeMap::new(),
            columns: columns.clone(),
            seed: 0,
            rows,
            missing: Missing::Center,
            fit_rows: None,
            condition: None,
            maybe_identifiers: Vec::new(),
            forest: None,
        })
        .expect("a fit");
        let work = Work::Summarize { fit: artifact(&directory, "fit.state", &fit.observer_bytes()) };
        let mut merger = fit.merger(Level::detect());
        for result in run(&mut worker, &source, &ranges, work) {
            let Yield::Summary(summary) = result else { panic!("a summary was asked for") };
            merger.add(&kept_summary(&summary.bytes).expect("is kept")).expect("merges");
        }
        let Ok(Next::Model(model)) = merger.finish() else { panic!("z-scores take one pass") };
        let artifact = artifact(&directory, "model.bcm", &model.to_bytes());
        let threshold = model.threshold(0.01).unwrap().value;
        Self { scanner, worker: worker.into(), source, columns, rows, ranges, model, artifact, threshold, directory }
    }

    /// All rows, in one scan, as a task of all ranges reads them.
    fn batches(&self, mut each: impl FnMut(&RecordBatch)) {
        let request = ScanRequest {
            file: self.source.path.clone(),
            columns: self.columns.clone(),
            copied: Vec::new(),
            shifted: Vec::new(),
            first_row: 0,
            rows: self.rows,
            condition: None,
        };
        let mut scan = self.scanner.scan(&request).expect("the scan starts");
        while let Some(batch) = scan.next_batch().expect("the scan reads") {
            each(&batch);
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
        let format = PartFormat {
            compression: Compression::Zstd { level: 1 },
            row_group_rows: 122_880,
            metadata: Vec::new(),
            chunk_key: "chunk".into(),
            durable,
        };
        let scoring = Scoring {
            missing: Missing::Center,
            flag: Flag::Above { score: self.threshold },
            explain: 0,
            keep: Vec::new(),
            file_column: None,
            best: 10,
            format,
        };
        let work = Work::Score { model: self.artifact.clone(), scoring };
        let results = run(&mut self.worker.borrow_mut(), &self.source, &self.ranges, work);
        let parts = results.into_iter().map(|result| match result {
            Yield::Part(part) => (part.file, part.findings.flagged),
            _ => panic!("a part was asked for"),
        });
        let (files, flagged): (Vec<_>, Vec<_>) = parts.unzip();
        assert_eq!(files.iter().map(|file| file.rows).sum::<u64>(), self.rows);
        (files.into_iter().map(|file| file.sha256).collect(), flagged.iter().sum())
    }

    /// Writes the bytes of all parts once more; what that takes.
    fn rewritten(&self) -> Seconds {
        let mut seconds = Seconds::default();
        for target in self.ranges.iter().filter_map(|range| range.target.as_ref()) {
            let bytes = std::fs::read(self.directory.join(target)).expect("reads");
            let path = self.directory.join("again");
            seconds = seconds.and(timed(|| {
                let mut file = File::create(&path).expect("creates");
                bytes.chunks(1 << 18).for_each(|bytes| file.write_all(bytes).expect("writes"));
            }));
            std::fs::remove_file(path).expect("removes");
        }
        seconds
    }
}

/// What came of each range.
fn run(worker: &mut Worker, source: &Source, ranges: &[RowRange], work: Work) -> Vec<Yield> {
    let task = Task { v: TASK_VERSION, epoch: 1, source: source.clone(), ranges: ranges.to_vec(), work };
    let mut results = Vec::new();
    let mut give = |receipt: Receipt| {
        results.push(receipt.result);
        Ok(())
    };
    worker.run(&task, &Watch::default(), &mut give).expect("the task is done");
    results
}

/// Writes `bytes` where workers find them.
fn artifact(directory: &Path, name: &str, bytes: &[u8]) -> Artifact {
    let path = directory.join(name);
    std::fs::write(&path, bytes).expect("writes");
    Artifact { sha256: batch_core_parts::digest(&path).expect("reads"), name: name.into() }
}

/// Row groups, taken together up to a chunk's rows, as a plan does.
fn ranges(groups: &[u64]) -> Vec<RowRange> {
    let mut ranges: Vec<RowRange> = Vec::new();
    let mut first_row = 0;
    for (first_row_group, rows) in (0..).zip(groups) {
        let fits = |range: &&mut RowRange| range.row_group_rows.iter().sum::<u64>() + rows <= CHUNK_ROWS;
        if let Some(range) = ranges.last_mut().filter(fits) {
            range.row_group_rows.push(*rows);
        } else {
            let chunk = u32::try_from(ranges.len()).expect("few");
            let target = Some(format!("parts/{chunk}.parquet").into());
            ranges.push(RowRange {
                chunk,
                attempt: 1,
                first_row_group,
                first_row,
                row_group_rows: vec![*rows],
                target,
            });
        }
        first_row += rows;
    }
    ranges
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
