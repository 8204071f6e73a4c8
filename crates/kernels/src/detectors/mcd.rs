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
//! With `compat=sklearn` mean and covariance are those of scikit-learn's `MinCovDet` with the seed as its `random_state`, of all sampled rows
//! in their order ([`fast_mcd`](super::fast_mcd)); a sampled cell that is missing or infinite is the mean of its column.
//!
//! The contribution of a column is its entry of z - m times that of C^-1 (z - m): they add up to the score.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::concentration::{Rows, keyed_rows};
use super::fast_mcd;
use super::whitening::{self, Whitening};
use crate::detector::{Detector, DetectorInfo, Method, Settings, State, sound};
use crate::known::Known;
use crate::parameter::choice;
use crate::wants::Wants;
use crate::{FitError, FitSpec};

static INFO: DetectorInfo = DetectorInfo {
    name: "mcd",
    summary: "How far a row is from where most rows lie, in units of how those vary together (minimum covariance determinant).",
    passes: 0,
    merge: "exact: a sample keyed by row number",
    parameters: &[choice("compat", &["none", "sklearn"], "sklearn: mean and covariance of scikit-learn's MinCovDet")],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Mcd;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting {
    is_compatible: bool,
}

impl Detector for Mcd {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(Fitting { is_compatible: parameters.word("compat") == "sklearn" })
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Whitening| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn check(&self, spec: &FitSpec) -> Result<(), FitError> {
        if self.is_compatible {
            random_state(spec.seed)?;
        }
        whitening::check(INFO.name, &spec.columns)
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let scored = known.scored_rows()?;
        if self.is_compatible {
            let moments = known.sample_centers(&scored);
            return Ok(Arc::new(fast_mcd::fitted(known.level, random_state(known.seed)?, &moments, &scored)));
        }
        let sampled = keyed_rows(known.seed, &scored);
        let columns = known.sample_centers(&sampled);
        let rows = Rows::new(known.level, &columns, &sampled);
        Ok(Arc::new(rows.close_together().whitening(&columns)))
    }
}

/// The seed as scikit-learn takes it.
fn random_state(seed: u64) -> Result<u32, FitError> {
    let refused = |_| {
        let most = u32::MAX;
        FitError::Config(format!(
            "the seed is {seed}: with compat=sklearn mcd takes up to {most}, as scikit-learn does"
        ))
    };
    u32::try_from(seed).map_err(refused)
}
