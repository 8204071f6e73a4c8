//! The frozen state of each detector: what it learns, and what a cell adds to a score.

pub(crate) mod auto;
pub(crate) mod deviation;
pub(crate) mod hbos;
pub(crate) mod mad;
pub(crate) mod stairs;
pub(crate) mod zscore;

use crate::Level;
use crate::simd::{LANES, Lanes};
use deviation::Deviations;
use stairs::Stairs;

/// A detector ready to score, column by column.
#[derive(Clone, Debug)]
pub(crate) enum Member<'m> {
    Deviations(&'m Deviations),
    Stairs(Vec<Stairs>),
}

impl Member<'_> {
    /// Adds the cells of `column` to the scores of their rows, which start at 0. A missing cell is NaN. A score that comes
    /// out infinite is to be [settled](Member::settle).
    pub(crate) fn accumulate(&self, level: Level, column: usize, cells: &[f64], scores: &mut [f64]) {
        match self {
            Self::Deviations(deviations) => deviations.accumulate(level, column, cells, scores),
            Self::Stairs(stairs) => stairs[column].accumulate(level, cells, scores),
        }
    }

    /// Puts the score in place of each infinite one, which stands for a row with a cell outside of the stairs. `cell` tells
    /// the one of a column and a row.
    pub(crate) fn settle(&self, level: Level, scores: &mut [f64], cell: impl Fn(usize, usize) -> f64) {
        let Self::Stairs(stairs) = self else { return };
        if sum(level, scores).is_finite() {
            return;
        }
        for (row, score) in scores.iter_mut().enumerate().filter(|(_, score)| score.is_infinite()) {
            // In the order in which the columns were added, so that no bit differs.
            *score = (0..).zip(stairs).fold(0.0, |score, (column, stairs)| score + stairs.value(cell(column, row)));
        }
    }

    /// By how much one cell makes its row more unusual than the most ordinary cell would.
    pub(crate) fn contribution(&self, column: usize, cell: f64) -> f64 {
        match self {
            Self::Deviations(deviations) => deviations.contribution(column, cell),
            Self::Stairs(stairs) => stairs[column].contribution(cell),
        }
    }

    /// The scores of rows given as whole columns.
    pub(crate) fn score(&self, level: Level, columns: &[&[f64]]) -> Vec<f64> {
        let mut scores = vec![0.0; columns.first().map_or(0, |cells| cells.len())];
        for (column, cells) in columns.iter().enumerate() {
            self.accumulate(level, column, cells, &mut scores);
        }
        self.settle(level, &mut scores, |column, row| columns[column][row]);
        scores
    }
}

levels! {
    /// The sum: infinite when one of `values` is, for those of stairs are small.
    fn sum(values: &[f64]) -> f64 = sum_body;
}

#[inline(always)]
fn sum_body(values: &[f64]) -> f64 {
    let mut sum = Lanes::splat(0.0);
    let (steps, rest) = values.as_chunks::<LANES>();
    for step in steps {
        sum = sum.add(Lanes(*step));
    }
    sum.sum() + rest.iter().sum::<f64>()
}
