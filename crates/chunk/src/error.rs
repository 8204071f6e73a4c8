//! One error for the whole road.

use batch_core_kernels::{FitError, LevelError, ModelError};
use batch_core_parts::{PartsError, SourceError};
use batch_core_scan::ScanError;
use std::path::PathBuf;

/// What went wrong with a chunk. `code` decides whether a retry can help; the rest is for people.
#[derive(Debug)]
pub struct ChunkError {
    /// One of the table in `docs/errors.md`.
    pub code: &'static str,
    /// What is wrong, in a sentence.
    pub message: String,
    /// The file it is about.
    pub file: Option<PathBuf>,
    /// The column it is about.
    pub column: Option<String>,
    /// The row group of the file, where one is known to be at fault.
    pub row_group: Option<u64>,
    /// What to do about it.
    pub hint: Option<&'static str>,
}

/// What to do about a missing cell where none may be.
pub(crate) const MISSING: &str = "write the cell, or count such cells as their column's centre (--missing center), or leave such rows without a score (--missing skip)";

impl ChunkError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), file: None, column: None, row_group: None, hint: None }
    }

    pub(crate) fn cancelled() -> Self {
        Self::new("CANCELLED", "the chunk was asked to stop")
    }
}

impl std::fmt::Display for ChunkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for ChunkError {}

impl From<ScanError> for ChunkError {
    fn from(error: ScanError) -> Self {
        Self { file: error.file, column: error.column, ..Self::new(error.code, error.message) }
    }
}

impl From<PartsError> for ChunkError {
    fn from(error: PartsError) -> Self {
        Self { file: Some(error.path.clone()), ..Self::new(error.code(), error.message) }
    }
}

impl From<SourceError> for ChunkError {
    /// Damage comes without the file, which the walk was given.
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::File(error) => error.into(),
            SourceError::Damage(damage) => Self {
                row_group: Some(damage.row_group),
                message: damage.to_string(),
                column: Some(damage.column),
                ..Self::new("SOURCE_DAMAGED", "")
            },
            SourceError::Stopped => Self::cancelled(),
        }
    }
}

impl From<FitError> for ChunkError {
    fn from(error: FitError) -> Self {
        Self { hint: error.hint(), ..Self::new(error.code(), error.to_string()) }
    }
}

impl From<LevelError> for ChunkError {
    fn from(error: LevelError) -> Self {
        Self::new("CONFIG", error.to_string())
    }
}

impl From<ModelError> for ChunkError {
    fn from(error: ModelError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl From<arrow_schema::ArrowError> for ChunkError {
    /// Arrow only complains of arrays that we built.
    fn from(error: arrow_schema::ArrowError) -> Self {
        Self::new("BUG", format!("output batch: {error}"))
    }
}
