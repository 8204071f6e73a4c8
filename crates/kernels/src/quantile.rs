//! Medians and median absolute deviations: exact from all rows, or refined from a sample and counts.
//!
//! **How exact.** Where the sample is the whole source, both are `NumPy`'s to the bit. Elsewhere the brackets are cut into
//! bins, and the answer lies in the same bin as the exact one: the error is at most the width of a bin, which is 1/1024
//! of a bracket (fewer bins beyond 50 columns), and a bracket holds a few percent of the cells, or up to about half of them
//! where a pilot's row groups differ much ([`crate::survey`]). Inside a bin the cells
//! are taken to be evenly spaced between the least and the greatest, which is usually far closer; and where a bin
//! holds one value, as with whole numbers, the answer is exact. A bracket of a first pass misses the answer with a
//! chance of about 1e-9 per column; then the answer is the end of the bracket it lies beyond.
//! The mean absolute deviation, used where the median one is 0, is about the sampled median.

use crate::numbers::{from_order, to_order};
use crate::scale;
use crate::summaries::bracket::Bracket;
use crate::summaries::counted::{Bin, Counted};
use crate::summaries::range::Range;

/// Standard errors of a rank on either side of a bracket, so that it misses nothing.
const ERRORS: f64 = 6.0;
/// How many times the possible error of the sampled median is added to the sides: the true median may be off by as much; that
/// moves the true deviation by as much, and the cells that are that deviation away from it by as much again.
const SHIFTS: f64 = 2.0;

/// Median and median absolute deviation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    /// What rounding cut off the median, where it is so many deviations from zero that this shows; else 0.
    pub(crate) rest: f64,
    pub(crate) deviation: f64,
}

/// The ranks of the one or two middle ones of `count`, from 0.
fn middle_ranks(count: u64) -> [u64; 2] {
    [count.saturating_sub(1) / 2, count / 2]
}

/// The mean of the one or two middle values, as `NumPy` has it.
fn median_by(count: u64, value: impl Fn(u64) -> f64) -> f64 {
    let [low, high] = middle_ranks(count);
    if low == high { value(low) } else { f64::midpoint(value(low), value(high)) + 0.0 }
}

/// The median of `sorted`, in which there is a cell at least.
pub(crate) fn median(sorted: &[f64]) -> f64 {
    median_by(sorted.len() as u64, |rank| sorted[index(rank)])
}

/// The finite cells among `cells`, rising.
pub(crate) fn sorted_finite(cells: &[f64]) -> Vec<f64> {
    let mut sorted: Vec<f64> = cells.iter().copied().filter(|cell| cell.is_finite()).collect();
    sorted.sort_unstable_by(f64::total_cmp);
    sorted
}

/// `cells`, which rise or fall over long stretches, rising: a stable sort finds the stretches and merges them.
pub(crate) fn merged(mut cells: Vec<f64>) -> Vec<f64> {
    cells.sort_by(f64::total_cmp);
    cells
}

/// The exact spread of `sorted`, and the distances from its median, rising. There must be a cell at least.
pub(crate) fn exact(sorted: &[f64]) -> (Spread, Vec<f64>) {
    let count = sorted.len() as u64;
    let at = |values: &[f64]| median_by(count, |rank| values[index(rank)]);
    let median = at(sorted);
    let distances_from = |rest: f64| merged(sorted.iter().map(|cell| ((cell - median) - rest).abs()).collect());
    let mut distances = distances_from(0.0);
    let rest = rest_of(count, median, at(&distances), |rank| sorted[index(rank)]);
    if rest != 0.0 {
        distances = distances_from(rest);
    }
    (Spread { median, rest, deviation: at(&distances) }, distances)
}

