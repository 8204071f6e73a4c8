//! What can be wrong with data or settings, each with the code that decides how a run ends.

use batch_core_error::Code;
use std::error::Error;
use std::fmt;

/// Why a fit cannot be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FitError {
    /// The data allow no model; the message names the columns and what to do.
    Data(String),
    /// No column tells one row from another; the message says of each why.
    Constant(String),
    /// There is one row, and so nothing to tell it from.
    OneRow(String),
    /// A setting is unknown or out of its range; the message names what is allowed.
    Config(String),
    /// Summaries that do not belong to this fit: a mistake of the caller.
    Bug(String),
}

/// Why a model cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelError {
    /// The bytes are damaged, or are no model at all.
    Data(String),
    /// The model has the format of another version.
    Config(String),
}

impl FitError {
    /// `DATA`, `CONFIG` or `BUG`.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Data(_) | Self::Constant(_) | Self::OneRow(_) => Code::Data,
            Self::Config(_) => Code::Config,
            Self::Bug(_) => Code::Bug,
        }
    }

    /// What to do about it, where the message does not say.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Constant(_) => Some("choose columns that differ from row to row"),
            Self::OneRow(_) => Some("give a source with more rows, or score this one with a saved model"),
            Self::Data(_) | Self::Config(_) | Self::Bug(_) => None,
        }
    }
}

impl ModelError {
    /// `DATA` or `CONFIG`.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Data(_) => Code::Data,
            Self::Config(_) => Code::Config,
        }
    }
}

impl fmt::Display for FitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Data(message)
        | Self::Constant(message)
        | Self::OneRow(message)
        | Self::Config(message)
        | Self::Bug(message)) = self;
        f.write_str(message)
    }
}

impl fmt::Display for ModelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Data(message) | Self::Config(message)) = self;
        f.write_str(message)
    }
}

impl Error for FitError {}
impl Error for ModelError {}

impl From<FitError> for batch_core_error::Error {
    fn from(error: FitError) -> Self {
        Self::new(error.code(), error.to_string()).hinted(error.hint())
    }
}

impl From<ModelError> for batch_core_error::Error {
    fn from(error: ModelError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

/// Names in a sentence: `"a", "b" and 7 more`.
pub(crate) fn name_list(names: &[String]) -> String {
    const SHOWN: usize = 8;
    let shown: Vec<String> = names.iter().take(SHOWN).map(|name| format!("{name:?}")).collect();
    let more = names.len().saturating_sub(SHOWN);
    if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") }
}
