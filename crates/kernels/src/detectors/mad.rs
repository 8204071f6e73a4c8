//! Robust z-score: 0.6745 |x - median| / MAD, where MAD is the median absolute deviation.
//!
//! Where more than half the cells are the same, the MAD is 0. Then, after Iglewicz and Hoaglin, the unit is the mean
//! absolute deviation: |x - median| / (1.253314 mean |x - median|). The median looks at the numbers near it, however far
//! out others lie, and the mean adds up all of them: so each may be shifted by a power of two of its own.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::deviation::{Aggregate, Deviations};
use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Settings, State, sound};
use crate::known::Known;
use crate::numbers::BLOCK;
use crate::parameter::choice;
use crate::quantile::{self, Spread};
use crate::scale;
use crate::summaries::Summary;
use crate::summaries::bracket::Bracket;
use crate::summaries::distances::Distances;
use crate::summaries::moments::sum_distances;
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "mad",
    summary: "How far each cell is from its column's median, in median absolute deviations (robust z-score).",
    passes: 2,
    merge: "exact: integer counts; the quantiles are refined to a small part of the spread",
    parameters: &[choice("aggregate", &["max", "sum"], "max: the largest robust |z| of a row; sum: the sum of them")],
};

/// The share of a standard deviation that a normal distribution's MAD is, as `PyOD` has it.
const MAD_SHARE: f64 = 0.6745;
/// Standard deviations in a normal distribution's mean absolute deviation.
const MEAN_SHARE: f64 = 1.253_314;

/// The detector.
#[derive(Debug)]
pub(crate) struct Mad;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting(pub(crate) Aggregate);

impl Detector for Mad {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        let sum = parameters.word("aggregate") == "sum";
        Arc::new(Fitting(if sum { Aggregate::Sum } else { Aggregate::Max }))
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Deviations| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { spreads: true, ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        Ok(Arc::new(deviations(known, self.0)))
    }
}

/// The robust z-scores of the columns used; spreads were wanted.
pub(crate) fn deviations(known: &Known<'_>, aggregate: Aggregate) -> Deviations {
    match known.brackets() {
        Some((brackets, counted)) => from_counts(brackets, counted, known.used, aggregate),
        None => exactly(known.level, known.sample(), known.used, aggregate),
    }
}

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
fn exactly(level: Level, columns: &[Vec<f64>], used: &[usize], aggregate: Aggregate) -> Deviations {
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
fn from_counts(brackets: &[Option<Bracket>], second: &Summary, used: &[usize], aggregate: Aggregate) -> Deviations {
    let counted = second.counted.as_deref().unwrap_or_default();
    let distances = second.distances.as_ref().map(Distances::total).unwrap_or_default();
    let center = |column: usize| {
        // No bracket is set where no cell is finite.
        let Some(bracket) = &brackets[column] else { return Center::of_point(0.0) };
        let count = second.tally[column].finite;
        let spread = quantile::refined(count, bracket, &counted[column]);
        center(spread, bracket.shift, bracket.sum_shift, |_| distances[column] / count as f64)
    };
    Deviations { aggregate, columns: used.iter().map(|&column| center(column)).collect() }
}
