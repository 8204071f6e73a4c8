//! The empirical distribution function of a column: at some cells, the *knots*, how many of its cells lie below each and how many are the same.
//!
//! With all cells for knots it is exact. Else it is exact at each knot, and between two of them the cells that are no knots
//! are taken to be evenly spread. Infinite cells are none of its cells.

#![expect(clippy::float_cmp, reason = "whether two cells are the same double is asked")]

use serde::{Deserialize, Serialize};

use crate::grid::Grid;
use crate::places::Places;
use crate::scale;
use crate::summaries::counts_below::CountsBelow;
use crate::summaries::extremes::Counted;

/// A distribution function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ecdf {
    /// How many cells there are.
    pub(crate) cells: u64,
    /// Cells that lie somewhere else in the column, rising.
    pub(crate) knots: Vec<f64>,
    /// How many cells lie below each knot.
    pub(crate) below: Vec<u64>,
    /// How many are the same.
    pub(crate) same: Vec<u64>,
}

impl Ecdf {
    /// Of cells, rising.
    pub(crate) fn of_sorted(sorted: &[f64]) -> Self {
        let counted: Vec<Counted> =
            sorted.chunk_by(|a, b| a >= b).map(|same| (same[0] + 0.0, same.len() as u64)).collect();
        let mut ecdf = Self { cells: sorted.len() as u64, ..Self::default() };
        ecdf.push_from(0, &counted);
        ecdf
    }

    /// Of so many cells, from what was counted below places, and from the extreme ones.
    pub(crate) fn of_counts(cells: u64, places: &Places, counts: &CountsBelow) -> Self {
        let (low, high) = counts.extremes().ends();
        let mut ecdf = Self { cells, ..Self::default() };
        ecdf.push_from(0, low);
        let [Some(lowest), Some(highest)] = [low.last(), high.first()] else { return ecdf };
        let (places, below): (&[f64], Vec<u64>) = (places.cells(), counts.below().collect());
        for (index, &place) in places.iter().enumerate() {
            let follows = index > 0 && place == places[index - 1].next_up();
            if lowest.0 < place && place < highest.0 && !follows {
                // Where many cells are the same, the next place is right behind them; else there is one at least, which was sampled.
                let behind = places.get(index + 1).is_some_and(|next| *next == place.next_up());
                let same = if behind { below[index + 1] - below[index] } else { 1 };
                ecdf.push(place, below[index], same);
            }
        }
        let count = |counted: &[Counted]| counted.iter().map(|counted| counted.1).sum::<u64>();
        let first = high.partition_point(|counted| counted.0 <= lowest.0);
        ecdf.push_from(cells - count(&high[first..]), &high[first..]);
        ecdf
    }

    fn push(&mut self, knot: f64, below: u64, same: u64) {
        if same > 0 && below >= self.up_to_last() {
            self.knots.push(knot);
            self.below.push(below);
            self.same.push(same);
        }
    }

    /// Adds cells that were counted, above so many.
    fn push_from(&mut self, mut below: u64, counted: &[Counted]) {
        for (knot, same) in counted {
            self.push(*knot, below, *same);
            below += same;
        }
    }

    /// How many cells lie up to the last knot.
    fn up_to_last(&self) -> u64 {
        self.below.last().zip(self.same.last()).map_or(0, |(below, same)| below + same)
    }

    pub(crate) fn is_sound(&self) -> bool {
        let lengths = [self.below.len(), self.same.len()];
        let known = || self.below.iter().zip(&self.same);
        lengths == [self.knots.len(); 2]
            && self.knots.iter().all(|knot| knot.is_finite())
            && self.knots.is_sorted_by(|a, b| a < b)
            && known()
                .all(|(below, same)| *same > 0 && below.checked_add(*same).is_some_and(|up_to| up_to <= self.cells))
            && known().zip(self.below.iter().skip(1)).all(|((below, same), next)| below + same <= *next)
    }

    /// The same with at most so many knots, of which there are eight at least: the first and the last quarter of them as they are, of the others so many that the
    /// counts from one to the next differ by the same part of what lies on its shorter side.
    pub(crate) fn thinned(self, most: usize) -> Self {
        if self.knots.len() <= most {
            return self;
        }
        let end = most / 4;
        let inner = end..self.knots.len() - end;
        let mut part = 2.0 / most as f64;
        loop {
            let mut thin = Self { cells: self.cells, ..Self::default() };
            for at in 0..self.knots.len() {
                let (below, same) = (self.below[at], self.same[at]);
                let shorter = thin.up_to_last().min(self.cells - below) as f64;
                let risen = (below + same - thin.up_to_last()) as f64;
                if !inner.contains(&at) || risen >= (part * shorter).max(1.0) {
                    thin.push(self.knots[at], below, same);
                }
                if thin.knots.len() > most {
                    break;
                }
            }
            if thin.knots.len() <= most {
                return thin;
            }
            part *= 1.25;
        }
    }