/// What rounding cut off the median of `count` cells, where it shows beside the deviation.
fn rest_of(count: u64, median: f64, deviation: f64, value: impl Fn(u64) -> f64) -> f64 {
    if scale::is_narrow(median, deviation) {
        // Both differences are exact: so near each other are the middle ones of a narrow column.
        let [low, high] = middle_ranks(count).map(|rank| value(rank) - median);
        f64::midpoint(low, high)
    } else {
        0.0
    }
}

/// The shift at which the median of `sorted` and the deviations from it are ordinary numbers. One wild cell must not
/// decide it: beside 1e300, numbers of 1e-310 would all be 0, and their spread too.
///
/// `outer` cells of 8 are left out of account on either side. With 2, what is left is more than half of the cells, so that
/// the median deviation is at most twice its magnitude; with 1, the deviations of three quarters of the cells are.
pub(crate) fn middle_shift(sorted: &[f64], outer: usize) -> i32 {
    let last = sorted.len() - 1;
    let left_out = last * outer / 8;
    let magnitude = sorted[left_out].abs().max(sorted[last - left_out].abs());
    // More than half of the cells are 0: so are median and deviation, at any shift.
    scale::shift_for(if magnitude > 0.0 { magnitude } else { sorted[0].abs().max(sorted[last].abs()) })
}

/// `cells` times 2^`shift`.
pub(crate) fn shifted(cells: &[f64], shift: i32) -> Vec<f64> {
    cells.iter().map(|cell| cell * scale::power(shift)).collect()
}

/// From so many sampled cells on, a bracket does not reach beyond three quarters of them.
const SAMPLE_MIN: usize = 300;

/// The brackets in which the median and the median absolute deviation of a column must lie, given its cells in a sample of all
/// rows, rising, and its range, which is not empty.
pub(crate) fn bracket(sorted: &[f64], range: Range) -> Bracket {
    let sum_shift = scale::shift_for(range.magnitude());
    let shift = if sorted.len() < SAMPLE_MIN { sum_shift } else { middle_shift(sorted, 1) };
    let [bottom, top] = [range.low, range.high].map(|end| scale::shifted(end, shift).clamp(-f64::MAX, f64::MAX));
    if sorted.is_empty() {
        let far = top - bottom;
        return Bracket { center: bottom, low: bottom, high: top, near: 0.0, far, shift, sum_shift };
    }
    let sorted = shifted(sorted, shift);
    let (spread, distances) = exact(&sorted);
    let center = spread.median;
    let [low, high] = rank_bounds(&sorted, bottom, top);
    let reach = (top - center).max(center - bottom).min(f64::MAX);
    let [near, far] = rank_bounds(&distances, 0.0, reach);
    let slack = SHIFTS * (high - center).max(center - low);
    let (near, far) = ((near - slack).max(0.0), (far + slack).min(reach));
    Bracket { center, low, high, near, far, shift, sum_shift }
}

/// The sampled values within which the population's median lies; the ends where the sample is too small to say.
fn rank_bounds(sorted: &[f64], low: f64, high: f64) -> [f64; 2] {
    let count = sorted.len() as f64;
    let margin = ERRORS * 0.5 * count.sqrt() + 1.0;
    let (first, last) = ((count / 2.0 - margin).floor(), (count / 2.0 + margin).ceil());
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "compared with the bounds first")]
    [if first < 0.0 { low } else { sorted[first as usize] }, if last >= count { high } else { sorted[last as usize] }]
}

/// The spread of a column of `count` finite cells, from what was counted in its bracket, shifted as that is.
pub(crate) fn refined(count: u64, bracket: &Bracket, counted: &Counted) -> Spread {
    let value = |rank| middle_value(rank, bracket, counted);
    let median = median_by(count, value);
    let deviation_from = |rest| median_by(count, |rank| side_distance(rank, [median, rest], bracket, counted));
    let deviation = deviation_from(0.0);
    let rest = rest_of(count, median, deviation, value);
    Spread { median, rest, deviation: if rest == 0.0 { deviation } else { deviation_from(rest) } }
}

