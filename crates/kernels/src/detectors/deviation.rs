//! Distance from a centre in units of a spread: what z-scores and robust z-scores share.
//!
//! A cell's distance is |x - (center + rest)| / unit, where the rest, which hardly any column has, is what rounding cut off
//! the centre of one that is narrow and far from zero: whole numbers near 2^62 say. There x is the cell times 2^exponent: 1, but for units so small or so large
//! that they or their squares would leave the range of doubles. A distance, or its square, counts as it is up to the
//! largest double, shared by the columns where they are summed, so that no score is infinite. An infinite cell has just
//! that: as much as the farthest finite one, and on either side. A missing cell has NaN, which loses every comparison, so
//! that it adds nothing to a maximum and is left out of a sum.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::Level;
use crate::center::Center;
use crate::detector::{Rows, Score, State, written};
use crate::numbers::STRETCH;
use crate::scale;

/// How the cells of a row become one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Aggregate {
    /// The largest distance.
    Max,
    /// The sum of the distances.
    Sum,
    /// The sum of the squared distances.
    Squares,
}

/// A frozen z-score or robust z-score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Deviations {
    pub(crate) aggregate: Aggregate,
    pub(crate) columns: Vec<Center>,
}

/// Distances, ready to score.
#[derive(Debug)]
pub(crate) struct Distances<'s> {
    state: &'s Deviations,
    level: Level,
}

impl State for Deviations {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Distances { state: self, level })
    }
}

impl Score for Distances<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (column, cells) in columns.iter().enumerate() {
            self.state.accumulate(self.level, column, cells, scores);
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        for (cells, parts) in rows.each_with(parts) {
            for (column, (cell, part)) in cells.iter().zip(parts).enumerate() {
                *part = self.state.contribution(column, *cell);
            }
        }
    }
}

impl Deviations {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns && self.columns.iter().all(|column| column.is_sound())
    }

    /// Adds the cells of `column` to the scores of their rows, which start at 0.
    fn accumulate(&self, level: Level, column: usize, cells: &[f64], scores: &mut [f64]) {
        let column = &self.columns[column];
        let (scale, most) = (column.scale(), self.most());
        if column.exponent == 0 && column.rest == 0.0 {
            return self.accumulate_from(level, column.center, scale, most, cells, scores);
        }
        let mut shifted = [0.0; STRETCH];
        for (cells, scores) in cells.chunks(STRETCH).zip(scores.chunks_mut(STRETCH)) {
            let shifted = &mut shifted[..cells.len()];
            scale::shift_from(level, cells, scale::power(column.exponent), column.center, shifted);
            self.accumulate_from(level, column.rest, scale, most, shifted, scores);
        }
    }

    fn accumulate_from(&self, level: Level, center: f64, scale: f64, most: f64, cells: &[f64], scores: &mut [f64]) {
        match self.aggregate {
            Aggregate::Max => max_distance(level, cells, center, scale, scores),
            Aggregate::Sum => sum_distance(level, cells, center, scale, most, scores),
            Aggregate::Squares => sum_squares(level, cells, center, scale, most, scores),
        }
    }

    /// What one cell adds, or would be the maximum of; 0 when it is missing.
    fn contribution(&self, column: usize, value: f64) -> f64 {
        let column = self.columns[column];
        let above = value * scale::power(column.exponent) - column.center;
        let distance = distance(above, column.rest, column.scale());
        match self.aggregate {
            _ if distance.is_nan() => 0.0,
            Aggregate::Max | Aggregate::Sum => at_most(distance, self.most()),
            Aggregate::Squares => at_most(distance * distance, self.most()),
        }
    }

    /// The most that a cell adds: as much in every column is still a double.
    fn most(&self) -> f64 {
        match self.aggregate {
            Aggregate::Max => f64::MAX,
            Aggregate::Sum | Aggregate::Squares => scale::power(1023) / self.columns.len().next_power_of_two() as f64,
        }
    }
}

#[inline(always)]
fn distance(value: f64, center: f64, scale: f64) -> f64 {
    ((value - center) * scale).abs()
}

/// The lesser of the two; NaN stays.
#[inline(always)]
fn at_most(value: f64, most: f64) -> f64 {
    if value > most { most } else { value }
}

levels! {
    fn max_distance(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) = max_body;
}
levels! {
    fn sum_distance(cells: &[f64], center: f64, scale: f64, most: f64, scores: &mut [f64]) = sum_body;
}
levels! {
    fn sum_squares(cells: &[f64], center: f64, scale: f64, most: f64, scores: &mut [f64]) = squares_body;
}

#[inline(always)]
fn max_body(cells: &[f64], center: f64, scale: f64, scores: &mut [f64]) {
    for (score, cell) in scores.iter_mut().zip(cells) {
        let distance = at_most(distance(*cell, center, scale), f64::MAX);
        *score = if distance > *score { distance } else { *score };
    }
}

#[inline(always)]
fn sum_body(cells: &[f64], center: f64, scale: f64, most: f64, scores: &mut [f64]) {
    for (score, cell) in scores.iter_mut().zip(cells) {
        let distance = at_most(distance(*cell, center, scale), most);
        *score += if distance.is_nan() { 0.0 } else { distance };
    }
}

#[inline(always)]
fn squares_body(cells: &[f64], center: f64, scale: f64, most: f64, scores: &mut [f64]) {
    for (score, cell) in scores.iter_mut().zip(cells) {
        let distance = distance(*cell, center, scale);
        let square = at_most(distance * distance, most);
        *score += if square.is_nan() { 0.0 } else { square };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_equals_the_single_cells_to_the_bit() {
        let kinds = [1.5, f64::NAN, f64::INFINITY, -0.0, 5e-324, -3.0, f64::NEG_INFINITY, -f64::MAX, 1e149, 0.7];
        for aggregate in [Aggregate::Max, Aggregate::Sum, Aggregate::Squares] {
            let columns = vec![
                Center::new([0.3, 0.0], 1.7, 0, |unit| unit),
                Center::new([-2e-310, 1e-320], 1e-309, 0, |unit| unit),
            ];
            assert!(columns[1].exponent > 0);
            let model = Deviations { aggregate, columns };
            for length in (0..200_usize).chain([600]) {
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

    #[test]
    fn an_infinity_counts_as_the_farthest_cell_and_in_every_column_again() {
        let wild = [f64::INFINITY, f64::NEG_INFINITY];
        for aggregate in [Aggregate::Max, Aggregate::Sum, Aggregate::Squares] {
            for unit in [5e-324, 1e-160, 1.0, 1e160, f64::MAX] {
                let columns = vec![Center::of_point(unit); 3];
                let model = Deviations { aggregate, columns };
                assert!(model.is_sound(3), "{unit:e}");
                let [above, below] = wild.map(|cell| model.contribution(1, cell));
                assert_eq!(above.to_bits(), below.to_bits());
                assert!([f64::MAX, -f64::MAX, 1e300, 0.0].iter().all(|cell| model.contribution(1, *cell) <= above));
                let mut scores = [0.0; 2];
                for column in 0..3 {
                    let before = scores;
                    model.accumulate(Level::detect(), column, &wild, &mut scores);
                    let adds = scores[0] > before[0] && scores[1] > before[1];
                    assert!(scores[0].is_finite() && (adds || (aggregate == Aggregate::Max && column > 0)));
                }
            }
        }
    }
}
