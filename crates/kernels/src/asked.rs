//! What is asked of a fit, understood.

use std::sync::Arc;

use crate::detector::{Method, Parameters};
use crate::detectors;
use crate::summaries::sample::Sampling;
use crate::{FitError, FitSpec};

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
        method.check(&spec.columns)?;
        Ok(Self { spec, method, parameters })
    }

    pub(crate) fn sampling(&self) -> Sampling {
        Sampling::new(self.spec.seed, self.spec.rows, self.spec.columns.len())
    }
}
