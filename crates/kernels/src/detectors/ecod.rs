//! Empirical cumulative distribution: how far out in the tails of the columns a row lies (Li, Zhao, Hu, Botta, Ionescu and Chen, "ECOD: Unsupervised
//! outlier detection using empirical cumulative distribution functions", TKDE 2022).
//!
//! ```text
//! score = max( sum of left, sum of right, sum of the longer tail )        over columns
//! ```
//!
//! where left and right are -ln of [tail probabilities](super::tail_probabilities), and the longer tail of a column is the right one where its
//! skewness is positive, the left one where it is negative, and both where it is 0. That is the paper's score. `PyOD`'s takes the maximum in each
//! column, and then the sum (`compat=pyod`); there a cell beyond those of the fit has ln(n + 1), however far.
//!
//! A column's contribution is its share of the score: as its largest term is to those of all columns. So a cell that is rare on the other side
//! than most of its row is a reason too. With `compat=pyod` these terms are the contributions. They add up to the score.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::tail_probabilities::{Pair, Sides, TailProbabilities, longer};
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::known::Known;
use crate::parameter::choice;
use crate::wants::Wants;
use crate::{FitError, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "ecod",
    summary: "How far out in the tails of the columns a row lies, by their empirical distribution functions.",
    passes: 2,
    merge: "exact: integer counts; the distribution functions are exact at some thousand cells of each column",
    parameters: &[choice(
        "compat",
        &["paper", "pyod"],
        "paper: the largest of three sums over the columns; pyod: the sum of the largest of three in each column",
    )],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Ecod;

/// How it is fitted: as `PyOD` has it, or as the paper.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    is_pyod: bool,
}

impl Detector for Ecod {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { is_pyod: parameters.word("compat") == "pyod" })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Tails| state.tails.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { ecdfs: true, ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        Ok(Arc::new(Tails { is_pyod: self.is_pyod, tails: TailProbabilities::fitted(known, self.is_pyod) }))
    }
}

/// The frozen state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tails {
    is_pyod: bool,
    #[serde(flatten)]
    tails: TailProbabilities,
}

impl State for Tails {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        let sides = self.tails.sides();
        if self.is_pyod { Box::new(LargestOfCells { sides, level }) } else { Box::new(LargestOfSums { sides, level }) }
    }
}

/// The three terms of a cell.
#[inline(always)]
fn terms(pair: Pair, skew: f64) -> [f64; 3] {
    [pair[0], pair[1], longer(pair, skew)]
}

/// As the paper has it.
#[derive(Debug)]
struct LargestOfSums<'s> {
    sides: &'s [Sides],
    level: Level,
}

impl LargestOfSums<'_> {
    /// Which of the sums is the largest, the first of those.
    fn largest(sums: [f64; 3]) -> usize {
        (1..3).fold(0, |most, sum| if sums[sum] > sums[most] { sum } else { most })
    }
}

impl Score for LargestOfSums<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut sums = [scores.to_vec(), scores.to_vec(), scores.to_vec()];
        for (sides, cells) in self.sides.iter().zip(columns) {
            sides.each(self.level, cells, |rows, pairs| {
                add_terms(self.level, pairs, sides.skew, sums.each_mut().map(|sums| &mut sums[rows.clone()]));
            });
        }
        for (row, score) in scores.iter_mut().enumerate() {
            let sums = sums.each_ref().map(|sums| sums[row]);
            *score = sums[Self::largest(sums)];
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        for (cells, parts) in rows.each_with(parts) {
            let mut sums = [0.0; 3];
            for ((sides, cell), part) in self.sides.iter().zip(cells).zip(parts.iter_mut()) {
                let terms = terms(sides.at(*cell), sides.skew);
                sums.iter_mut().zip(terms).for_each(|(sum, term)| *sum += term);
                *part = terms.into_iter().fold(0.0, f64::max);
            }
            let score = sums[Self::largest(sums)];
            let all: f64 = parts.iter().sum();
            for part in parts {
                *part = if all > 0.0 { score * (*part / all) } else { 0.0 };
            }
        }
    }
}

levels! {
    /// Adds the three terms of each cell to the sums of its row.
    fn add_terms(pairs: [&[f64]; 2], skew: f64, sums: [&mut [f64]; 3]) = add_terms_body;
}

#[inline(always)]
fn add_terms_body([left, right]: [&[f64]; 2], skew: f64, [lefts, rights, longers]: [&mut [f64]; 3]) {
    let sums = lefts.iter_mut().zip(rights).zip(longers);
    for ((left, right), ((left_sum, right_sum), longer_sum)) in left.iter().zip(right).zip(sums) {
        let [left, right, longer] = terms([*left, *right], skew);
        *left_sum += left;
        *right_sum += right;
        *longer_sum += longer;
    }
}

/// As `PyOD` has it.
#[derive(Debug)]
struct LargestOfCells<'s> {
    sides: &'s [Sides],
    level: Level,
}

/// The largest of the terms of a cell.
#[inline(always)]
fn largest(pair: Pair, skew: f64) -> f64 {
    terms(pair, skew).into_iter().fold(0.0, |most, term| if term > most { term } else { most })
}

levels! {
    /// Adds the largest term of each cell to the score of its row.
    fn add_largest(pairs: [&[f64]; 2], skew: f64, scores: &mut [f64]) = add_largest_body;
}

#[inline(always)]
fn add_largest_body([left, right]: [&[f64]; 2], skew: f64, scores: &mut [f64]) {
    for ((left, right), score) in left.iter().zip(right).zip(scores) {
        *score += largest([*left, *right], skew);
    }
}

impl Score for LargestOfCells<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (sides, cells) in self.sides.iter().zip(columns) {
            sides.each(self.level, cells, |rows, pairs| add_largest(self.level, pairs, sides.skew, &mut scores[rows]));
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        for (cells, parts) in rows.each_with(parts) {
            for ((sides, cell), part) in self.sides.iter().zip(cells).zip(parts) {
                *part = largest(sides.at(*cell), sides.skew);
            }
        }
    }
}
