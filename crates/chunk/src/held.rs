//! Scores columns that a caller holds in memory: no scan, no part.

use crate::missing;
use batch_core_error::Error;
use batch_core_kernels::{Batch, Column, Level, Missing, Model};
use batch_core_scan::{HeldArray, Numbers};

/// Rows converted at a time: what does not lie as doubles needs so little scratch memory, whatever the table's size.
const WINDOW_ROWS: usize = 16 * 1024;

/// Scores each row of `columns`, which are the model's, in its order, each in any number of pieces.
///
/// A row without a score is NaN: one with a missing cell under [`Missing::Skip`].
///
/// # Errors
/// `CONFIG` when there are other columns than the model's; `DATA` when the columns are of different length, when a piece
/// is malformed, or when a cell is missing under [`Missing::Error`].
pub fn score_held(model: &Model, columns: &[Vec<HeldArray<'_>>], missing: Missing) -> Result<Vec<f64>, Error> {
    let names = model.columns();
    if columns.len() != names.len() {
        let (given, wanted) = (columns.len(), names.len());
        return Err(Error::config(format!("{given} columns were given; the model has {wanted}")));
    }
    let rows = common_length(columns, names)?;
    let mut scores = vec![0.0; rows];
    let mut kernel = model.scorer(Level::from_environment()?, missing);
    let mut cursors = vec![Cursor::default(); columns.len()];
    let mut scratch: Vec<Numbers> = columns.iter().map(|_| Numbers::default()).collect();
    let mut start = 0;
    while start < rows {
        let mut window = WINDOW_ROWS.min(rows - start);
        for (cursor, pieces) in cursors.iter_mut().zip(columns) {
            window = window.min(cursor.settle(pieces));
        }
        let mut views = Vec::with_capacity(columns.len());
        for (index, (cursor, numbers)) in cursors.iter_mut().zip(&mut scratch).enumerate() {
            let column =
                cursor.take(&columns[index], window, numbers).map_err(|error| error.of_column(&names[index]))?;
            if missing == Missing::Error {
                refuse_missing(column, &names[index], start)?;
            }
            views.push(column);
        }
        let batch = Batch::new(&views, 0, start as u64)
            .map_err(|error| Error::bug(format!("a held batch is malformed: {error}")))?;
        kernel.score(&batch, &mut scores[start..start + window]);
        start += window;
    }
    Ok(scores)
}

/// A row of a column that lies in pieces.
#[derive(Clone, Default)]
struct Cursor {
    piece: usize,
    row: usize,
}

impl Cursor {
    /// Steps over pieces that are at their end and tells how many rows are left in this one.
    fn settle(&mut self, pieces: &[HeldArray<'_>]) -> usize {
        while self.row == pieces[self.piece].rows() {
            self.piece += 1;
            self.row = 0;
        }
        pieces[self.piece].rows() - self.row
    }

    /// The next `rows` rows, which this piece must have.
    fn take<'s, 'a: 's>(
        &mut self,
        pieces: &[HeldArray<'a>],
        rows: usize,
        scratch: &'s mut Numbers,
    ) -> Result<Column<'s>, Error> {
        let read = pieces[self.piece].numbers(self.row..self.row + rows, scratch)?;
        self.row += rows;
        Column::new(read.values, read.validity)
            .map_err(|error| Error::bug(format!("a held column is malformed: {error}")))
    }
}

fn common_length(columns: &[Vec<HeldArray<'_>>], names: &[String]) -> Result<usize, Error> {
    let length = |pieces: &Vec<HeldArray<'_>>| pieces.iter().map(HeldArray::rows).sum::<usize>();
    let rows = columns.first().map_or(0, length);
    match columns.iter().position(|pieces| length(pieces) != rows) {
        None => Ok(rows),
        Some(other) => {
            let (column, length) = (&names[other], length(&columns[other]));
            let message = format!("column \"{column}\" has {length} rows, and column \"{}\" has {rows}", names[0]);
            Err(Error::data(message).in_column(column))
        }
    }
}

fn refuse_missing(column: Column<'_>, name: &str, first_row: usize) -> Result<(), Error> {
    match (0..column.len()).find(|row| column.value(*row).is_nan()) {
        None => Ok(()),
        Some(row) => {
            let row = first_row + row;
            Err(missing::refused(
                name,
                format!("column \"{name}\" has a missing value in row {row}, and none may be missing"),
            ))
        }
    }
}
