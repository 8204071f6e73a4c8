//! What is asked of a fit, understood.

use std::sync::Arc;

use crate::detector::{Method, Parameters};
use crate::detectors;
use crate::summaries::sample::Sampling;
use crate::{FitError, FitRows, FitSpec};

/// A spec that names what there is, and what it names.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) spec: FitSpec,
    pub(crate) method: Arc<dyn Method>,
    /// All of the detector's, with those that the spec leaves to it.
    pub(crate) parameters: Parameters,
}

impl Asked {
    pub(crate) fn new(spec: FitSpec) -> Result<Self, FitError> {
        let (method, parameters) = detectors::choose(&spec.detector, &spec.parameters)?;
        spec.check()?;
        method.check(&spec)?;
        Ok(Self { spec, method, parameters })
    }

    pub(crate) fn sampling(&self) -> Sampling {
        Sampling::new(self.spec.seed, self.spec.rows, self.spec.columns.len())
    }

    /// How many rows are sampled, to be all that the fit looks at; `None` where it looks at every row.
    pub(crate) fn sampled_rows(&self) -> Option<u64> {
        let needed = || self.method.wants().only_sample().then(|| Sampling::rows_max(self.spec.columns.len()));
        let rows = match self.spec.fit_rows {
            Some(FitRows::All) => None,
            Some(FitRows::Count(rows)) => Some(rows),
            None => needed(),
        };
        rows.filter(|rows| *rows < self.spec.rows)
    }
}
