//! z-score: |x - mean| / standard deviation, as `scipy.stats.zscore` and scikit-learn's `StandardScaler` have it (ddof 0).

use std::sync::Arc;

use serde_json::value::RawValue;

use super::deviation::{Aggregate, Deviations};
use crate::FitError;
use crate::detector::{Detector, DetectorInfo, Method, Settings, State, sound};
use crate::known::Known;
use crate::parameter::choice;
use crate::wants::Wants;

static INFO: DetectorInfo = DetectorInfo {
    name: "zscore",
    summary: "How far each cell is from its column's mean, in standard deviations.",
    passes: 1,
    merge: "mean and squares per row group, merged in the order of the rows",
    parameters: &[choice("aggregate", &["max", "sum"], "max: the largest |z| of a row; sum: the sum of z squared")],
};

/// The detector.
#[derive(Debug)]
pub(crate) struct Zscore;

/// How it is fitted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fitting(pub(crate) Aggregate);

impl Detector for Zscore {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method> {
        let sum = parameters.word("aggregate") == "sum";
        Arc::new(Fitting(if sum { Aggregate::Squares } else { Aggregate::Max }))
    }

    fn read(&self, _: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Deviations| state.is_sound(columns))
    }
}

impl Method for Fitting {
    fn wants(&self) -> Wants {
        Wants { moments: true, ..Wants::default() }
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        Ok(Arc::new(Deviations { aggregate: self.0, columns: known.used_centers() }))
    }
}
