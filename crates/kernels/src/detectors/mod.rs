//! The frozen state of each detector: what it learns, and what a cell adds to a score.

pub(crate) mod auto;
pub(crate) mod deviation;
pub(crate) mod hbos;
pub(crate) mod mad;
pub(crate) mod stairs;
pub(crate) mod zscore;

use crate::Level;
use deviation::Deviations;
use stairs::Stairs;

/// A detector ready to score, column by column.
#[derive(Clone, Debug)]
pub(crate) enum Member<'m> {
    Deviations(&'m Deviations),
    Stairs(Vec<Stairs>),
}

impl Member<'_> {
    /// Adds the cells of `column` to the scores of their rows, which start at 0. A missing cell is NaN.
    pub(crate) fn accumulate(&self, level: Level, column: usize, cells: &[f64], scores: &mut [f64]) {
        match self {
            Self::Deviations(deviations) => deviations.accumulate(level, column, cells, scores),
            Self::Stairs(stairs) => stairs[column].accumulate(level, cells, scores),
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
        scores
    }
}
