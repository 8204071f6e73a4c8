//! Anomaly detectors as pure functions of Arrow-shaped columns: no I/O, no threads, no foreign code.
//!
//! A source is read in passes. In each pass every chunk of it is observed by an [`Observer`], whose summary is a few bytes
//! that can be stored and sent; [`Fit::advance`] merges the summaries in chunk order and says whether another pass is
//! needed. The [`Model`] that comes out is data; its [`Scorer`] scores batches and gives reasons.
//!
//! ```
//! use batch_core_kernels::{Batch, Column, Fit, FitSpec, Level, Missing, Next};
//!
//! let values: Vec<f64> = (0..1000).map(|row| if row == 700 { 99.0 } else { f64::from(row % 10) }).collect();
//! let columns = [Column::new(&values, None)?];
//! let batch = Batch::new(&columns, 0, 0)?;
//!
//! let mut fit = Fit::new(FitSpec {
//!     detector: "auto".to_owned(),
//!     parameters: Default::default(),
//!     columns: vec!["delay".to_owned()],
//!     seed: 0,
//!     rows: 1000,
//!     missing: Missing::Center,
//!     fit_rows: None,
//!     condition: None,
//!     maybe_identifiers: Vec::new(),
//!     forest: None,
//! })?;
//! let model = loop {
//!     let mut observer = fit.observer(Level::detect());
//!     observer.observe(&batch);
//!     observer.end_row_group();
//!     match fit.advance(vec![observer.finish()], Level::detect())? {
//!         Next::Pass(next) => fit = next,
//!         Next::Model(model) => break model,
//!     }
//! };
//!
//! let mut scores = vec![0.0; 1000];
//! let mut scorer = model.scorer(Level::detect(), Missing::Center);
//! scorer.score(&batch, &mut scores);
//! let highest = (0..1000).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
//! assert_eq!(highest, Some(700));
//! assert_eq!(scorer.reasons(&batch, 700, 3)[0].value, 99.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! **The same rows, spec and version give the same bytes**: for any chunks, batches, workers and CPU. Integers are added
//! in any order, floats in one fixed shape, samples are chosen by row number, logarithms are our own, and no multiply is
//! fused with an add.

#[macro_use]
mod simd;

mod asked;
mod batch;
mod binning;
mod calibration;
mod center;
mod chi_squared;
mod cholesky;
mod claims;
mod codec;
mod column;
mod detector;
mod detectors;
mod distribution;
mod ecdf;
mod eigen;
mod error;
pub mod extended;
mod fit;
mod forest;
mod freeze;
mod grid;
mod imported;
mod keyed;
mod knots;
mod known;
mod left_out;
mod merger;
mod mersenne_twister;
mod model;
mod nearest;
mod neighbours;
mod numbers;
mod observer;
mod parameter;
mod places;
mod quantile;
mod scale;
mod scorer;
mod severity;
mod spec;
mod stage;
mod summaries;
mod survey;
mod tail;
mod top;
mod usual;
mod wants;

pub use batch::{Batch, BatchError};
pub use claims::{Claims, Extent, RowGroup};
pub use codec::CodecError;
pub use column::{Column, ColumnError};
pub use detector::DetectorInfo;
pub use detectors::detectors;
pub use distribution::Threshold;
pub use error::{FitError, ModelError};
pub use fit::Fit;
pub use forest::tree::average_path;
pub use imported::{ForestError, ImportedForest, ImportedNode};
pub use left_out::{Cause, LeftOut};
pub use merger::{Merger, Next};
pub use model::Model;
pub use observer::Observer;
pub use parameter::{ParameterDefault, ParameterInfo, ParameterKind};
pub use scorer::{Reason, Reasons, Scorer};
pub use severity::Severity;
pub use simd::{Level, LevelError};
pub use spec::{FitRows, FitSpec, Missing};
pub use top::{TopRow, TopRows};
pub use usual::Usual;
