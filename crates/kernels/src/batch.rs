//! Some rows of one file, as columns.
//!
//! Mostly they follow each other in the file; of rows that were chosen by a condition each has a number of its own.

use std::error::Error;
use std::fmt;

use crate::Column;

/// Rows of file number `file`, in its order, as borrowed columns.
///
/// Batches may be cut anywhere: no score and no summary depends on where.
#[derive(Clone, Copy, Debug)]
pub struct Batch<'a> {
    columns: &'a [Column<'a>],
    file: u32,
    numbers: Numbers<'a>,
    rows: usize,
}

/// The numbers of rows in their file.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Numbers<'a> {
    /// From this one on, each the one after the one before it.
    From(u64),
    /// Of each row.
    Each(&'a [u64]),
}

/// Columns that are no batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BatchError {
    /// A batch without columns has no rows either.
    NoColumns,
    /// A column is longer or shorter than the first one.
    Length {
        /// Which column.
        column: usize,
        /// How long it is.
        rows: usize,
        /// How long the first one is, or how many rows are numbered.
        expected: usize,
    },
}

impl<'a> Batch<'a> {
    /// A batch of `columns`, whose row 0 is row `first_row` of the planned file number `file`.
    ///
    /// # Errors
    /// When there is no column, or the columns are not equally long.
    pub fn new(columns: &'a [Column<'a>], file: u32, first_row: u64) -> Result<Self, BatchError> {
        let rows = columns.first().ok_or(BatchError::NoColumns)?.len();
        match columns.iter().position(|column| column.len() != rows) {
            Some(column) => Err(BatchError::Length { column, rows: columns[column].len(), expected: rows }),
            None => Ok(Self { columns, file, numbers: Numbers::From(first_row), rows }),
        }
    }

    /// A batch of rows that do not all follow each other: `numbers` says which rows of the file they are. It may have no column.
    ///
    /// # Errors
    /// When a column is longer or shorter than the numbers.
    pub fn of_rows(columns: &'a [Column<'a>], file: u32, numbers: &'a [u64]) -> Result<Self, BatchError> {
        let rows = numbers.len();
        match columns.iter().position(|column| column.len() != rows) {
            Some(column) => Err(BatchError::Length { column, rows: columns[column].len(), expected: rows }),
            None => Ok(Self { columns, file, numbers: Numbers::Each(numbers), rows }),
        }
    }

    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The columns, in the order of the fit or of the model.
    #[must_use]
    pub fn columns(&self) -> &'a [Column<'a>] {
        self.columns
    }

    /// The cells of a row, NaN where one is missing.
    ///
    /// # Panics
    /// When there is no such row.
    pub fn cells(&self, row: usize) -> impl Iterator<Item = f64> + use<'a> {
        self.columns.iter().map(move |column| column.value(row))
    }

    /// The number of the file in the plan.
    #[must_use]
    pub fn file(&self) -> u32 {
        self.file
    }

    /// The row number of row 0 within its file; 0 of a batch without rows that are numbered one by one.
    #[must_use]
    pub fn first_row(&self) -> u64 {
        match self.numbers {
            Numbers::From(first) => first,
            Numbers::Each(numbers) => numbers.first().copied().unwrap_or(0),
        }
    }

    /// The row numbers within the file.
    pub(crate) fn numbers(&self) -> Numbers<'a> {
        self.numbers
    }
}

impl fmt::Display for BatchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColumns => write!(f, "a batch needs at least one column"),
            Self::Length { column, rows, expected } => {
                write!(f, "column {column} has {rows} rows, and the others have {expected}")
            }
        }
    }
}

impl Error for BatchError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_must_be_equally_long() {
        let (two, three) = ([0.0; 2], [0.0; 3]);
        let columns = [Column::new(&two, None).unwrap(), Column::new(&three, None).unwrap()];
        let refused = Batch::new(&columns, 0, 0).map(|_| ());
        assert_eq!(refused, Err(BatchError::Length { column: 1, rows: 3, expected: 2 }));
        assert_eq!(Batch::new(&[], 0, 0).map(|_| ()), Err(BatchError::NoColumns));
        assert_eq!(Batch::new(&columns[..1], 7, 9).unwrap().rows(), 2);
        let refused = Batch::of_rows(&columns, 0, &[4, 9]).map(|_| ());
        assert_eq!(refused, Err(BatchError::Length { column: 1, rows: 3, expected: 2 }));
        assert_eq!(Batch::of_rows(&columns[..1], 7, &[4, 9]).unwrap().first_row(), 4);
        assert_eq!(Batch::of_rows(&[], 7, &[4, 9]).unwrap().rows(), 2);
    }
}
