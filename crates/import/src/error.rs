//! What can be wrong with a file that is to be imported.

use batch_core_error::{Code, Error};
use serde::Deserialize;

/// By what the kinds of JSON are told apart.
#[derive(Deserialize)]
pub(crate) struct Kind {
    pub(crate) schema: Option<String>,
    pub(crate) task_type: Option<String>,
}

/// The file is damaged, or contradicts itself.
pub(crate) fn invalid(message: impl Into<String>) -> Error {
    Error::new(Code::ForestInvalid, message)
}

/// The file is no isolation forest, or has what is not read.
pub(crate) fn unsupported(message: impl Into<String>) -> Error {
    Error::new(Code::ForestUnsupported, message)
}