    /// The cell of this rank, from 0 to the last and between two; `None` without any.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
    pub(crate) fn quantile(&self, rank: f64) -> Option<f64> {
        let (low, part) = (self.of_rank(rank as u64)?, rank.fract());
        let high = if part > 0.0 { self.of_rank(rank as u64 + 1)? } else { low };
        Some((low * (1.0 - part) + high * part).clamp(low, high))
    }

    fn of_rank(&self, rank: u64) -> Option<f64> {
        let next = self.below.partition_point(|below| *below <= rank);
        let (knot, up_to) = (self.knots.get(next.checked_sub(1)?)?, self.below[next - 1] + self.same[next - 1]);
        if rank < up_to || next == self.knots.len() {
            return Some(*knot);
        }
        // One of those between two knots, evenly spaced.
        let share = (rank - up_to + 1) as f64 / (self.below[next] - up_to + 1) as f64;
        Some(knot * (1.0 - share) + self.knots[next] * share)
    }

    /// Finds a cell among the knots, where there are some; the quicker, the more cells lie near it.
    pub(crate) fn grid(&self) -> Option<Grid> {
        let [low, high] = [0.001, 0.999].map(|share| self.quantile(self.cells.saturating_sub(1) as f64 * share));
        let (mut from, mut to) = (
            self.knots.partition_point(|knot| Some(*knot) < low),
            self.knots.partition_point(|knot| Some(*knot) <= high),
        );
        // Farther out too where cells lie between knots: beyond those each cell is a knot, and one in some thousands is found there.
        let hides = |knot: &usize| self.below[*knot] + self.same[*knot] < self.below[knot + 1];
        let gaps = self.knots.len().saturating_sub(1);
        if let (Some(first), Some(last)) = ((0..gaps).find(hides), (0..gaps).rfind(hides)) {
            (from, to) = (from.min(first), to.max(last + 2));
        }
        let middle = if from < to { from..to } else { 0..self.knots.len() };
        (!middle.is_empty()).then(|| Grid::of_middle(&self.knots, middle))
    }

    /// The sign of the third central moment, as far as the knots tell it; 0 where all cells are alike.
    pub(crate) fn skew(&self) -> f64 {
        let knots = || self.knots.iter().zip(&self.same).map(|(knot, same)| (*knot, *same as f64));
        // The cells between two knots are halfway.
        let gaps = self.knots.windows(2).enumerate().map(|(at, pair)| {
            let hidden = self.below[at + 1] - self.below[at] - self.same[at];
            (pair[0] * 0.5 + pair[1] * 0.5, hidden as f64)
        });
        let cells: Vec<(f64, f64)> = knots().chain(gaps).collect();
        let most = cells.iter().fold(0.0_f64, |most, cell| most.max(cell.0.abs()));
        let by = scale::shift_to_one(most);
        let count: f64 = cells.iter().map(|cell| cell.1).sum();
        let mean = cells.iter().map(|cell| scale::shifted(cell.0, by) * cell.1).sum::<f64>() / count;
        let cube = |(cell, count): &(f64, f64)| {
            let off = scale::shifted(*cell, by) - mean;
            off * off * off * count
        };
        let third: f64 = cells.iter().map(cube).sum();
        if third > 0.0 {
            1.0
        } else if third < 0.0 {
            -1.0
        } else {
            0.0
        }
    }
}

/// Cells of a sample below which to count, so many at most; and right behind those that were sampled more than once. There is one at least.
pub(crate) fn places_of_sample(sorted: &[f64], most: usize) -> Places {
    let sampled = Ecdf::of_sorted(sorted).thinned(most);
    // Where none was sampled, there may be some all the same.
    let mut cells: Vec<f64> = if sorted.is_empty() { vec![0.0] } else { Vec::new() };
    for (knot, same) in sampled.knots.iter().zip(&sampled.same) {
        if cells.last() != Some(knot) {
            cells.push(*knot);
        }
        if *same > 1 && knot.next_up().is_finite() {
            cells.push(knot.next_up());
        }
    }
    Places::new(&cells)
}
