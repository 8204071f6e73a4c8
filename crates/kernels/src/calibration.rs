//! Calibration: the fit of a model whose state is there already. What is found out is how its scores are distributed, and what is
//! usual in its columns.
//!
//! It is a fit like any other, to the same sample in the same passes; only that at the end nothing is grown. Passes and observers know
//! the model by its digest: it may be large, and only the end of the fit scores with it.

use std::sync::Arc;

use crate::FitError;
use crate::detector::{Method, State};
use crate::known::Known;
use crate::wants::Wants;

/// What a calibration wants to know: a sample.
#[derive(Debug)]
pub(crate) struct Calibration;

impl Method for Calibration {
    fn wants(&self) -> Wants {
        Wants::default()
    }

    fn freeze(&self, _: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        Err(FitError::Bug("a calibration without its model can only observe".to_owned()))
    }
}
