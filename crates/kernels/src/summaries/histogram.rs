//! Cells counted in bins whose edges are known: integers, so chunks merge exactly and in any order.
//!
//! A bin is a rank: how many *cuts* lie below the cell. With few cuts every cell is compared with every cut, which needs
//! no lookup and fills whole registers. With many, the rank is guessed by arithmetic and then corrected by comparing
//! with the cuts on both sides, so that it is exact whatever the guess.

use crate::Level;
use crate::codec::{CodecError, Reader, Writer};
use crate::simd::{LANES, Lanes};

/// Up to so many cuts, comparing with all of them is faster than a guess and a lookup.
pub(crate) const LADDER_MAX: usize = 16;

/// Cuts compared with each cell at once, as many as leave no counter outside the registers.
const RUNGS: usize = 4;

/// Rising cuts, and the arithmetic that comes close to the rank of a number among them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Cuts {
    /// The cuts between two NaNs, which no comparison with a cell can pass.
    padded: Vec<f64>,
    base: f64,
    scale: f64,
}

impl Cuts {
    /// Cuts of which the inner ones are about `width` apart, the second of them at `low + width`.
    pub(crate) fn new(cuts: &[f64], low: f64, width: f64) -> Self {
        debug_assert!(cuts.is_sorted(), "cuts rise");
        let padded = [&[f64::NAN], cuts, &[f64::NAN]].concat();
        Self { padded, base: low - width, scale: 1.0 / width }
    }

    pub(crate) fn as_slice(&self) -> &[f64] {
        let end = self.padded.len().saturating_sub(1).max(1);
        self.padded.get(1..end).unwrap_or_default()
    }

    /// How many cuts lie below `cell`; 0 when it is NaN.
    #[inline(always)]
    pub(crate) fn rank(&self, cell: f64) -> usize {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a guess; the cast saturates")]
        let guess = ((cell - self.base) * self.scale) as usize;
        let mut rank = guess.min(self.padded.len() - 2);
        while cell > self.padded[rank + 1] {
            rank += 1;
        }
        while cell <= self.padded[rank] {
            rank -= 1;
        }
        rank
    }
}

/// How many cells of each column lie between each two neighbouring cuts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Per column one count per rank, from 0 to the number of cuts.
    ranks: Vec<Vec<u64>>,
}

impl Histogram {
    pub(crate) fn new(cuts: &[Cuts]) -> Self {
        Self { ranks: cuts.iter().map(|cuts| vec![0; cuts.as_slice().len() + 1]).collect() }
    }

