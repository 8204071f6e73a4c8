//! What a walk over a source may find wrong.

use crate::error;
use batch_core_error::{Code, Error};
use std::borrow::Cow;
use std::fmt;
use std::path::Path;

/// A page, or a column's run of pages, that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The row group it lies in.
    pub row_group: u64,
    /// The column, nested names joined with dots.
    pub column: String,
    /// Its place among the pages of the column in the row group, from 0.
    pub page: u64,
    /// Where in the file the page begins.
    pub offset: u64,
    /// What is wrong with it.
    pub what: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row_group, column, page, offset, what } = self;
        write!(f, "row group {row_group}, column \"{column}\", page {page} (at byte {offset}): {what}")
    }
}

/// Why a walk did not come to its end.
#[derive(Debug)]
pub enum SourceError {
    /// The file cannot be read, or its footer is damaged.
    File(Error),
    /// A page is damaged.
    Damage(Damage),
    /// The caller asked to stop.
    Stopped,
}

impl From<SourceError> for Error {
    /// Damage comes without the file, which the walk was given.
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::File(error) => error,
            SourceError::Damage(damage) => Self::new(Code::SourceDamaged, damage.to_string())
                .in_column(&damage.column)
                .in_row_group(damage.row_group),
            SourceError::Stopped => Self::new(Code::Cancelled, "the chunk was asked to stop"),
        }
    }
}

/// A fault on its way up to whoever knows its place.
pub(crate) enum Fault {
    Source(Box<SourceError>),
    /// The bytes make no sense: in words that follow "it ".
    Malformed(Cow<'static, str>),
}

impl Fault {
    pub(crate) const fn malformed(what: &'static str) -> Self {
        Self::Malformed(Cow::Borrowed(what))
    }

    /// The error of a walk over the footer of `path`.
    pub(super) fn of_footer(self, path: &Path) -> SourceError {
        match self {
            Self::Source(error) => *error,
            Self::Malformed(what) => SourceError::File(error::data(path, format_args!("damaged footer: it {what}"))),
        }
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Source(Box::new(SourceError::File(error)))
    }
}
