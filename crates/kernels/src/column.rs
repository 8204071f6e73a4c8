//! One column of a batch: numbers, and which of them are there.
//!
//! **Null and NaN mean the same: the cell is missing.** That is decided here, once: a kernel never sees a validity
//! word, because [`Column::cells`] hands it numbers in which every null has become NaN. Where no cell of a stretch is
//! null, which is the common case, the numbers are lent as they are and nothing is copied.

use std::error::Error;
use std::fmt;
use std::ops::Range;

/// Borrowed numbers with an optional validity bitmap, in the layout Arrow and `DuckDB` share.
#[derive(Clone, Copy, Debug)]
pub struct Column<'a> {
    values: &'a [f64],
    validity: Option<&'a [u64]>,
}

/// A column whose parts do not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ColumnError {
    /// The bitmap has another number of words than the values need.
    ValidityLength {
        /// Words given.
        words: usize,
        /// Words needed: one per 64 values, rounded up.
        needed: usize,
    },
}

impl<'a> Column<'a> {
    /// A column of `values`; bit `i % 64` of `validity[i / 64]` says whether value `i` is there. Without a bitmap, all are.
    ///
    /// # Errors
    /// When the bitmap has not exactly one word per 64 values, rounded up.
    pub fn new(values: &'a [f64], validity: Option<&'a [u64]>) -> Result<Self, ColumnError> {
        let needed = values.len().div_ceil(64);
        match validity.map(<[u64]>::len) {
            Some(words) if words != needed => Err(ColumnError::ValidityLength { words, needed }),
            _ => Ok(Self { values, validity }),
        }
    }

    /// How many cells.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len()
    }

    /// Whether there are no cells.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The number in `row`, NaN when the cell is missing.
    ///
    /// # Panics
    /// When `row` is past the end.
    #[must_use]
    pub fn value(&self, row: usize) -> f64 {
        let value = self.values[row];
        let there = self.validity.is_none_or(|words| words[row / 64] >> (row % 64) & 1 == 1);
        if there { value } else { f64::NAN }
    }

    /// The cells of `rows` with every null as NaN: the column's own memory where it has no null there, else `scratch`.
    pub(crate) fn cells<'s>(&self, level: crate::Level, rows: Range<usize>, scratch: &'s mut Vec<f64>) -> &'s [f64]
    where
        'a: 's,
    {
        let Some(words) = self.validity else { return &self.values[rows] };
        let all_there = word_range(&rows).all(|start| word_at(words, start, rows.end) == u64::MAX);
        let values = &self.values[rows.clone()];
        if all_there {
            return values;
        }
        scratch.clear();
        scratch.extend_from_slice(values);
        for (cells, start) in scratch.chunks_mut(64).zip(word_range(&rows)) {
            let word = word_at(words, start, rows.end);
            if word != u64::MAX {
                blank_nulls(level, cells, word);
            }
        }
        scratch
    }
}

/// The first row of each group of 64.
fn word_range(rows: &Range<usize>) -> impl Iterator<Item = usize> + use<> {
    rows.clone().step_by(64)
}

/// The 64 validity bits from row `start` on; bits of rows from `end` on are set, so that they ask for no work.
fn word_at(words: &[u64], start: usize, end: usize) -> u64 {
    let (index, shift) = (start / 64, start % 64);
    let mut word = words[index] >> shift;
    if shift > 0 {
        let next = words.get(index + 1).copied().unwrap_or(u64::MAX);
        word |= next << (64 - shift);
    }
    let rows = end - start;
    if rows < 64 { word | u64::MAX << rows } else { word }
}

levels! {
    /// Turns the cells whose bit in `word` is not set into NaN.
    fn blank_nulls(cells: &mut [f64], word: u64) = blank_nulls_body;
}

#[inline(always)]
fn blank_nulls_body(cells: &mut [f64], word: u64) {
    for (bit, cell) in cells.iter_mut().enumerate() {
        *cell = if word >> bit & 1 == 1 { *cell } else { f64::NAN };
    }
}

impl fmt::Display for ColumnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ValidityLength { words, needed } => {
                write!(f, "the validity bitmap has {words} words of 64 rows, and the values need {needed}")
            }
        }
    }
}

impl Error for ColumnError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn a_bitmap_of_another_length_is_refused() {
        let values = [0.0; 65];
        assert_eq!(
            Column::new(&values, Some(&[0])).map(|_| ()),
            Err(ColumnError::ValidityLength { words: 1, needed: 2 })
        );
        assert!(Column::new(&values, Some(&[0, 0])).is_ok());
    }

    #[test]
    fn every_stretch_reads_as_its_single_cells() {
        let values: Vec<f64> = (0..300).map(f64::from).collect();
        let words = [0xdead_beef_0123_4567, u64::MAX, 0, 0x5555_5555_5555_5555, 0xf0f0];
        let column = Column::new(&values, Some(&words)).unwrap();
        let mut scratch = Vec::new();
        for level in Level::available() {
            for start in 0..300 {
                for end in [start, start + 1, start + 63, start + 64, start + 65, start + 130, 300] {
                    let rows = start..end.min(300).max(start);
                    let cells = column.cells(level, rows.clone(), &mut scratch);
                    let expected: Vec<u64> = rows.clone().map(|row| column.value(row).to_bits()).collect();
                    let found: Vec<u64> = cells.iter().map(|cell| cell.to_bits()).collect();
                    assert_eq!(found, expected, "{level:?} {rows:?}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_copied_where_no_cell_is_null() {
        let values = [1.0; 128];
        let column = Column::new(&values, Some(&[0, u64::MAX])).unwrap();
        let mut scratch = Vec::new();
        let cells = column.cells(Level::BASELINE, 64..128, &mut scratch);
        assert_eq!(cells.as_ptr(), values[64..].as_ptr());
    }
}