/// Whether the bracket holds what was looked for in it. The sampled median is not the true one, so the sides must reach
/// as much farther as the two are apart: then no cell that was left uncounted could take part in the answer.
pub(crate) fn holds(count: u64, bracket: &Bracket, counted: &Counted) -> bool {
    let sum = |bins: &[Bin]| bins.iter().map(|bin| bin.count).sum::<u64>();
    let ranks = middle_ranks(count);
    let all_within = |from: u64, bins| ranks.iter().all(|rank| (from..from + sum(bins)).contains(rank));
    if !all_within(counted.below, counted.middle()) || !all_within(counted.inside, counted.sides()) {
        return false;
    }
    let median = median_by(count, |rank| middle_value(rank, bracket, counted));
    let shift = (median - bracket.center).abs();
    let [near, far] = ranks.map(|rank| side_distance(rank, [median, 0.0], bracket, counted));
    (counted.inside == 0 || bracket.near + shift <= near)
        && (counted.inside + sum(counted.sides()) == count || far + shift <= bracket.far)
}

/// The cell of rank `rank`, looked for in the middle.
fn middle_value(rank: u64, bracket: &Bracket, counted: &Counted) -> f64 {
    let Some(mut rank) = rank.checked_sub(counted.below) else { return bracket.low };
    for bin in counted.middle() {
        if rank < bin.count {
            return bin.cell(rank);
        }
        rank -= bin.count;
    }
    bracket.high
}

