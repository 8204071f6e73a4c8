//! Anomaly detectors as pure functions of Arrow-shaped columns: no I/O, no threads, no foreign code.

#[macro_use]
mod simd;

mod batch;
mod codec;
mod column;
mod detector;
mod detectors;
mod distribution;
mod error;
mod fit;
mod freeze;
mod model;
mod numbers;
mod observer;
mod parameter;
mod quantile;
mod scorer;
mod spec;
mod summaries;
mod tail;
mod top;

pub use batch::{Batch, BatchError};
pub use codec::CodecError;
pub use column::{Column, ColumnError};
pub use detector::{DetectorInfo, detectors};
pub use distribution::Threshold;
pub use error::{FitError, ModelError};
pub use fit::{Fit, Next};
pub use model::Model;
pub use observer::Observer;
pub use parameter::{ParameterDefault, ParameterInfo, ParameterKind};
pub use scorer::{Reason, Scorer};
pub use simd::Level;
pub use spec::{FitSpec, Missing};
pub use top::{TopRow, TopRows};
