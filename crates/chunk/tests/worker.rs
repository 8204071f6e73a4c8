//! Tasks on real files, through the real DuckDB.
#![cfg(unix)]

#[path = "../../scan/src/tests/library.rs"]
mod library;

use arrow_array::{ArrayRef, Float64Array, RecordBatch};
use batch_core_chunk::{
    Artifact, Compression, Environment, Flag, PartFormat, Receipt, RowRange, Scoring, Source, TASK_VERSION, Task,
    Watch, Work, Worker, Yield, kept_summary,
};
use batch_core_error::{Code, Error};
use batch_core_kernels::{Fit, FitSpec, Level, Missing, Next};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Rows of each row group: none a multiple of DuckDB's vectors.
const GROUPS: [u64; 6] = [3_000, 2_048, 5_001, 1, 4_095, 2_500];

struct Job {
    directory: tempfile::TempDir,
}

impl Job {
    fn new() -> Self {
        let job = Self { directory: tempfile::tempdir().unwrap() };
        std::fs::create_dir(job.path("parts")).unwrap();
        let column = |seed: u32| -> ArrayRef {
            let rows = u32::try_from(GROUPS.iter().sum::<u64>()).unwrap();
            Arc::new(Float64Array::from_iter_values(
                (0..rows).map(|row| f64::from(row.wrapping_mul(2_654_435_761) ^ seed)),
            ))
        };
        let batch = RecordBatch::try_from_iter([("a", column(1)), ("b", column(2))]).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(job.source()).unwrap(), batch.schema(), None).unwrap();
        let mut first = 0;
        for rows in GROUPS {
            let rows = usize::try_from(rows).unwrap();
            writer.write(&batch.slice(first, rows)).unwrap();
            writer.flush().unwrap();
            first += rows;
        }
        writer.close().unwrap();
        job
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn source(&self) -> PathBuf {
        self.path("in.parquet")
    }

    fn worker(&self) -> Worker {
        Worker::open(Environment {
            library: library::library(),
            files: vec![self.source()],
            directory: self.directory.path().into(),
            memory_limit_bytes: None,
            kept_bytes_max: None,
        })
        .unwrap()
    }

    fn artifact(&self, name: &str, bytes: &[u8]) -> Artifact {
        std::fs::write(self.path(name), bytes).unwrap();
        Artifact { sha256: batch_core_parts::digest(&self.path(name)).unwrap(), name: name.into() }
    }

    fn summarizing(&self) -> Work {
        Work::Summarize { fit: self.artifact("fit.state", &fit().observer_bytes()) }
    }

    fn scoring(&self) -> Work {
        let mut merger = fit().merger(Level::detect());
        for receipt in self.run(&ranges("summary"), self.summarizing()).0 {
            let Yield::Summary(summary) = receipt.result else { panic!("a summary was asked for") };
            merger.add(&kept_summary(&summary.bytes).unwrap()).unwrap();
        }
        let Next::Model(model) = merger.finish().unwrap() else { panic!("z-scores take one pass") };
        let format = PartFormat {
            compression: Compression::Zstd { level: 1 },
            row_group_rows: 4_096,
            metadata: vec![("key".into(), "value".into())],
            chunk_key: "chunk".into(),
            durable: true,
        };
        let scoring = Scoring {
            missing: Missing::Center,
            flag: Flag::Above { score: model.threshold(0.01).unwrap().value },
            explain: 2,
            keep: vec!["b".into()],
            file_column: None,
            best: 3,
            format,
        };
        Work::Score { model: self.artifact("model.bcm", &model.to_bytes()), scoring }
    }

    fn run(&self, ranges: &[RowRange], work: Work) -> (Vec<Receipt>, Result<(), Error>) {
        self.watched(ranges, work, &Watch::default(), |_| {})
    }

    fn watched(
        &self,
        ranges: &[RowRange],
        work: Work,
        watch: &Watch,
        mut hear: impl FnMut(&Receipt),
    ) -> (Vec<Receipt>, Result<(), Error>) {
        let source = Source { path: self.source(), index: 0, shifted: Vec::new() };
        let task = Task { v: TASK_VERSION, epoch: 1, source, ranges: ranges.to_vec(), work };
        let mut receipts = Vec::new();
        let ended = self.worker().run(&task, watch, &mut |receipt| {
            hear(&receipt);
            receipts.push(receipt);
            Ok(())
        });
        (receipts, ended)
    }
}