    /// Adds one block of column `column`. A NaN has rank 0, which no one asks for.
    pub(crate) fn observe(&mut self, level: Level, column: usize, cuts: &Cuts, cells: &[f64]) {
        let ranks = &mut self.ranks[column];
        match ranks.len() - 1 {
            0 => {}
            1..=LADDER_MAX => {
                let mut above = [0_u64; LADDER_MAX];
                count_above(level, cells, cuts.as_slice(), &mut above);
                for (rank, count) in ranks.iter_mut().enumerate().skip(1) {
                    *count += above[rank - 1] - above.get(rank).copied().unwrap_or(0);
                }
            }
            _ => count_ranks(level, cells, cuts, ranks),
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        for (mine, other) in self.ranks.iter_mut().zip(&other.ranks) {
            mine.iter_mut().zip(other).for_each(|(mine, other)| *mine += other);
        }
    }

    /// The counts between the cuts of column `column`: one fewer than there are cuts.
    pub(crate) fn between(&self, column: usize) -> &[u64] {
        let ranks = &self.ranks[column];
        ranks.get(1..ranks.len() - 1).unwrap_or_default()
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        self.ranks.iter().for_each(|ranks| writer.u64s(ranks));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, cuts: &[Cuts]) -> Result<Self, CodecError> {
        let ranks = cuts.iter().map(|_| reader.u64s()).collect::<Result<Vec<_>, _>>()?;
        let fits = ranks.iter().zip(cuts).all(|(ranks, cuts)| ranks.len() == cuts.as_slice().len() + 1);
        if fits { Ok(Self { ranks }) } else { Err(CodecError::Damaged) }
    }
}

levels! {
    /// Counts the cells above each of up to [`LADDER_MAX`] cuts.
    fn count_above(cells: &[f64], cuts: &[f64], above: &mut [u64; LADDER_MAX]) = above_body;
}

#[inline(always)]
fn above_body(cells: &[f64], cuts: &[f64], above: &mut [u64; LADDER_MAX]) {
    // Nothing lies above the cuts that fill up the last rungs.
    let mut rungs = [f64::INFINITY; LADDER_MAX];
    rungs[..cuts.len()].copy_from_slice(cuts);
    let (rungs, _) = rungs.as_chunks::<RUNGS>();
    let (above, _) = above.as_chunks_mut::<RUNGS>();
    for (rungs, above) in rungs.iter().zip(above).take(cuts.len().div_ceil(RUNGS)) {
        *above = rungs_body(cells, *rungs);
    }
}

#[inline(always)]
fn rungs_body(cells: &[f64], rungs: [f64; RUNGS]) -> [u64; RUNGS] {
    let mut counts = [[0_u64; LANES]; RUNGS];
    let (steps, rest) = cells.as_chunks::<LANES>();
    for step in steps {
        let step = Lanes(*step);
        for (counts, rung) in counts.iter_mut().zip(&rungs) {
            for (count, cell) in counts.iter_mut().zip(&step.0) {
                *count += u64::from(cell > rung);
            }
        }
    }
    for (counts, rung) in counts.iter_mut().zip(&rungs) {
        counts[0] += rest.iter().filter(|cell| *cell > rung).count() as u64;
    }
    counts.map(|counts| total(&counts))
}

/// Out of line, like the folds of [`Lanes`].
#[inline(never)]
fn total(counts: &[u64; LANES]) -> u64 {
    counts.iter().sum()
}

levels! {
    /// Counts the cells of each rank.
    fn count_ranks(cells: &[f64], cuts: &Cuts, ranks: &mut [u64]) = ranks_body;
}

#[inline(always)]
fn ranks_body(cells: &[f64], cuts: &Cuts, ranks: &mut [u64]) {
    for cell in cells {
        ranks[cuts.rank(*cell)] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts_like_the_plain_definition() {
        for count in [1_u32, 2, 11, 16, 17, 40, 1025] {
            let edges: Vec<f64> = (0..count).map(|i| f64::from(i) * 0.1).collect();
            let cuts = Cuts::new(&edges, 0.0, 0.1);
            for length in (0..200_u32).chain([5000]) {
                let cells: Vec<f64> = (0..length)
                    .map(|i| match i % 7 {
                        0 => f64::NAN,
                        1 => f64::from(i * 7919 % 1009) * 0.1 - 5.0,
                        2 => edges[i as usize % edges.len()].next_up(),
                        3 => edges[i as usize % edges.len()].next_down(),
                        4 => -1e150,
                        _ => edges[i as usize % edges.len()],
                    })
                    .collect();
                let mut expected = vec![0; edges.len() + 1];
                for cell in &cells {
                    expected[edges.iter().filter(|edge| cell > edge).count()] += 1;
                }
                for level in Level::available() {
                    let mut histogram = Histogram::new(std::slice::from_ref(&cuts));
                    histogram.observe(level, 0, &cuts, &cells);
                    assert_eq!(histogram.ranks[0][1..], expected[1..], "{level:?} {count} cuts, {length} cells");
                }
            }
        }
    }

    #[test]
    fn a_rank_is_exact_however_bad_the_guess() {
        let edges = [1.0, 1.0, 1.5, 300.0, 301.0, 1e9];
        let cuts = Cuts::new(&edges, -5.0, 0.01);
        for cell in [0.0, 1.0, 1.2, 1.5, 299.0, 300.5, 1e9, 2e9, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            assert_eq!(cuts.rank(cell), edges.iter().filter(|edge| cell > **edge).count(), "{cell}");
        }
    }
}
