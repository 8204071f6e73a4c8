//! Scores batches with a frozen model.

use crate::detector::{Rows, Score, State};
use crate::numbers::BLOCK;
use crate::{Batch, Level, Missing};

/// Scores batches. A row's score depends on the row and on the model, and on nothing else.
#[derive(Debug)]
pub struct Scorer<'m> {
    /// How many columns the model has.
    columns: usize,
    level: Level,
    missing: Missing,
    state: Box<dyn Score + 'm>,
    /// Room for the cells of each column whose nulls became NaN.
    nulls: Vec<Vec<f64>>,
    /// NaN for the rows of a block that get no score, else 0.
    gaps: Vec<f64>,
}

/// Why a row scored as it did: one column's part.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reason {
    /// Which of the model's columns.
    pub column: u32,
    /// The cell; NaN when it is missing.
    pub value: f64,
    /// Its part of the score. An ordinary cell has 0 and is no reason.
    pub contribution: f64,
}

impl<'m> Scorer<'m> {
    /// Rows that are explained together: to ask for the reasons of fewer takes longer a row.
    pub const EXPLAINED: usize = 256;

    pub(crate) fn new(state: &'m dyn State, columns: usize, level: Level, missing: Missing) -> Self {
        let nulls = vec![Vec::new(); columns];
        Self { columns, level, missing, state: state.scorer(level), nulls, gaps: vec![0.0; BLOCK] }
    }

    /// Writes the score of each row: a finite number; or NaN for a row with a missing cell, unless missing cells count
    /// as their column's centre.
    ///
    /// # Panics
    /// When the batch has not the model's columns, or `scores` not the batch's rows.
    pub fn score(&mut self, batch: &Batch<'_>, scores: &mut [f64]) {
        assert_eq!(batch.columns().len(), self.columns, "a batch must bring the columns of its model");
        assert_eq!(batch.rows(), scores.len(), "one score per row");
        let gaps_count = self.missing != Missing::Center;
        for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            let rows = start..start + scores.len();
            let columns = batch.columns().iter().zip(&mut self.nulls);
            let cells: Vec<&[f64]> =
                columns.map(|(column, nulls)| column.cells(self.level, rows.clone(), nulls)).collect();
            scores.fill(0.0);
            self.state.block(&cells, scores);
            if gaps_count {
                self.gaps.fill(0.0);
                for cells in &cells {
                    mark_gaps(self.level, cells, &mut self.gaps);
                }
                scores.iter_mut().zip(&self.gaps).for_each(|(score, gap)| *score += gap);
            }
        }
    }

    /// The columns that made `row` of the batch unusual, most unusual first, at most `count`. A missing cell is no reason.
    ///
    /// # Panics
    /// When the batch has not the model's columns, or no such row.
    #[must_use]
    pub fn reasons(&self, batch: &Batch<'_>, row: usize, count: usize) -> Vec<Reason> {
        let cells: Vec<f64> = batch.cells(row).collect();
        self.reasons_of(&cells, count).of(0).to_vec()
    }

    /// The [`reasons`](Self::reasons) of several rows, which take less time together. `cells` are those of the first row, one of each of the
    /// model's columns and NaN where it is missing, then those of the next.
    ///
    /// # Panics
    /// When there is a part of a row.
    #[must_use]
    pub fn reasons_of(&self, cells: &[f64], count: usize) -> Reasons {
        assert!(cells.len().is_multiple_of(self.columns), "rows must bring the columns of their model");
        let mut reasons = Reasons { entries: Vec::new(), ends: vec![0] };
        let mut parts = Vec::new();
        for cells in cells.chunks(Self::EXPLAINED * self.columns) {
            parts.clear();
            parts.resize(cells.len(), 0.0);
            let rows = Rows { cells, columns: self.columns };
            self.state.contributions(rows, &mut parts);
            rows.each_with(&mut parts).for_each(|(cells, parts)| reasons.push(cells, parts, count));
        }
        reasons
    }
}

/// Why some rows scored as they did.
#[derive(Clone, Debug)]
pub struct Reasons {
    entries: Vec<Reason>,
    /// Where those of each row end, after a 0.
    ends: Vec<usize>,
}

impl Reasons {
    /// How many rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.ends.len() - 1
    }

    /// Those of a row, most unusual first.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn of(&self, row: usize) -> &[Reason] {
        &self.entries[self.ends[row]..self.ends[row + 1]]
    }

    /// Adds a row, of which the columns with the greatest contributions are the reasons, at most `count`.
    fn push(&mut self, cells: &[f64], contributions: &[f64], count: usize) {
        // What could be left out beside the largest part without a change of the score is no reason for it.
        let least = contributions.iter().copied().fold(0.0, f64::max) * f64::EPSILON;
        let first = self.entries.len();
        let reasons = (0..)
            .zip(contributions)
            .zip(cells)
            .map(|((column, &contribution), &value)| Reason { column, value, contribution })
            .filter(|reason| reason.contribution > least && !reason.value.is_nan());
        self.entries.extend(reasons);
        let found = self.entries.len() - first;
        let order = |a: &Reason, b: &Reason| b.contribution.total_cmp(&a.contribution).then(a.column.cmp(&b.column));
        if count > 0 && count < found {
            self.entries[first..].select_nth_unstable_by(count - 1, order);
        }
        self.entries.truncate(first + count.min(found));
        self.entries[first..].sort_unstable_by(order);
        self.ends.push(self.entries.len());
    }
}

levels! {
    /// Turns the gap of every row whose cell is missing into NaN.
    fn mark_gaps(cells: &[f64], gaps: &mut [f64]) = gaps_body;
}

#[inline(always)]
fn gaps_body(cells: &[f64], gaps: &mut [f64]) {
    for (gap, cell) in gaps.iter_mut().zip(cells) {
        *gap = if cell.is_nan() { f64::NAN } else { *gap };
    }
}
