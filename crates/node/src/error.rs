//! Codes across the waist.

use batch_core_chunk::ChunkError;
use batch_core_kernels::{FitError, LevelError, ModelError};
use batch_core_parts::PartsError;
use batch_core_scan::ScanError;
use napi_derive::napi;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// An error as JavaScript gets it: `code` is the class, `message` a JSON record of message, file, column, row group and
/// hint.
pub(crate) type Thrown = napi::Error<String>;

/// Runs `call` and makes a thrown error of whatever goes wrong, panics too.
pub(crate) fn waist<T, E: Into<ChunkError>>(call: impl FnOnce() -> Result<T, E>) -> Result<T, Thrown> {
    caught(call).map_err(|error| thrown(&error))
}

/// Runs `call`; a panic is an error of ours.
pub(crate) fn caught<T, E: Into<ChunkError>>(call: impl FnOnce() -> Result<T, E>) -> Result<T, ChunkError> {
    // Unwind safety: a call's own state dies with it, and what outlives it (scanner, watch) is read by no kernel
    // half-way through a change.
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.into()),
        Err(panic) => {
            let said = panic
                .downcast_ref::<String>()
                .map(String::as_str)
                .or_else(|| panic.downcast_ref::<&str>().copied())
                .unwrap_or("no message");
            Err(failure("BUG", format!("a panic in the native half: {said}")))
        }
    }
}

/// An error as data.
#[napi(object)]
pub struct FailureRecord {
    /// Its code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// The file it is about.
    pub file: Option<String>,
    /// The column it is about.
    pub column: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
}

impl From<&ChunkError> for FailureRecord {
    fn from(error: &ChunkError) -> Self {
        Self {
            code: error.code.to_string(),
            message: error.message.clone(),
            file: error.file.as_ref().map(|file| file.to_string_lossy().into_owned()),
            column: error.column.clone(),
            hint: error.hint.map(str::to_owned),
        }
    }
}

/// An error of the waist's own.
pub(crate) fn failure(code: &'static str, message: impl Into<String>) -> ChunkError {
    ChunkError { code, message: message.into(), file: None, column: None, row_group: None, hint: None }
}

fn thrown(error: &ChunkError) -> Thrown {
    let record = serde_json::json!({
        "message": error.message,
        "file": error.file.as_ref().map(|f| f.to_string_lossy()),
        "column": error.column,
        "rowGroup": error.row_group,
        "hint": error.hint,
    });
    napi::Error::new(error.code.to_string(), record.to_string())
}

/// Lets `?` carry the crates' errors in a closure that returns [`ChunkError`].
pub(crate) trait Carry<T> {
    fn carry(self) -> Result<T, ChunkError>;
}

macro_rules! carries {
    ($($error:ty),*) => { $(impl<T> Carry<T> for Result<T, $error> {
        fn carry(self) -> Result<T, ChunkError> { self.map_err(Into::into) }
    })* };
}
carries!(FitError, LevelError, ModelError, PartsError, ScanError);
