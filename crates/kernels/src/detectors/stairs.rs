//! A function of one number that is constant between cuts: `values[how many cuts lie below x]`.

use crate::Level;
use crate::summaries::histogram::{Cuts, LADDER_MAX};

/// The stairs of one column.
#[derive(Clone, Debug)]
pub(crate) struct Stairs {
    cuts: Cuts,
    /// One more than there are cuts.
    values: Vec<f64>,
    /// What a missing cell gives: the least of the values.
    gap: f64,
}

impl Stairs {
    pub(crate) fn new(cuts: Cuts, values: Vec<f64>, gap: f64) -> Self {
        debug_assert_eq!(cuts.as_slice().len() + 1, values.len(), "a value below, between and above the cuts");
        Self { cuts, values, gap }
    }

    /// Adds the value of each cell to the score of its row.
    pub(crate) fn accumulate(&self, level: Level, cells: &[f64], scores: &mut [f64]) {
        if self.cuts.as_slice().len() <= LADDER_MAX {
            climb(level, cells, self, scores);
        } else {
            look_up(level, cells, self, scores);
        }
    }

    /// The value of one cell above that of the most ordinary one.
    pub(crate) fn contribution(&self, cell: f64) -> f64 {
        if cell.is_nan() { 0.0 } else { self.values[self.cuts.rank(cell)] - self.gap }
    }
}

levels! {
    fn climb(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body;
}

levels! {
    fn look_up(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = look_up_body;
}

/// Compares every cell with every cut. The values pass from cut to cut, never through arithmetic, so they stay exact.
#[inline(always)]
fn climb_body(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) {
    let (ground, values) = stairs.values.split_first().expect("stairs have a value at least");
    for (score, &cell) in scores.iter_mut().zip(cells) {
        let mut value = *ground;
        for (cut, step) in stairs.cuts.as_slice().iter().zip(values) {
            value = if cell > *cut { *step } else { value };
        }
        *score += if cell.is_nan() { stairs.gap } else { value };
    }
}

#[inline(always)]
fn look_up_body(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) {
    for (score, &cell) in scores.iter_mut().zip(cells) {
        let value = stairs.values[stairs.cuts.rank(cell)];
        *score += if cell.is_nan() { stairs.gap } else { value };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_equals_the_plain_definition_to_the_bit() {
        for count in [1_usize, 2, 11, 16, 17, 1025] {
            let edges: Vec<f64> = (0..count).map(|i| i as f64 * 0.1).collect();
            let values: Vec<f64> = (0..=count).map(|i| (i * 7919 % 1009) as f64 * 1e-3).collect();
            let stairs = Stairs::new(Cuts::new(&edges, 0.0, 0.1), values.clone(), -0.25);
            for length in 0..200_usize {
                let kinds = [f64::NAN, -0.0, 5e-324, f64::INFINITY, f64::NEG_INFINITY, 1e300];
                let cells: Vec<f64> =
                    (0..length).map(|i| *kinds.get(i % 9).unwrap_or(&((i * 31 % 1100) as f64 * 0.1))).collect();
                for level in Level::available() {
                    let mut scores = vec![0.125; length];
                    stairs.accumulate(level, &cells, &mut scores);
                    for (cell, score) in cells.iter().zip(&scores) {
                        let value = values[edges.iter().filter(|edge| cell > *edge).count()];
                        let expected = 0.125 + if cell.is_nan() { -0.25 } else { value };
                        assert_eq!(score.to_bits(), expected.to_bits(), "{level:?} {count} cuts, cell {cell}");
                    }
                }
            }
        }
    }
}
