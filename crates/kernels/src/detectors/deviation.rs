//! Distance from a centre in units of a spread: what z-scores and robust z-scores share.
//!
//! A cell's distance is |x - center| / unit, at most 1e150; an extreme cell has just that. A missing cell has NaN, which
//! loses every comparison, so that it adds nothing to a maximum and is left out of a sum.

use serde::{Deserialize, Serialize};

use crate::Level;
use crate::detector::Aggregate;
use crate::numbers::EXTREME;

/// Centre and unit of one column.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Center {
    pub(crate) center: f64,
    /// What one unit of distance is. Positive, and large enough to be divided by.
    pub(crate) unit: f64,
}

/// A frozen z-score or robust z-score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deviations {
    pub(crate) aggregate: Aggregate,
    pub(crate) columns: Vec<Center>,
}

impl Deviations {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && self
                .columns
                .iter()
                .all(|column| column.center.abs() <= EXTREME && column.unit > 0.0 && column.scale().is_normal())
    }

    /// Adds the cells of `column` to the scores of their rows, which start at 0.
    pub(crate) fn accumulate(&self, level: Level, column: usize, cells: &[f64], scores: &mut [f64]) {
        let Center { center, .. } = self.columns[column];
        let scale = self.columns[column].scale();
        match self.aggregate {
            Aggregate::Max => max_distance(level, cells, center, scale, scores),
            Aggregate::Sum => sum_distance(level, cells, center, scale, scores),
            Aggregate::Squares => sum_squares(level, cells, center, scale, scores),
        }
    }

    /// What one cell adds, or would be the maximum of; 0 when it is missing.
    pub(crate) fn contribution(&self, column: usize, value: f64) -> f64 {
        let distance = distance(value, self.columns[column].center, self.columns[column].scale());
        match self.aggregate {
            _ if distance.is_nan() => 0.0,
            Aggregate::Max | Aggregate::Sum => distance,
            Aggregate::Squares => distance * distance,
        }
    }
}

impl Center {
    /// Distances are multiplied by this: one multiplication for one division, the same at every level.
    fn scale(self) -> f64 {
        1.0 / self.unit
    }
}

#[inline(always)]
fn distance(value: f64, center: f64, scale: f64) -> f64 {
    let distance = ((value - center) * scale).abs();
    let distance = if value.abs() > EXTREME { EXTREME } else { distance };
    if distance > EXTREME { EXTREME } else { distance }
}

levels! {
    fn max_distance(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) = max_body;
}
levels! {
    fn sum_distance(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) = sum_body;
}
levels! {
    fn sum_squares(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) = squares_body;
}

#[inline(always)]
fn max_body(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) {
    for (score, cell) in scores.iter_mut().zip(cells) {
        let distance = distance(*cell, center, scale);
        *score = if distance > *score { distance } else { *score };
    }
}

#[inline(always)]
fn sum_body(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) {
    for (score, cell) in scores.iter_mut().zip(cells) {
        let distance = distance(*cell, center, scale);
        *score += if distance.is_nan() { 0.0 } else { distance };
    }
}

#[inline(always)]
fn squares_body(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) {
    for (score, cell) in scores.iter_mut().zip(cells) {
        let distance = distance(*cell, center, scale);
        *score += if distance.is_nan() { 0.0 } else { distance * distance };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_equals_the_single_cells_to_the_bit() {
        let kinds = [1.5, f64::NAN, f64::INFINITY, -0.0, 5e-324, -3.0, f64::NEG_INFINITY, 2e150, 1e149, 0.7];
        for aggregate in [Aggregate::Max, Aggregate::Sum, Aggregate::Squares] {
            let columns = vec![Center { center: 0.3, unit: 1.7 }, Center { center: -2.0, unit: 1e-40 }];
            let model = Deviations { aggregate, columns };
            for length in 0..200_usize {
                let columns = [3, 7].map(|step| (0..length).map(|i| kinds[i * step % 10]).collect::<Vec<f64>>());
                for level in Level::available() {
                    let mut scores = vec![0.0; length];
                    for (index, cells) in columns.iter().enumerate() {
                        model.accumulate(level, index, cells, &mut scores);
                    }
                    for (row, score) in scores.iter().enumerate() {
                        let [a, b] = [0, 1].map(|index| model.contribution(index, columns[index][row]));
                        let expected = if aggregate == Aggregate::Max { a.max(b) } else { a + b };
                        assert_eq!(
                            score.to_bits(),
                            expected.to_bits(),
                            "{level:?} {aggregate:?} row {row} of {length}"
                        );
                        assert!(score.is_finite());
                    }
                }
            }
        }
    }
}
