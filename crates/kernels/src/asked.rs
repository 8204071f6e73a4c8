//! What is asked of a fit, understood.

use std::sync::Arc;

use crate::calibration::Calibration;
use crate::detector::{Method, Parameters};
use crate::detectors;
use crate::summaries::sample::Sampling;
use crate::{FitError, FitRows, FitSpec, Model};

/// A spec that names what there is, and what it names.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) spec: FitSpec,
    pub(crate) method: Arc<dyn Method>,
    /// All of the detector's, with those that the spec leaves to it.
    pub(crate) parameters: Parameters,
    /// The model that is calibrated, where the end of the fit is to come.
    pub(crate) forest: Option<Arc<Model>>,
}

impl Asked {
    pub(crate) fn new(spec: FitSpec) -> Result<Self, FitError> {
        let (method, parameters) = match spec.forest {
            // Those of another program's fit, whatever our own fits may be told.
            Some(_) => (Arc::new(Calibration) as Arc<dyn Method>, spec.parameters.clone()),
            None => detectors::choose(&spec.detector, &spec.parameters)?,
        };
        spec.check()?;
        method.check(&spec)?;
        Ok(Self { spec, method, parameters, forest: None })
    }

    /// The same, with the model that its spec names as the one to calibrate.
    pub(crate) fn calibrating(self, forest: Model) -> Result<Self, FitError> {
        let spec = &self.spec;
        let same = spec.forest.as_ref() == Some(&forest.digest())
            && (spec.detector.as_str(), spec.columns.as_slice()) == (forest.detector(), forest.columns())
            && (&spec.parameters, spec.missing) == (forest.parameters(), forest.missing());
        if !same {
            return Err(FitError::Bug("a calibration was given another model than its spec names".to_owned()));
        }
        Ok(Self { forest: Some(Arc::new(forest)), ..self })
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