/// The distance from `median`, which is the sum of two, of the cell that is the `rank`th nearest to it, looked for on the sides.
fn side_distance(rank: u64, median: [f64; 2], bracket: &Bracket, counted: &Counted) -> f64 {
    let within = |distance: f64| counted.sides().iter().map(|bin| bin.within(median, distance)).sum::<u64>();
    let Some(rank) = rank.checked_sub(counted.inside) else { return bracket.near };
    // Doubles from 0 up are in the order of their bits, so halving the bits finds the least distance exactly.
    let (mut low, mut high) = (to_order(0.0), to_order(f64::MAX));
    if within(from_order(high)) <= rank {
        return bracket.far;
    }
    while low < high {
        let middle = low + (high - low) / 2;
        if within(from_order(middle)) > rank {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    from_order(low)
}

impl Bin {
    /// The cell of rank `rank` in the bin, taken to be evenly spaced between the least and the greatest.
    fn cell(&self, rank: u64) -> f64 {
        match rank {
            0 => self.low,
            _ if rank + 1 >= self.count => self.high,
            _ => (self.low + (self.high - self.low) * (rank as f64 / (self.count - 1) as f64)).min(self.high),
        }
    }

    /// How many of the bin's cells are at most `distance` from `median`.
    fn within(&self, [median, rest]: [f64; 2], distance: f64) -> u64 {
        let above = |cell: f64| (cell - median) - rest;
        if self.count == 0 || above(self.low) > distance || -above(self.high) > distance {
            0
        } else if above(self.high) <= distance && -above(self.low) <= distance {
            self.count
        } else {
            let up_to = self.ranks_while(|cell| above(cell) <= distance);
            up_to - self.ranks_while(|cell| -above(cell) > distance)
        }
    }

    /// How many of the bin's cells, from the least on, hold to `test`.
    fn ranks_while(&self, test: impl Fn(f64) -> bool) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if test(self.cell(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

fn index(rank: u64) -> usize {
    usize::try_from(rank).expect("a rank within a slice")
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;
    use crate::Level;
    use crate::numbers::BLOCK;
    use crate::summaries::marked::Marked;

    /// Numbers with the shape of `kind`, from a fixed sequence.
    fn cells(kind: u32, count: u64) -> Vec<f64> {
        let mut state = 1_u64;
        let mut uniform = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        (0..count)
            .map(|_| match kind {
                0 => uniform() + uniform() + uniform() - 1.5,
                1 => (1.0 / (1.0 - uniform())).powi(3),
                2 => (uniform() * uniform() * 40.0).floor(),
                3 => f64::from(uniform() < 0.5),
                4 => {
                    if uniform() < 0.7 {
                        3.0
                    } else {
                        uniform() * 1e6
                    }
                }
                _ => 1e9 + uniform(),
            })
            .collect()
    }

    fn refine(all: &[f64], every: usize, bins: usize, level: Level) -> (Spread, Bracket) {
        let sample: Vec<f64> = all.iter().copied().step_by(every).collect();
        let ends = (all.iter().copied().fold(f64::INFINITY, f64::min), all.iter().copied().fold(0.0, f64::max));
        let bracket = bracket(&sorted_finite(&sample), Range { low: ends.0, high: ends.1 });
        let mut counted = Counted::new(bins);
        for block in all.chunks(BLOCK) {
            counted.observe(level, &bracket, block, &mut Marked::default());
        }
        (refined(all.len() as u64, &bracket, &counted), bracket)
    }

    #[test]
    fn refined_spreads_are_exact_to_a_bin_at_every_level() {
        for kind in 0..6 {
            for count in [60_001_u64, 60_000] {
                let all = cells(kind, count);
                let (expected, _) = exact(&sorted_finite(&all));
                let (found, bracket) = refine(&all, 20, 1024, Level::BASELINE);
                let bin = ((bracket.high - bracket.low) + (bracket.far - bracket.near)) / 1024.0;
                assert!((found.median - expected.median).abs() <= bin, "{kind}: {found:?} {expected:?}");
                assert!((found.deviation - expected.deviation).abs() <= 2.0 * bin, "{kind}: {found:?} {expected:?}");
                if (2..=4).contains(&kind) {
                    assert_eq!(found, expected, "{kind}: whole numbers are exact");
                }
                for level in Level::available() {
                    assert_eq!(refine(&all, 20, 1024, level).0, found, "{kind} {level:?}");
                }
            }
        }
    }

    #[test]
    fn a_sample_without_a_cell_or_with_few_still_gives_an_answer() {
        let all = cells(0, 5000);
        let (expected, _) = exact(&sorted_finite(&all));
        for every in [6000, 2000, 300] {
            let (found, bracket) = refine(&all, every, 1024, Level::detect());
            let bin = (bracket.high - bracket.low + bracket.far - bracket.near) / 1024.0;
            assert!(
                (found.median - expected.median).abs() <= bin
                    && (found.deviation - expected.deviation).abs() <= 2.0 * bin
            );
        }
    }

    #[test]
    fn a_bracket_that_misses_gives_its_end() {
        let bracket = Bracket { center: 10.0, low: 9.0, high: 11.0, near: 5.0, far: 6.0, shift: 0, sum_shift: 0 };
        let mut counted = Counted::new(64);
        let cells = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
        counted.observe(Level::detect(), &bracket, &cells, &mut Marked::default());
        let found = refined(7, &bracket, &counted);
        assert_eq!(found.median, 9.0);
        assert!(found.deviation.is_finite());
    }

    #[test]
    fn medians_are_numpys() {
        assert_eq!(exact(&[1.0, 2.0, 4.0, 9.0]).0, Spread { median: 3.0, rest: 0.0, deviation: 1.5 });
        let large = 2.0_f64.powi(62);
        let (spread, distances) = exact(&[large, large + 1024.0, large + 2048.0, large + 3072.0]);
        assert_eq!((spread.median + spread.rest, spread.median - large + spread.rest), (large + 2048.0, 1536.0));
        assert_eq!((spread.deviation, &distances[..]), (1024.0, &[512.0, 512.0, 1536.0, 1536.0][..]));
        assert_eq!(exact(&[1.0, 2.0, 4.0]).0, Spread { median: 2.0, rest: 0.0, deviation: 1.0 });
        assert_eq!(exact(&[5.0]).0, Spread { median: 5.0, rest: 0.0, deviation: 0.0 });
    }
}
