//! The far side: one call per task.

use crate::convert::count;
use crate::error::{Thrown, waist};
use crate::long::{LongCall, LongOutcome};
use crate::watch;
use batch_core_chunk::{Environment, Receipt, Task, Worker};
use batch_core_error::Error;
use napi::bindgen_prelude::{AsyncTask, Function};
use napi_derive::napi;
use std::path::PathBuf;

/// What a worker needs and no task tells.
#[napi(object)]
pub struct WorkerOptions {
    /// Path of libduckdb.
    pub library: String,
    /// The exact files that may be read as sources.
    pub files: Vec<String>,
    /// The job's directory: what tasks name lies there, and DuckDB may spill there.
    pub directory: String,
    /// DuckDB's own memory limit.
    pub memory_limit_bytes: Option<i64>,
    /// What the kept columns of a batch may take.
    pub kept_bytes_max: Option<i64>,
}

/// Maps libduckdb, while the caller does something else.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn preload_library(path: String) -> AsyncTask<LongCall> {
    LongCall::of(move || batch_core_scan::preload(&PathBuf::from(path)).map(|()| LongOutcome::default()))
}

/// A thread's own worker.
#[napi]
pub struct ChunkWorker {
    worker: Worker,
}

#[napi]
impl ChunkWorker {
    /// Opens a worker with a locked-down scanner for this thread.
    #[napi(constructor)]
    pub fn new(options: WorkerOptions) -> Result<Self, Thrown> {
        waist(|| {
            let environment = Environment {
                library: options.library.into(),
                files: options.files.into_iter().map(PathBuf::from).collect(),
                directory: options.directory.into(),
                memory_limit_bytes: options.memory_limit_bytes.map(count).transpose()?,
                kept_bytes_max: options.kept_bytes_max.map(count).transpose()?,
            };
            Worker::open(environment).map(|worker| Self { worker })
        })
    }

    /// Carries out a task, given as JSON, under the watch of that number. `give` is called with each receipt, as JSON, while
    /// the next chunk is still to be done.
    #[napi]
    pub fn run(&mut self, task: String, watch: u32, give: Function<String, ()>) -> Result<(), Thrown> {
        waist(|| {
            let task: Task = serde_json::from_str(&task).map_err(|e| Error::bug(format!("a task: {e}")))?;
            let watch = watch::find(watch)?;
            self.worker.run(&task, &watch, &mut |receipt| pass_on(&give, &receipt))
        })
    }
}

fn pass_on(give: &Function<String, ()>, receipt: &Receipt) -> Result<(), Error> {
    let json = serde_json::to_string(receipt).map_err(|e| Error::bug(format!("a receipt: {e}")))?;
    give.call(json).map_err(|e| Error::bug(format!("a receipt was not taken: {e}")))
}
