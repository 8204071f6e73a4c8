//! Tukey's fences: how far each cell is outside of the middle half of its column, in interquartile ranges (Tukey, "Exploratory data analysis", 1977).
//!
//! ```text
//! excess(x) = max(Q1 - x, x - Q3, 0) / (Q3 - Q1)
//! ```
//!
//! Above 1.5 a cell is out, above 3 far out. Quartiles are linear between the cells of neighbouring ranks, as `NumPy` and DuckDB's
//! `quantile_cont` have them. Where more than half of the cells are one value, Q3 - Q1 is 0; then the unit is the
//! standard deviation.
//!
//! x is the cell times 2^`exponent`, for ranges so small or so large that they would leave the range of doubles. An infinite cell counts as the farthest
//! finite one, the most that a column adds; a missing one adds nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::ecdf::Ecdf;
use crate::known::Known;
use crate::numbers;
use crate::parameter::choice;
use crate::scale;
use crate::summaries::moments::Moments;
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "iqr",
    summary: "How far each cell is outside of the middle half of its column, in interquartile ranges (Tukey's fences).",
    passes: 2,
    merge: "exact: integer counts; quartiles are exact between some thousand cells of each column",
    parameters: &[choice("aggregate", &["max", "sum"], "max: the largest excess of a row; sum: the sum of them")],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Iqr;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    is_sum: bool,
}

impl Detector for Iqr {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { is_sum: parameters.word("aggregate") == "sum" })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Fences| {
            state.columns.len() == columns && state.columns.iter().all(|column| column.is_sound())
        })
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { moments: true, ecdfs: true, ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let moments = known.moments();
        let columns = known.used.iter().map(|&column| Fence::new(&known.ecdf(column), &moments[column])).collect();
        Ok(Arc::new(Fences { is_sum: self.is_sum, columns }))
    }
}

/// The middle half of a column, both quartiles times 2^`exponent`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Fence {
    lower: f64,
    upper: f64,
    /// What one unit of excess is. Positive, and large enough to be divided by.
    unit: f64,
    #[serde(default, skip_serializing_if = "numbers::is_zero")]
    exponent: i32,
}

impl Fence {
    fn new(ecdf: &Ecdf, moments: &Moments) -> Self {
        let last = ecdf.cells.saturating_sub(1) as f64;
        let [lower, upper] = [0.25, 0.75].map(|share| ecdf.quantile(last * share).unwrap_or(0.0));
        let power = |exponent: i32| scale::power(exponent);
        let by = scale::shift_for(lower.abs().max(upper.abs()));
        let range = upper * power(by) - lower * power(by);
        let center = if range > 0.0 {
            Center::new([lower * power(by), 0.0], range, by, |range| range)
        } else {
            Center::of_moments(moments)
        };
        let Center { unit, exponent, .. } = center;
        Self { lower: lower * power(exponent), upper: upper * power(exponent), unit, exponent }
    }

    fn is_sound(self) -> bool {
        (self.lower <= self.upper && self.lower.is_finite() && self.upper.is_finite())
            && (self.unit > 0.0 && (1.0 / self.unit).is_normal())
            && scale::is_shift(self.exponent)
    }
}

/// The frozen state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fences {
    is_sum: bool,
    columns: Vec<Fence>,
}

impl State for Fences {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        // As much in every column is still a double.
        let most =
            if self.is_sum { scale::power(1023) / self.columns.len().next_power_of_two() as f64 } else { f64::MAX };
        Box::new(Excesses { state: self, most, level })
    }
}

/// Ready to score.
#[derive(Debug)]
struct Excesses<'s> {
    state: &'s Fences,
    /// The most that a cell adds.
    most: f64,
    level: Level,
}

impl Score for Excesses<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (fence, cells) in self.state.columns.iter().zip(columns) {
            if self.state.is_sum {
                add_excess(self.level, cells, *fence, self.most, scores);
            } else {
                raise_to_excess(self.level, cells, *fence, self.most, scores);
            }
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        for (cells, parts) in rows.each_with(parts) {
            for ((fence, cell), part) in self.state.columns.iter().zip(cells).zip(parts) {
                *part = excess(*cell, *fence, scale::power(fence.exponent), 1.0 / fence.unit, self.most);
            }
        }
    }
}

levels! {
    fn add_excess(cells: &[f64], fence: Fence, most: f64, scores: &mut [f64]) = sum_body;
}
levels! {
    fn raise_to_excess(cells: &[f64], fence: Fence, most: f64, scores: &mut [f64]) = max_body;
}

/// The excess of a cell; 0 when it is missing.
#[inline(always)]
fn excess(cell: f64, fence: Fence, power: f64, scale: f64, most: f64) -> f64 {
    let cell = cell * power;
    let (below, above) = (fence.lower - cell, cell - fence.upper);
    let outside = if below > above { below } else { above };
    // NaN loses.
    let excess = if outside > 0.0 { outside * scale } else { 0.0 };
    if excess > most { most } else { excess }
}

#[inline(always)]
fn sum_body(cells: &[f64], fence: Fence, most: f64, scores: &mut [f64]) {
    let (power, scale) = (scale::power(fence.exponent), 1.0 / fence.unit);
    for (score, cell) in scores.iter_mut().zip(cells) {
        *score += excess(*cell, fence, power, scale, most);
    }
}

#[inline(always)]
fn max_body(cells: &[f64], fence: Fence, most: f64, scores: &mut [f64]) {
    let (power, scale) = (scale::power(fence.exponent), 1.0 / fence.unit);
    for (score, cell) in scores.iter_mut().zip(cells) {
        let excess = excess(*cell, fence, power, scale, most);
        *score = if excess > *score { excess } else { *score };
    }
}
