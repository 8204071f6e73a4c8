//! A worker: carries out tasks on the thread that calls, one chunk after the other.

use crate::digest::sha256;
use crate::task::{Artifact, Chunk, RowRange, Task, Work};
use crate::{ChunkError, Receipt, Summary, TASK_VERSION, Watch, Yield, fit, rank, score, summary, verify};
use batch_core_kernels::{Fit, Model};
use batch_core_parts::PartsError;
use batch_core_scan::{Fetch, Scanner, ScannerOptions};
use std::path::{Path, PathBuf};

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

/// A scanner, and the artifact that was used last.
pub struct Worker {
    scanner: Scanner,
    directory: PathBuf,
    held: Option<(String, Held)>,
}

/// An artifact in memory. One at a time: the state of a fit may be large, and no two are wanted in turn.
enum Held {
    Fit(Box<Fit>),
    Model(Box<Model>),
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
        Ok(Self { scanner, directory, held: None })
    }

    /// Does the work of `task` on each of its ranges, in order, and gives the receipt of each as soon as what it tells of is
    /// on the disk. `watch` counts the rows meanwhile and may cancel.
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
        for range in &task.ranges {
            let result = self.carry_out(task, range, watch)?;
            give(Receipt { chunk: range.chunk, result })?;
        }
        Ok(())
    }

    fn carry_out(&mut self, task: &Task, range: &RowRange, watch: &Watch) -> Result<Yield, ChunkError> {
        let chunk = Chunk { source: &task.source, range };
        match &task.work {
            Work::Summarize { fit } => {
                let target = self.target(range)?;
                let (scanner, fit) = self.with_fit(fit)?;
                keep(&target, fit::summarize(scanner, chunk, fit, watch)?)
            }
            Work::Rank { model, missing, count } => {
                let target = self.target(range)?;
                let (scanner, model) = self.with_model(model)?;
                let top = rank::rank(scanner, chunk, model, *missing, *count as usize, watch)?;
                keep(&target, top.into_bytes())
            }
            Work::Score { model, scoring } => {
                let part = score::Target {
                    path: self.target(range)?,
                    attempt: format!("{}.{}.{}", range.chunk, task.epoch, range.attempt),
                };
                let (scanner, model) = self.with_model(model)?;
                score::score(scanner, chunk, model, scoring, &part, watch).map(Yield::Part)
            }
            Work::Verify => verify::verify(chunk, watch).map(Yield::Verified),
        }
    }

    /// Where the file goes that is made of `range`.
    fn target(&self, range: &RowRange) -> Result<PathBuf, ChunkError> {
        let name = range.target.as_ref();
        let name = name.ok_or_else(|| ChunkError::new("BUG", format!("chunk {} has no target", range.chunk)))?;
        Ok(self.directory.join(name))
    }

    fn with_fit(&mut self, artifact: &Artifact) -> Result<(&Scanner, &Fit), ChunkError> {
        let parse = |bytes: &[u8]| Ok(Held::Fit(Box::new(Fit::from_bytes(bytes)?)));
        match hold(&mut self.held, &self.directory, artifact, parse)? {
            Held::Fit(fit) => Ok((&self.scanner, fit)),
            Held::Model(_) => Err(other_kind(artifact)),
        }
    }

    fn with_model(&mut self, artifact: &Artifact) -> Result<(&Scanner, &Model), ChunkError> {
        let parse = |bytes: &[u8]| Ok(Held::Model(Box::new(Model::from_bytes(bytes)?)));
        match hold(&mut self.held, &self.directory, artifact, parse)? {
            Held::Model(model) => Ok((&self.scanner, model)),
            Held::Fit(_) => Err(other_kind(artifact)),
        }
    }
}

/// The artifact, which is read from its file unless it was used last: a file with other bytes is not believed.
fn hold<'h>(
    slot: &'h mut Option<(String, Held)>,
    directory: &Path,
    artifact: &Artifact,
    parse: impl FnOnce(&[u8]) -> Result<Held, ChunkError>,
) -> Result<&'h Held, ChunkError> {
    let held = match slot.take() {
        Some((sha256, held)) if sha256 == artifact.sha256 => held,
        before => {
            drop(before);
            parse(&read(&directory.join(&artifact.name), &artifact.sha256)?)?
        }
    };
    Ok(&slot.insert((artifact.sha256.clone(), held)).1)
}

fn read(path: &Path, expected: &str) -> Result<Vec<u8>, ChunkError> {
    let bytes = std::fs::read(path).map_err(|error| PartsError::io("read", path, error))?;
    if sha256(&bytes) == expected {
        return Ok(bytes);
    }
    let message = format!("{} is not what this job wrote there", path.display());
    Err(ChunkError { file: Some(path.into()), ..ChunkError::new("JOB_DAMAGED", message) })
}

fn other_kind(artifact: &Artifact) -> ChunkError {
    ChunkError::new("BUG", format!("{} is not of the kind that its task says", artifact.name.display()))
}

fn keep(target: &Path, bytes: Vec<u8>) -> Result<Yield, ChunkError> {
    Ok(Yield::Summary(Summary { bytes: summary::keep_summary(target, bytes)? }))
}
