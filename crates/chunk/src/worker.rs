//! A worker: carries out tasks on the thread that calls, one chunk after the other.

use crate::artifacts::Artifacts;
use crate::operation::Operation;
use crate::task::{RowRange, Task};
use crate::{ChunkError, Receipt, TASK_VERSION, Watch};
use batch_core_scan::{Fetch, Scanner, ScannerOptions};
use std::path::PathBuf;

/// What a worker needs and no task tells.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The DuckDB library.
    pub library: PathBuf,
    /// The only files that may be read as sources.
    pub files: Vec<PathBuf>,
    /// The job's directory: its artifacts are read from there, what is made is written there, and DuckDB may spill there.
    pub directory: PathBuf,
    /// DuckDB's own limit of memory.
    pub memory_limit_bytes: Option<u64>,
    /// What the kept columns of a batch may take.
    pub kept_bytes_max: Option<u64>,
}

/// A scanner, and what the last task needed.
pub struct Worker {
    scanner: Scanner,
    directory: PathBuf,
    artifacts: Artifacts,
}

impl Worker {
    /// Opens a locked-down scanner on this thread.
    ///
    /// # Errors
    /// `CONFIG` when the library is missing or of another version, or when DuckDB refuses an option.
    pub fn open(environment: Environment) -> Result<Self, ChunkError> {
        let Environment { library, files, directory, memory_limit_bytes, kept_bytes_max } = environment;
        let scanner = Scanner::open(&ScannerOptions {
            library,
            files,
            temp_directory: Some(directory.clone()),
            memory_limit_bytes,
            copied_bytes_max: kept_bytes_max,
            fetch: Fetch::Streaming,
        })?;
        Ok(Self { scanner, artifacts: Artifacts::new(directory.clone()), directory })
    }

    /// Does the work of `task` on each of its ranges, in order, and gives the receipt of each as soon as what it tells of is
    /// on the disk. `watch` counts the rows meanwhile and may cancel, or drain: then the ranges after the one at work are not
    /// begun.
    ///
    /// # Errors
    /// What scan, kernels and disk report, `CANCELLED`, and what `give` returns. Ranges whose receipt was given are done;
    /// the next is the one that failed, and those after it were not begun.
    pub fn run(
        &mut self,
        task: &Task,
        watch: &Watch,
        give: &mut dyn FnMut(Receipt) -> Result<(), ChunkError>,
    ) -> Result<(), ChunkError> {
        if task.v != TASK_VERSION {
            let message = format!("a task of version {} was given to a worker of version {TASK_VERSION}", task.v);
            return Err(ChunkError::new("CONFIG", message));
        }
        let Self { scanner, directory, artifacts } = self;
        let operation = Operation::of(&task.work, artifacts)?;
        let mut reader = None;
        // Who reads several chunks in one scan reads ahead. If that fails, each is read alone: then it tells itself what is wrong
        // with it.
        let mut together = task.ranges.len() > 1;
        for (index, range) in task.ranges.iter().enumerate() {
            if index > 0 && watch.is_drained() {
                break;
            }
            let rows_before = watch.rows();
            let mut carry_out = |ranges: &[RowRange]| {
                if reader.is_none() {
                    reader = operation.reader(scanner, task, ranges)?;
                }
                let result = operation.carry_out(reader.as_mut(), (task, range), directory, watch);
                reader = reader.take().filter(|_| ranges.len() > 1 && result.is_ok());
                result
            };
            let mut result = carry_out(if together { &task.ranges[index..] } else { &task.ranges[index..=index] });
            if together && result.as_ref().is_err_and(|error| error.file.as_ref() == Some(&task.source.path)) {
                together = false;
                watch.set_rows(rows_before);
                result = carry_out(&task.ranges[index..=index]);
            }
            give(Receipt { chunk: range.chunk, result: result? })?;
        }
        Ok(())
    }
}
