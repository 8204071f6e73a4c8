//! Scores batches with a frozen model.

use crate::model::State;
use crate::numbers::BLOCK;
use crate::{Batch, Level, Missing, Model};

/// Scores batches. A row's score depends on the row and on the model, and on nothing else.
#[derive(Debug)]
pub struct Scorer<'m> {
    model: &'m Model,
    level: Level,
    missing: Missing,
    /// Room for cells whose nulls became NaN.
    nulls: Vec<f64>,
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
    pub(crate) fn new(model: &'m Model, level: Level, missing: Missing) -> Self {
        Self { model, level, missing, nulls: Vec::new(), gaps: vec![0.0; BLOCK] }
    }

    /// Writes the score of each row: a finite number; or NaN for a row with a missing cell, unless missing cells count
    /// as their column's centre.
    ///
    /// # Panics
    /// When the batch has not the model's columns, or `scores` not the batch's rows.
    pub fn score(&mut self, batch: &Batch<'_>, scores: &mut [f64]) {
        assert_eq!(batch.columns().len(), self.model.columns().len(), "a batch must bring the columns of its model");
        assert_eq!(batch.rows(), scores.len(), "one score per row");
        for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
            let start = block * BLOCK;
            scores.fill(0.0);
            self.gaps.fill(0.0);
            for (index, column) in batch.columns().iter().enumerate() {
                let cells = column.cells(self.level, start..start + scores.len(), &mut self.nulls);
                match self.model.state() {
                    State::Zscore(state) | State::Mad(state) => state.accumulate(self.level, index, cells, scores),
                }
                if self.missing != Missing::Center {
                    mark_gaps(self.level, cells, &mut self.gaps);
                }
            }
            if self.missing != Missing::Center {
                scores.iter_mut().zip(&self.gaps).for_each(|(score, gap)| *score += gap);
            }
        }
    }

    /// The columns that made `row` of the batch unusual, most unusual first, at most `count`.
    ///
    /// # Panics
    /// When the batch has not the model's columns, or no such row.
    #[must_use]
    pub fn reasons(&self, batch: &Batch<'_>, row: usize, count: usize) -> Vec<Reason> {
        assert_eq!(batch.columns().len(), self.model.columns().len(), "a batch must bring the columns of its model");
        let mut reasons: Vec<Reason> = (0..)
            .zip(batch.columns())
            .map(|(index, column)| {
                let value = column.value(row);
                let contribution = match self.model.state() {
                    State::Zscore(state) | State::Mad(state) => state.contribution(index as usize, value),
                };
                Reason { column: index, value, contribution }
            })
            .filter(|reason| reason.contribution > 0.0)
            .collect();
        reasons.sort_by(|a, b| b.contribution.total_cmp(&a.contribution).then(a.column.cmp(&b.column)));
        reasons.truncate(count);
        reasons
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
