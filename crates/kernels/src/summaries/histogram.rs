//! Cells counted in bins whose edges are known: integers, so chunks merge exactly and in any order.
//!
//! A bin is a rank: how many *cuts* lie below the cell. With few cuts every cell is compared with every cut, which needs
//! no lookup and fills whole registers. With many, arithmetic finds the cut nearest to the cell, and one comparison with
//! that cut decides between the two ranks on its sides. Rounding can only mislead the arithmetic where two cuts are
//! about equally near, and there both lead to the same rank.

use crate::Level;
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::WHOLE;

/// Up to so many cuts, comparing with all of them is faster than a lookup.
pub(crate) const LADDER_MAX: usize = 16;

/// Cuts compared with each cell at once, as many as leave no counter outside the registers.
const RUNGS: usize = 4;

/// Cells whose nearest cuts are found together.
pub(crate) const STRETCH: usize = 256;

/// Rising cuts, and the arithmetic that finds the one nearest to a number.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Cuts {
    /// The cuts, and then two that nothing lies above.
    padded: Vec<f64>,
    /// Where the first cut would be if it were as far from the second as the others are from each other.
    low: f64,
    scale: f64,
    /// Whether the arithmetic is close enough, shown cut by cut.
    near: bool,
}

impl Default for Cuts {
    fn default() -> Self {
        Self { padded: vec![f64::INFINITY; 2], low: 0.0, scale: 0.0, near: true }
    }
}

impl Cuts {
    /// Cuts of which cut `i` is about at `low + i * width`; the first and the last may lie farther out.
    pub(crate) fn new(cuts: &[f64], low: f64, width: f64) -> Self {
        debug_assert!(cuts.is_sorted(), "cuts rise");
        let padded = [cuts, &[f64::INFINITY; 2]].concat();
        let mut made = Self { padded, low, scale: 1.0 / width, near: true };
        // The nearest cut never falls as the number rises. So if it is right just above each cut and on each cut, it is
        // right everywhere between.
        made.near =
            (0..).zip(cuts).all(|(index, cut)| made.nearest(*cut) <= index && made.nearest(cut.next_up()) >= index);
        made
    }

    pub(crate) fn as_slice(&self) -> &[f64] {
        &self.padded[..self.padded.len() - 2]
    }

    /// How many cuts lie below `cell`; 0 when it is NaN.
    pub(crate) fn rank(&self, cell: f64) -> usize {
        self.as_slice().partition_point(|cut| *cut < cell)
    }

    /// The rank of a missing cell in [`Cuts::ranks`]: one more than any other.
    pub(crate) fn missing_rank(&self) -> usize {
        self.padded.len() - 1
    }

    /// Where arithmetic finds them: the lowest, and cuts per unit; nothing where it is not close enough.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn by_arithmetic(&self) -> Option<[f64; 2]> {
        self.near.then_some([self.low, self.scale])
    }

    #[inline(always)]
    fn nearest(&self, cell: f64) -> u64 {
        let last = (self.padded.len() - 3) as f64;
        let place = (cell - self.low) * self.scale;
        let place = if place > 0.0 { place } else { 0.0 };
        let place = if place < last { place } else { last };
        let place = if cell.is_nan() { last + 2.0 } else { place };
        (place + WHOLE).to_bits() & u64::from(u32::MAX)
    }

    /// Calls `work` with the rank of each cell. There must be a cut.
    #[inline(always)]
    pub(crate) fn ranks(&self, cells: &[f64], mut work: impl FnMut(usize, usize)) {
        if !self.near {
            for (row, &cell) in cells.iter().enumerate() {
                work(row, if cell.is_nan() { self.missing_rank() } else { self.rank(cell) });
            }
            return;
        }
        let mut nearest = [0_u64; STRETCH];
        for (stretch, cells) in cells.chunks(STRETCH).enumerate() {
            // Two loops: the first fills whole registers, which the lookups of the second would prevent.
            for (nearest, cell) in nearest.iter_mut().zip(cells) {
                *nearest = self.nearest(*cell);
            }
            for (row, (nearest, cell)) in nearest.iter().zip(cells).enumerate() {
                #[expect(clippy::cast_possible_truncation, reason = "the low half of the bits")]
                let nearest = *nearest as usize;
                work(stretch * STRETCH + row, nearest + usize::from(*cell > self.padded[nearest]));
            }
        }
    }
}