/// Chunks of two row groups each.
fn ranges(target: &str) -> Vec<RowRange> {
    let mut first_row = 0;
    let range = |(chunk, groups): (usize, &[u64])| {
        let range = RowRange {
            chunk: u32::try_from(chunk).unwrap(),
            attempt: 1,
            first_row_group: 2 * chunk as u64,
            first_row,
            row_group_rows: groups.to_vec(),
            target: Some(format!("{target}.{chunk}").into()),
        };
        first_row += groups.iter().sum::<u64>();
        range
    };
    GROUPS.chunks(2).enumerate().map(range).collect()
}

fn fit() -> Fit {
    Fit::new(FitSpec {
        detector: "zscore".into(),
        parameters: [].into(),
        columns: vec!["a".into(), "b".into()],
        seed: 0,
        rows: GROUPS.iter().sum(),
        missing: Missing::Center,
        fit_rows: None,
        condition: None,
        maybe_identifiers: Vec::new(),
        forest: None,
    })
    .unwrap()
}

fn chunks(receipts: &[Receipt]) -> Vec<u32> {
    receipts.iter().map(|receipt| receipt.chunk).collect()
}

/// Makes the first page of a row group's first column unreadable.
fn damage(path: &Path, group: usize) {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let (start, length) = reader.metadata().row_group(group).column(0).byte_range();
    let file = OpenOptions::new().write(true).open(path).unwrap();
    file.write_all_at(&vec![0xff; usize::try_from(length).unwrap()], start).unwrap();
}

#[test]
fn chunks_that_are_read_together_are_as_those_read_alone() {
    let job = Job::new();
    for work in [job.summarizing(), job.scoring()] {
        let ranges = self::ranges("parts/part");
        let watch = Watch::default();
        let (together, ended) = job.watched(&ranges, work.clone(), &watch, |_| {});
        ended.unwrap();
        assert_eq!((chunks(&together), watch.rows()), (vec![0, 1, 2], GROUPS.iter().sum()));
        let alone = ranges.iter().flat_map(|range| job.run(std::slice::from_ref(range), work.clone()).0);
        assert_eq!(together, alone.collect::<Vec<_>>());
    }
}

#[test]
fn damage_fails_the_chunk_that_has_it_and_none_before() {
    let job = Job::new();
    let work = job.scoring();
    damage(&job.source(), 2);
    let watch = Watch::default();
    let (receipts, ended) = job.watched(&ranges("parts/part"), work.clone(), &watch, |_| {});
    let error = ended.unwrap_err();
    assert_eq!((chunks(&receipts), error.place.file.as_deref()), (vec![0], Some(&*job.source())), "{}", error.message);
    assert!(watch.rows() < GROUPS[..4].iter().sum(), "what was read in vain is not counted");
    let left: Vec<_> = std::fs::read_dir(job.path("parts")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name == ".tmp" || name == "part.0"), "{left:?}");
    let (rest, ended) = job.run(&ranges("parts/part")[2..], work);
    ended.unwrap();
    assert_eq!(chunks(&rest), [2]);
}

#[test]
fn a_task_that_is_drained_ends_after_the_chunk_at_work() {
    let job = Job::new();
    let watch = Watch::default();
    let (receipts, ended) = job.watched(&ranges("summary"), job.summarizing(), &watch, |_| watch.drain());
    ended.unwrap();
    assert_eq!((chunks(&receipts), watch.rows()), (vec![0], GROUPS[..2].iter().sum()));
}

#[test]
fn a_task_that_is_cancelled_gives_no_receipt_of_the_chunk_at_work() {
    let job = Job::new();
    let watch = Watch::default();
    let (receipts, ended) = job.watched(&ranges("summary"), job.summarizing(), &watch, |_| watch.cancel());
    assert_eq!((chunks(&receipts), ended.unwrap_err().code), (vec![0], Code::Cancelled));
}

#[test]
fn ranges_that_are_no_neighbours_are_refused() {
    let job = Job::new();
    let mut ranges = self::ranges("summary");
    ranges.remove(1);
    let (receipts, ended) = job.run(&ranges, job.summarizing());
    assert_eq!((receipts.len(), ended.unwrap_err().code), (0, Code::Bug));
}
