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
use crate::detector::{Detector, DetectorInfo, Method, Score, Settings, State, sound, written};
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

    fn scorer(&self, _level: Level) -> Box<dyn Score + '_> {
        let sides = self.tails.sides();
        if self.is_pyod { Box::new(LargestOfCells(sides)) } else { Box::new(LargestOfSums { sides }) }
    }
}

/// The three terms of a cell.
#[inline(always)]
fn terms(pair: Pair, skew: f64) -> [f64; 3] {
    [pair[0], pair[1], longer(pair, skew)]
}

/// As the paper has it.
#[derive(Debug)]
struct LargestOfSums {
    sides: Vec<Sides>,
}

impl LargestOfSums {
    /// Which of the sums is the largest, the first of those.
    fn largest(sums: [f64; 3]) -> usize {
        (1..3).fold(0, |most, sum| if sums[sum] > sums[most] { sum } else { most })
    }
}

impl Score for LargestOfSums {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut sums = vec![[0.0; 3]; scores.len()];
        for (sides, cells) in self.sides.iter().zip(columns) {
            sides.each(cells, |row, pair| {
                sums[row].iter_mut().zip(terms(pair, sides.skew)).for_each(|(sum, term)| *sum += term);
            });
        }
        scores.iter_mut().zip(sums).for_each(|(score, sums)| *score = sums[Self::largest(sums)]);
    }

    fn contributions(&self, cells: &[f64]) -> Vec<f64> {
        let terms: Vec<[f64; 3]> =
            self.sides.iter().zip(cells).map(|(sides, cell)| terms(sides.at(*cell), sides.skew)).collect();
        let sums = terms.iter().fold([0.0; 3], |sums, terms| std::array::from_fn(|sum| sums[sum] + terms[sum]));
        let score = sums[Self::largest(sums)];
        let rarest: Vec<f64> = terms.iter().map(|terms| terms.iter().copied().fold(0.0, f64::max)).collect();
        let all: f64 = rarest.iter().sum();
        rarest.iter().map(|rarest| if all > 0.0 { score * (rarest / all) } else { 0.0 }).collect()
    }
}

/// As `PyOD` has it.
#[derive(Debug)]
struct LargestOfCells(Vec<Sides>);

/// The largest of the terms of a cell.
#[inline(always)]
fn largest(pair: Pair, skew: f64) -> f64 {
    terms(pair, skew).into_iter().fold(0.0, f64::max)
}

impl Score for LargestOfCells {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (sides, cells) in self.0.iter().zip(columns) {
            sides.each(cells, |row, pair| scores[row] += largest(pair, sides.skew));
        }
    }

    fn contributions(&self, cells: &[f64]) -> Vec<f64> {
        self.0.iter().zip(cells).map(|(sides, cell)| largest(sides.at(*cell), sides.skew)).collect()
    }
}
