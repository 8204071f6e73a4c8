//! Copula-based outlier detection: how far out in the tails of the columns a row lies (Li, Zhao, Botta, Ionescu and Hu, "COPOD: Copula-based
//! outlier detection", ICDM 2020), as `PyOD` computes it.
//!
//! ```text
//! score = sum over columns of max( longer tail, (left + right) / 2 )
//! ```
//!
//! where left and right are -ln of [tail probabilities](super::tail_probabilities), and the longer tail of a column is the right one where its
//! skewness is positive, the left one where it is negative, and both where it is 0. With `compat=pyod` a cell beyond those of the fit
//! has ln(n + 1), however far.
//!
//! A column's contribution is its term; they add up to the score.

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
    name: "copod",
    summary: "How far out in the tails of the columns a row lies, by their empirical copula.",
    passes: 2,
    merge: "exact: integer counts; the distribution functions are exact at some thousand cells of each column",
    parameters: &[choice(
        "compat",
        &["none", "pyod"],
        "none: the farther beyond the cells of the fit, the higher; pyod: all that lies beyond is alike",
    )],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Copod;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    is_flat: bool,
}

impl Detector for Copod {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { is_flat: parameters.word("compat") == "pyod" })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Copula| state.tails.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { ecdfs: true, ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        Ok(Arc::new(Copula { tails: TailProbabilities::fitted(known, self.is_flat) }))
    }
}

/// The frozen state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Copula {
    tails: TailProbabilities,
}

impl State for Copula {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Terms { sides: self.tails.sides(), level })
    }
}

/// Ready to score.
#[derive(Debug)]
struct Terms<'s> {
    sides: &'s [Sides],
    level: Level,
}

/// What a cell adds.
#[inline(always)]
fn term(pair: Pair, skew: f64) -> f64 {
    let (longer, mean) = (longer(pair, skew), (pair[0] + pair[1]) * 0.5);
    if mean > longer { mean } else { longer }
}

levels! {
    /// Adds what each cell adds to the score of its row.
    fn add_terms(pairs: [&[f64]; 2], skew: f64, scores: &mut [f64]) = add_terms_body;
}

#[inline(always)]
fn add_terms_body([left, right]: [&[f64]; 2], skew: f64, scores: &mut [f64]) {
    for ((left, right), score) in left.iter().zip(right).zip(scores) {
        *score += term([*left, *right], skew);
    }
}

impl Score for Terms<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        for (sides, cells) in self.sides.iter().zip(columns) {
            sides.each(self.level, cells, |rows, pairs| add_terms(self.level, pairs, sides.skew, &mut scores[rows]));
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        for (cells, parts) in rows.each_with(parts) {
            for ((sides, cell), part) in self.sides.iter().zip(cells).zip(parts) {
                *part = term(sides.at(*cell), sides.skew);
            }
        }
    }
}
