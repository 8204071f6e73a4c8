//! Robust z-score: 0.6745 |x - median| / MAD, where MAD is the median absolute deviation.
//!
//! Where more than half the cells are the same, the MAD is 0. Then, after Iglewicz and Hoaglin, the unit is the mean
//! absolute deviation: |x - median| / (1.253314 mean |x - median|). The median looks at the numbers near it, however far
//! out others lie, and the mean adds up all of them: so each may be shifted by a power of two of its own.

use super::deviation::{Center, Deviations};
use crate::Level;
use crate::detector::Aggregate;
use crate::numbers::BLOCK;
use crate::quantile::{self, Spread};
use crate::scale;
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::distances::Distances;
use crate::summaries::moments::sum_distances;

/// The share of a standard deviation that a normal distribution's MAD is, as `PyOD` has it.
const MAD_SHARE: f64 = 0.6745;
/// Standard deviations in a normal distribution's mean absolute deviation.
const MEAN_SHARE: f64 = 1.253_314;

/// The centre for a spread at one shift, and a mean distance at another, which is asked for only where it is needed.
fn center(spread: Spread, shift: i32, sum_shift: i32, mean_distance: impl FnOnce(f64) -> f64) -> Center {
    if spread.deviation > 0.0 {
        return Center::new([spread.median, spread.rest], spread.deviation, shift, |deviation| deviation / MAD_SHARE);
    }
    // More than half the cells are the median, so nothing was cut off it.
    let median = scale::shifted(spread.median, sum_shift - shift);
    let mean = mean_distance(median);
    if mean > 0.0 {
        Center::new([median, 0.0], mean, sum_shift, |mean| MEAN_SHARE * mean)
    } else {
        Center::of_point(scale::shifted(spread.median, -shift))
    }
}

/// The model of the columns `used`, from all rows, column by column.
pub(crate) fn fit_exactly(level: Level, columns: &[Vec<f64>], used: &[usize], aggregate: Aggregate) -> Deviations {
    let center = |cells: &Vec<f64>| {
        let sorted = quantile::sorted_finite(cells);
        let (Some(low), Some(high)) = (sorted.first(), sorted.last()) else { return Center::of_point(0.0) };
        let (shift, sum_shift) = (quantile::middle_shift(&sorted, 2), scale::shift_for(low.abs().max(high.abs())));
        let (spread, _) = quantile::exact(&quantile::shifted(&sorted, shift));
        center(spread, shift, sum_shift, |median| {
            let sorted = quantile::shifted(&sorted, sum_shift);
            let sum: f64 = sorted.chunks(BLOCK).map(|block| sum_distances(level, block, median)).sum();
            sum / sorted.len() as f64
        })
    };
    Deviations { aggregate, columns: used.iter().map(|&column| center(&columns[column])).collect() }
}

/// The model of the columns `used`, from what was counted in their brackets.
pub(crate) fn fit(brackets: &[Option<Bracket>], second: &Summary, used: &[usize], aggregate: Aggregate) -> Deviations {
    let counted = second.counted.as_deref().unwrap_or_default();
    let distances = second.distances.as_ref().map(Distances::finish).unwrap_or_default();
    let center = |column: usize| {
        // No bracket is set where no cell is finite.
        let Some(bracket) = &brackets[column] else { return Center::of_point(0.0) };
        let count = second.tally[column].finite;
        let spread = quantile::refined(count, bracket, &counted[column]);
        center(spread, bracket.shift, bracket.sum_shift, |_| distances[column] / count as f64)
    };
    Deviations { aggregate, columns: used.iter().map(|&column| center(column)).collect() }
}