/// How many cells of each column lie between each two neighbouring cuts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Histogram {
    /// Per column one count per rank, from 0 to the number of cuts; and one for missing cells.
    ranks: Vec<Vec<u64>>,
}

impl Histogram {
    pub(crate) fn new(cuts: &[Cuts]) -> Self {
        Self { ranks: cuts.iter().map(|cuts| vec![0; cuts.missing_rank() + 1]).collect() }
    }

    /// Adds one block of column `column`. Cells below all cuts and missing cells are not told apart.
    pub(crate) fn observe(&mut self, level: Level, column: usize, cuts: &Cuts, cells: &[f64]) {
        let ranks = &mut self.ranks[column];
        match cuts.as_slice().len() {
            0 => {}
            1..=LADDER_MAX => {
                let mut above = [0_u64; LADDER_MAX];
                count_above(level, cells, cuts.as_slice(), &mut above);
                for (rank, cut) in cuts.as_slice().iter().enumerate() {
                    debug_assert!(!cut.is_nan(), "a cut is a number");
                    ranks[rank + 1] += above[rank] - above.get(rank + 1).copied().unwrap_or(0);
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
        ranks.get(1..ranks.len() - 2).unwrap_or_default()
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        self.ranks.iter().for_each(|ranks| writer.u64s(ranks));
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, cuts: &[Cuts]) -> Result<Self, CodecError> {
        let ranks = cuts.iter().map(|_| reader.u64s()).collect::<Result<Vec<_>, _>>()?;
        let fits = ranks.iter().zip(cuts).all(|(ranks, cuts)| ranks.len() == cuts.missing_rank() + 1);
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
    let mut counts = [0_u64; RUNGS];
    for cell in cells {
        for (count, rung) in counts.iter_mut().zip(&rungs) {
            *count += u64::from(cell > rung);
        }
    }
    counts
}

levels! {
    /// Counts the cells of each rank.
    fn count_ranks(cells: &[f64], cuts: &Cuts, ranks: &mut [u64]) = ranks_body;
}

#[inline(always)]
fn ranks_body(cells: &[f64], cuts: &Cuts, ranks: &mut [u64]) {
    cuts.ranks(cells, |_, rank| ranks[rank] += 1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_level_counts_like_the_plain_definition() {
        for count in [1_u32, 2, 11, 16, 17, 40, 1025] {
            let edges: Vec<f64> = (0..count).map(|i| f64::from(i) * 0.1).collect();
            let cuts = Cuts::new(&edges, 0.0, 0.1);
            assert!(cuts.near);
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
                for cell in cells.iter().filter(|cell| !cell.is_nan()) {
                    expected[edges.iter().filter(|edge| cell > *edge).count()] += 1;
                }
                for level in Level::available() {
                    let mut histogram = Histogram::new(std::slice::from_ref(&cuts));
                    histogram.observe(level, 0, &cuts, &cells);
                    assert_eq!(
                        histogram.ranks[0][1..=edges.len()],
                        expected[1..],
                        "{level:?} {count} cuts, {length} cells"
                    );
                }
            }
        }
    }

    #[test]
    fn cuts_that_arithmetic_cannot_find_are_searched() {
        let uneven = Cuts::new(&[1.0, 1.0, 1.5, 300.0, 301.0, 1e9], -5.0, 0.01);
        let even = Cuts::new(&[0.75, 2.0, 3.0, 4.0, 5.25], 1.0, 1.0);
        assert!(even.near && !uneven.near);
        for cuts in [uneven, even] {
            let cells =
                [0.0, 0.75, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5, 5.25, 5.5, 300.5, 1e9, 2e9, f64::INFINITY, -f64::INFINITY];
            cuts.ranks(&cells, |row, rank| {
                assert_eq!(rank, cuts.as_slice().iter().filter(|cut| cells[row] > **cut).count(), "{}", cells[row]);
                assert_eq!(rank, cuts.rank(cells[row]));
            });
            cuts.ranks(&[f64::NAN], |_, rank| assert_eq!(rank, cuts.missing_rank()));
        }
    }
}
