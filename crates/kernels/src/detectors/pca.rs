//! Principal components: how far a row is from the mean along directions in which the columns vary together.
//!
//! ```text
//! z           = (x - mean) / standard deviation (ddof 0)
//! l_k, v_k      the eigenvalues and eigenvectors of the correlations of the columns, the greatest first
//!
//! score       = sum over the selected k of (v_k' z)^2 / l_k      (Shyu, Chen, Sarinnapakorn and Chang, 2003)
//! pyod        = sum over the selected k of |z - v_k| / r_k,  r_k being the part of l_k in the sum of all
//! ```
//!
//! Selected are those of the least variance, as `PyOD` has it: all, unless fewer are asked for. Over all of them the first is the squared
//! [Mahalanobis distance](super::mahalanobis), and as there, eigenvalues up to 1e-10 of the greatest are left out. With `compat=pyod` the score is that of
//! `PyOD`'s `PCA`, which takes an eigenvector for a point that rows are near to or far from; directions without variance make it as
//! large as a double can be.
//!
//! The contribution of a column is its entry of z times that of the sum of `v_k (v_k' z) / l_k`; with `compat=pyod` its part of each distance's
//! square, of that distance. They add up to the score.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::whitening::{self, Whitening};
use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::eigen::Pair;
use crate::known::Known;
use crate::numbers::STRETCH;
use crate::parameter::{choice, count};
use crate::wants::Wants;
use crate::{FitError, FitSpec, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "pca",
    summary: "How far a row is from the mean along the directions in which the columns vary together (principal components).",
    passes: 2,
    merge: "means, then products of columns per row group, merged in the order of the rows",
    parameters: &[
        count("n_selected_components", 0, 0, 512, "directions that count, those of the least variance; 0: all"),
        choice(
            "compat",
            &["none", "pyod"],
            "none: squared distance in units of each direction; pyod: the score of PyOD's PCA",
        ),
    ],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Pca;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    /// How many directions count; 0 for all.
    selected: usize,
    compat: bool,
}

impl Detector for Pca {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        let compat = parameters.word("compat") == "pyod";
        Arc::new(Fitting { selected: parameters.count("n_selected_components"), compat })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        match serde_json::from_str::<Kind>(state.get())? {
            Kind { points: Some(_) } => sound(state, |state: &Points| state.is_sound(columns)),
            Kind { points: None } => sound(state, |state: &Whitening| state.is_sound(columns)),
        }
    }
}

/// What tells the two kinds of states apart.
#[derive(Deserialize)]
struct Kind {
    points: Option<serde::de::IgnoredAny>,
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { moments: true, products: true, ..Wants::default() }
    }

    fn check(&self, spec: &FitSpec) -> Result<(), FitError> {
        whitening::check(INFO.name, &spec.columns)?;
        self.check_selected(spec.columns.len(), "columns were chosen")
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let (columns, pairs) = whitening::directions(known);
        let all = pairs.len();
        self.check_selected(all, "columns vary")?;
        let skipped = if self.selected == 0 { 0 } else { all - self.selected };
        if self.compat {
            return Ok(Arc::new(Points::new(columns, &pairs, skipped)));
        }
        let selected: Vec<&Pair> = whitening::with_variance(&pairs).skip(skipped).collect();
        if selected.is_empty() {
            return Err(FitError::Data(
                "the selected directions have no variance, for some columns follow from others: select more, or leave those columns out"
                    .to_owned(),
            ));
        }
        Ok(Arc::new(Whitening::new(columns, selected.into_iter())))
    }
}

impl Fitting {
    fn check_selected(&self, columns: usize, what: &str) -> Result<(), FitError> {
        let selected = self.selected;
        if selected <= columns {
            return Ok(());
        }
        Err(FitError::Config(format!(
            "n_selected_components is {selected}, and {columns} {what}: there are as many directions as columns"
        )))
    }
}

/// Eigenvectors as points, as `PyOD` has them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Points {
    columns: Vec<Center>,
    points: Vec<Point>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Point {
    vector: Vec<f64>,
    /// One, divided by the direction's part of the variance.
    weight: f64,
}

/// What a direction without variance counts: with the most that a cell does, still a double.
const WEIGHT_MAX: f64 = crate::scale::power(500);

impl Points {
    fn new(columns: Vec<Center>, pairs: &[Pair], skipped: usize) -> Self {
        let all: f64 = pairs.iter().map(|pair| pair.value.max(0.0)).sum();
        let point = |pair: &Pair| {
            // As scikit-learn flips them: the greatest part is positive.
            let greatest =
                pair.vector.iter().fold(0.0_f64, |most, part| if part.abs() > most.abs() { *part } else { most });
            let vector = pair.vector.iter().map(|part| part * greatest.signum()).collect();
            let weight = all / pair.value.max(0.0);
            Point { vector, weight: if weight < WEIGHT_MAX { weight } else { WEIGHT_MAX } }
        };
        Self { columns, points: pairs.iter().skip(skipped).map(point).collect() }
    }

    fn is_sound(&self, columns: usize) -> bool {
        let sound = |point: &Point| {
            point.vector.len() == columns
                && point.vector.iter().all(|part| part.abs() <= 1.0 + 1e-9)
                && point.weight >= 0.0
                && point.weight <= WEIGHT_MAX
        };
        whitening::check(INFO.name, &vec![String::new(); columns]).is_ok()
            && self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && (1..=columns).contains(&self.points.len())
            && self.points.iter().all(sound)
    }
}

impl State for Points {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Nearness { state: self, level })
    }
}

/// Points, ready to score.
#[derive(Debug)]
struct Nearness<'s> {
    state: &'s Points,
    level: Level,
}

impl Score for Nearness<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut cells = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            whitening::standardize(self.level, &self.state.columns, columns, rows, &mut cells);
            for Point { vector, weight } in &self.state.points {
                add_distance(self.level, &cells, vector, *weight, scores);
            }
        }
    }

    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        let z = whitening::standardized(self.level, &self.state.columns, rows);
        for Point { vector, weight } in &self.state.points {
            for (z, parts) in rows.of(&z).each_with(parts) {
                let distance = z.iter().zip(vector).fold(0.0, |sum, (z, part)| sum + (z - part) * (z - part)).sqrt();
                if distance > 0.0 {
                    for ((sum, z), part) in parts.iter_mut().zip(z).zip(vector) {
                        *sum += (z - part) * (z - part) / distance * weight;
                    }
                }
            }
        }
    }
}

levels! {
    /// Adds to each score the weighed distance of its row from a point. `cells` are those of [`STRETCH`] rows, column after column.
    fn add_distance(cells: &[f64], point: &[f64], weight: f64, scores: &mut [f64]) = add_distance_body;
}

#[inline(always)]
fn add_distance_body(cells: &[f64], point: &[f64], weight: f64, scores: &mut [f64]) {
    let mut squares = [0.0; STRETCH];
    for (cells, part) in cells.as_chunks::<STRETCH>().0.iter().zip(point) {
        for (sum, cell) in squares.iter_mut().zip(cells) {
            *sum += (cell - part) * (cell - part);
        }
    }
    for (score, square) in scores.iter_mut().zip(&squares) {
        *score += square.sqrt() * weight;
    }
}
