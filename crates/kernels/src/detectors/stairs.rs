//! A function of one number that is constant between cuts: `values[how many cuts lie below x]`.

use crate::Level;
use crate::summaries::histogram::{Cuts, LADDER_MAX};

/// The stairs of one column.
#[derive(Clone, Debug)]
pub(crate) struct Stairs {
    cuts: Cuts,
    /// One per rank; the last, for missing cells, is the least of the others.
    values: Vec<f64>,
}

impl Stairs {
    /// `values` has one more than there are cuts; a missing cell gives `gap`.
    pub(crate) fn new(cuts: Cuts, mut values: Vec<f64>, gap: f64) -> Self {
        debug_assert_eq!(cuts.as_slice().len() + 1, values.len(), "a value below, between and above the cuts");
        values.resize(cuts.missing_rank() + 1, gap);
        Self { cuts, values }
    }

    /// Adds the value of each cell to the score of its row.
    pub(crate) fn accumulate(&self, level: Level, cells: &[f64], scores: &mut [f64]) {
        match self.cuts.as_slice().len() {
            0..=4 => climb_4(level, cells, self, scores),
            5..=8 => climb_8(level, cells, self, scores),
            9..=11 => climb_11(level, cells, self, scores),
            12..=LADDER_MAX => climb_16(level, cells, self, scores),
            _ => look_up(level, cells, self, scores),
        }
    }

    /// The value of one cell above that of the most ordinary one.
    pub(crate) fn contribution(&self, cell: f64) -> f64 {
        if cell.is_nan() { 0.0 } else { self.values[self.cuts.rank(cell)] - self.gap() }
    }

    fn gap(&self) -> f64 {
        self.values[self.values.len() - 1]
    }
}

levels! {
    fn climb_4(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<4>;
}
levels! {
    fn climb_8(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<8>;
}
levels! {
    /// Ten bins, which is what nearly everyone has.
    fn climb_11(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<11>;
}
levels! {
    fn climb_16(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = climb_body::<LADDER_MAX>;
}
levels! {
    fn look_up(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) = look_up_body;
}

/// Compares every cell with every cut. Each cut that a cell passes turns the bits of one value into those of the next:
/// no arithmetic on values, so they stay exact, and fewer instructions than choosing between two.
#[inline(always)]
fn climb_body<const RUNGS: usize>(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) {
    // Nothing passes the rungs that are left over.
    let (mut rungs, mut turns) = ([f64::INFINITY; RUNGS], [0_u64; RUNGS]);
    let cuts = stairs.cuts.as_slice();
    rungs[..cuts.len()].copy_from_slice(cuts);
    for (turn, pair) in turns.iter_mut().zip(stairs.values[..=cuts.len()].windows(2)) {
        *turn = pair[0].to_bits() ^ pair[1].to_bits();
    }
    let (ground, gap) = (stairs.values[0].to_bits(), stairs.gap());
    for (score, cell) in scores.iter_mut().zip(cells) {
        let mut value = ground;
        for (rung, turn) in rungs.iter().zip(&turns) {
            value ^= turn & 0_u64.wrapping_sub(u64::from(cell > rung));
        }
        *score += if cell.is_nan() { gap } else { f64::from_bits(value) };
    }
}

#[inline(always)]
fn look_up_body(cells: &[f64], stairs: &Stairs, scores: &mut [f64]) {
    stairs.cuts.ranks(cells, |row, rank| scores[row] += stairs.values[rank]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_equals_the_plain_definition_to_the_bit() {
        for count in [1_usize, 2, 5, 11, 16, 17, 1025] {
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
