//! Minimum covariance determinant: squared distance from the mean, in units of how the columns vary together, of the three quarters of the
//! rows that lie closest together (Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance determinant estimator", 1999).
//!
//! ```text
//! z       = (x - mean) / standard deviation (ddof 0), of the finite cells; a sampled cell that is missing or infinite has 0
//! H       the h of the n sampled rows whose covariance C has the least determinant; h = max(floor(0.75 n), min(n, columns + 2))
//! score   = (z - m)' C^-1 (z - m),  m being the mean of H; a missing cell of a row has that
//! ```
//!
//! H is found by concentration: the h rows nearest by the mean and covariance of one H are the next, whose determinant is no greater; at most
//! twelve times, from three starts, and the least determinant counts. The starts are the h rows nearest by the sum of their robust z-scores
//! (each up to 20), by distance from the medians, and by Mahalanobis distance: **nothing is random**. Of rows equally near the one with the lesser
//! keyed hash is taken.
//!
//! Directions up to 1e-10 of the greatest variance are left out, columns being in units of their deviation in H. A column that is the same in
//! all of H is no part of this, but that an infinite cell of it counts. Beyond 60 columns, and where none
//! varies in it, H is all sampled rows.
//!
//! The contribution of a column is its entry of z - m times that of C^-1 (z - m): they add up to the score.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::concentration::{Rows, keyed_rows};
use super::whitening::{self, Whitening};
use crate::FitError;
use crate::detector::{Detector, DetectorInfo, Method, Settings, State, sound};
use crate::known::Known;
use crate::wants::Wants;

static INFO: DetectorInfo = DetectorInfo {
    name: "mcd",
    summary: "How far a row is from where most rows lie, in units of how those vary together (minimum covariance determinant).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[],
};

/// The detector, and how it is fitted: there is nothing to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mcd;

impl Detector for Mcd {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, _: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(*self)
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Whitening| state.is_sound(columns))
    }
}

impl Method for Mcd {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn check(&self, names: &[String]) -> Result<(), FitError> {
        whitening::check(INFO.name, names)
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let sampled = keyed_rows(known.seed, &known.scored_rows()?);
        let columns = known.sample_centers(&sampled);
        let rows = Rows::new(known.level, &columns, &sampled);
        Ok(Arc::new(rows.close_together().whitening(&columns)))
    }
}
