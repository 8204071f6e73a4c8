//! Nearest neighbours: how far a row is from the k-th nearest of some sampled rows (Ramaswamy, Rastogi and Shim, SIGMOD 2000; of a sample:
//! Sugiyama and Borgwardt, "Rapid distance-based outlier detection via sampling", NIPS 2013).
//!
//! ```text
//! z       = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! score   = |z - r|,  r being the k-th nearest of the m reference rows
//! ```
//!
//! The reference rows are m of the sample, by a keyed hash. One that is equal to the row does not count, for it may be the row itself:
//! then the next farther does. A cell counts up to 2^400 standard deviations from its mean, an infinite one as much as that.
//!
//! The contribution of a column is its part of the squared distance, of the distance: they add up to the score.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::whitening::{standardize, standardized, standardized_rows};
use crate::center::{Center, FAR};
use crate::detector::{Detector, DetectorInfo, Method, Rows, Score, Settings, State, sound, written};
use crate::keyed::{self, subkey};
use crate::known::Known;
use crate::neighbours::Neighbours;
use crate::numbers::STRETCH;
use crate::parameter::count;
use crate::wants::Wants;
use crate::{FitError, FitSpec, Level};

static INFO: DetectorInfo = DetectorInfo {
    name: "knn",
    summary: "How far a row is from the k-th nearest of some sampled rows (nearest neighbours).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[
        count("max_samples", 256, 2, 4096, "sampled rows that others are compared with"),
        count("n_neighbors", 0, 0, 4095, "to which of the nearest the distance is taken; 0: 6 % of the sampled rows"),
    ],
};

/// The share of the reference rows that are near, where nothing else is asked for.
const NEAR: f64 = 0.06;

/// Which of so many neighbours counts, where nothing else is asked for.
pub(crate) fn near(rows: usize) -> usize {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few thousand")]
    let share = (NEAR * rows as f64).round() as usize;
    share
}

/// The part of the seed by which reference rows are chosen.
const REFERENCE: u64 = 3;

/// The detector.
#[derive(Debug)]
pub(crate) struct Knn;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    rows: usize,
    /// 0 for a share of the rows.
    neighbours: usize,
}

impl Detector for Knn {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { rows: parameters.count("max_samples"), neighbours: parameters.count("n_neighbors") })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Reference| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn check(&self, _: &FitSpec) -> Result<(), FitError> {
        let Self { rows, neighbours } = *self;
        if neighbours < rows {
            return Ok(());
        }
        Err(FitError::Config(format!("n_neighbors is {neighbours}, of {rows} rows (max_samples): it must be less")))
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let sampled = known.scored_rows()?;
        let columns = known.sample_centers(&sampled);
        let chosen = keyed::first(subkey(known.seed, REFERENCE), sampled[0].len(), self.rows);
        let rows = standardized_rows(known.level, &columns, &sampled, &chosen);
        let neighbours = if self.neighbours == 0 { near(rows.len()) } else { self.neighbours };
        Ok(Arc::new(Reference { columns, neighbours: Neighbours::new(neighbours, rows) }))
    }
}

/// Frozen reference rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Reference {
    pub(crate) columns: Vec<Center>,
    /// Standardized.
    pub(crate) neighbours: Neighbours,
}

impl Reference {
    pub(crate) fn is_sound(&self, columns: usize) -> bool {
        self.columns.len() == columns
            && self.columns.iter().all(|column| column.is_sound())
            && self.neighbours.is_sound(columns, FAR)
    }
}

impl State for Reference {
    fn to_json(&self) -> Box<RawValue> {
        written(self)
    }

    /// All but the reference rows.
    fn describe(&self) -> Value {
        json!({ "columns": self.columns, "rows": self.neighbours.rows(), "neighbors": self.neighbours.neighbours() })
    }

    fn scorer(&self, level: Level) -> Box<dyn Score + '_> {
        Box::new(Distances { state: self, level })
    }
}

/// Reference rows, ready to score.
#[derive(Debug)]
struct Distances<'s> {
    state: &'s Reference,
    level: Level,
}

impl Score for Distances<'_> {
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]) {
        let mut cells = vec![0.0; columns.len() * STRETCH];
        for (stretch, scores) in scores.chunks_mut(STRETCH).enumerate() {
            let rows = stretch * STRETCH..stretch * STRETCH + scores.len();
            standardize(self.level, &self.state.columns, columns, rows, &mut cells);
            self.state.neighbours.distances(self.level, &cells, scores);
        }
    }

    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        let z = standardized(self.level, &self.state.columns, rows);
        self.state.neighbours.explain(self.level, rows.of(&z), scores, parts);
    }
}
