//! Robust z-score: 0.6745 |x - median| / MAD, where MAD is the median absolute deviation.
//!
//! Where more than half the cells are the same, the MAD is 0. Then, after Iglewicz and Hoaglin, the unit is the mean
//! absolute deviation: |x - median| / (1.253314 mean |x - median|).

use super::deviation::{Center, Deviations};
use crate::Level;
use crate::detector::Aggregate;
use crate::numbers::{BLOCK, SPREAD_MIN};
use crate::quantile::{self, Spread};
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::distances::Distances;
use crate::summaries::moments::sum_distances;

/// The share of a standard deviation that a normal distribution's MAD is, as `PyOD` has it.
const MAD_SHARE: f64 = 0.6745;
/// Standard deviations in a normal distribution's mean absolute deviation.
const MEAN_SHARE: f64 = 1.253_314;

fn center(spread: Spread, mean_distance: f64) -> Center {
    let unit = if spread.deviation < SPREAD_MIN { MEAN_SHARE * mean_distance } else { spread.deviation / MAD_SHARE };
    Center { center: spread.median, unit }
}

/// The model of the columns `used`, from all rows, column by column.
pub(crate) fn fit_exactly(level: Level, columns: &[Vec<f64>], used: &[usize], aggregate: Aggregate) -> Deviations {
    let center = |cells: &Vec<f64>| {
        let sorted = quantile::sorted_ordinary(cells);
        let (spread, _) = quantile::exact(&sorted);
        let sum: f64 = sorted.chunks(BLOCK).map(|block| sum_distances(level, block, spread.median)).sum();
        center(spread, sum / sorted.len() as f64)
    };
    Deviations { aggregate, columns: used.iter().map(|&column| center(&columns[column])).collect() }
}

/// The model of the columns `used`, from what was counted in their brackets.
pub(crate) fn fit(brackets: &[Option<Bracket>], second: &Summary, used: &[usize], aggregate: Aggregate) -> Deviations {
    let counted = second.counted.as_deref().unwrap_or_default();
    let distances = second.distances.as_ref().map(Distances::finish).unwrap_or_default();
    let center = |column: usize| {
        let count = second.tally[column].ordinary;
        let bracket = brackets[column].as_ref().expect("a used column has a bracket");
        let spread = quantile::refined(count, bracket, &counted[column]);
        let mut center = center(spread, distances[column] / count as f64);
        if center.unit < SPREAD_MIN {
            // Only when a bracket missed: then the sampled deviation is the best there is.
            center.unit = bracket.far.max(SPREAD_MIN) / MAD_SHARE;
        }
        center
    };
    Deviations { aggregate, columns: used.iter().map(|&column| center(column)).collect() }
}
