//! A missing cell where none may be.

use batch_core_error::Error;

const HINT: &str = "write the cell, or count such cells as their column's centre (--missing center), or leave such rows without a score (--missing skip)";

/// The refusal of one in `column`, said as `message` says it.
pub(crate) fn refused(column: &str, message: String) -> Error {
    Error::data(message).in_column(column).hinted(Some(HINT))
}
