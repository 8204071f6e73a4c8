//! Parquet files written by DuckDB itself, and scans of them in one line.

use super::library::library;
use crate::api::{self, Api};
use crate::database::{Connection, Database};
use crate::{Fetch, ScanRequest, Scanner, ScannerOptions};
use arrow_array::RecordBatch;
use batch_core_error::Error;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) fn duckdb() -> &'static Api {
    api::load(&library()).expect("the DuckDB library loads")
}

/// A connection without any lock-down.
pub(crate) fn unlocked() -> Connection {
    Connection::open(&Database::open_unlocked(duckdb(), None).expect("opens")).expect("connects")
}

/// A directory of files; removed on drop.
pub(crate) struct Fixture {
    pub(crate) directory: TempDir,
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self { directory: tempfile::tempdir().expect("a temporary directory") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the rows of `select` as `name`, whatever characters that has.
    pub(crate) fn write(&self, name: &str, select: &str) -> PathBuf {
        self.write_with(name, select, "")
    }

    /// The same with further options of `COPY`, such as `, ROW_GROUP_SIZE 2048`.
    pub(crate) fn write_with(&self, name: &str, select: &str, options: &str) -> PathBuf {
        let plain = self.path("being-written.parquet");
        let sql = format!("COPY ({select}) TO '{}' (FORMAT parquet{options})", plain.display());
        unlocked().run(&sql).unwrap_or_else(|failure| panic!("{sql}: {}", failure.text));
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("makes directories");
        std::fs::rename(plain, &path).expect("renames");
        path
    }
}

pub(crate) fn options(files: &[&Path]) -> ScannerOptions {
    ScannerOptions {
        library: library(),
        files: files.iter().map(|file| file.to_path_buf()).collect(),
        temp_directory: None,
        memory_limit_bytes: None,
        copied_bytes_max: None,
        fetch: Fetch::Streaming,
    }
}

pub(crate) fn open(files: &[&Path]) -> Scanner {
    Scanner::open(&options(files)).expect("the scanner opens")
}

pub(crate) fn request(file: &Path, columns: &[&str], copied: &[&str], rows: std::ops::Range<u64>) -> ScanRequest {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    ScanRequest {
        file: file.to_path_buf(),
        columns: owned(columns),
        copied: owned(copied),
        shifted: Vec::new(),
        first_row: rows.start,
        rows: rows.end - rows.start,
        condition: None,
    }
}

/// All batches of a request.
pub(crate) fn try_scan(scanner: &Scanner, request: &ScanRequest) -> Result<Vec<RecordBatch>, Error> {
    let mut scan = scanner.scan(request)?;
    let mut batches = Vec::new();
    while let Some(batch) = scan.next_batch()? {
        batches.push(batch);
    }
    Ok(batches)
}

/// All batches of a file that must be readable.
pub(crate) fn scan(file: &Path, columns: &[&str], copied: &[&str], rows: std::ops::Range<u64>) -> Vec<RecordBatch> {
    try_scan(&open(&[file]), &request(file, columns, copied, rows)).expect("the file scans")
}

/// The error of a scan that must fail.
pub(crate) fn scan_error(file: &Path, columns: &[&str], copied: &[&str], rows: std::ops::Range<u64>) -> Error {
    try_scan(&open(&[file]), &request(file, columns, copied, rows)).expect_err("the scan fails")
}
