//! Mahalanobis distance, squared: how far a row is from the mean, in units of how the columns vary together.
//!
//! ```text
//! z   = (x - mean) / standard deviation (ddof 0), of the finite cells; a missing cell has 0
//! R   = the mean of z z' over all rows
//! d^2 = z' R+ z = sum over k of (v_k' z)^2 / l_k,  l_k and v_k being the eigenvalues and eigenvectors of R
//! ```
//!
//! That is scikit-learn's `EmpiricalCovariance().fit(x).mahalanobis(x)` where the covariance has an inverse: units cancel. A
//! column that the others determine adds nothing: eigenvalues up to 1e-10 of the greatest are left out, as the pseudo-inverse
//! does. A cell counts up to 2^400 standard deviations from its mean, an infinite one as much as that.
//!
//! The contribution of a column is its entry of z times that of R+ z: they add up to the score, and one that makes its row
//! less unusual than it were without is negative, and no reason.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::whitening::{self, Whitening};
use crate::detector::{Detector, DetectorInfo, Method, Settings, State, sound};
use crate::known::Known;
use crate::wants::Wants;
use crate::{FitError, FitSpec};

static INFO: DetectorInfo = DetectorInfo {
    name: "mahalanobis",
    summary: "How far a row is from the mean in units of how the columns vary together (squared Mahalanobis distance).",
    passes: 2,
    merge: "means, then products of columns per row group, merged in the order of the rows",
    parameters: &[],
};

/// The detector, and how it is fitted: there is nothing to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mahalanobis;

impl Detector for Mahalanobis {
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

impl Method for Mahalanobis {
    fn wants(&self) -> Wants {
        Wants { moments: true, products: true, ..Wants::default() }
    }

    fn check(&self, spec: &FitSpec) -> Result<(), FitError> {
        whitening::check(INFO.name, &spec.columns)
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let (columns, pairs) = whitening::directions(known);
        Ok(Arc::new(Whitening::new(columns, whitening::with_variance(&pairs))))
    }
}
