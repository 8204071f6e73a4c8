//! Models as the owner sees them, and the table of detectors.

use crate::chunk::missing_of;
use crate::error::{Carry, Thrown, failure, waist};
use batch_core_chunk::ChunkError;
use batch_core_kernels::{Batch, Column, Level, Model, detectors};
use napi::bindgen_prelude::{Buffer, Float64Array, Uint8Array};
use napi_derive::napi;

/// Score above which a row is an anomaly.
#[napi(object)]
pub struct ThresholdRecord {
    /// The score.
    pub value: f64,
    /// One standard error of the share of rows flagged; 0 when it is exact.
    pub share_error: f64,
}

/// A model held in native memory.
#[napi]
pub struct NativeModel {
    model: Model,
}

#[napi]
impl NativeModel {
    /// Reads a model's bytes; damaged, newer and foreign ones are refused.
    #[napi(factory)]
    pub fn from_bytes(bytes: Buffer) -> Result<Self, Thrown> {
        waist(|| Model::from_bytes(&bytes).carry().map(|model| Self { model }))
    }

    /// The model as JSON for people and reports.
    #[napi]
    pub fn describe(&self) -> Result<String, Thrown> {
        waist(|| {
            let model = &self.model;
            let facts = serde_json::json!({
                "digest": model.digest(),
                "detector": model.detector(),
                "columns": model.columns(),
                "constants": model.constants(),
                "fitRows": model.fit_rows(),
                "contamination": model.contamination(),
                "seed": model.seed(),
                "parameters": model.parameters(),
                "state": model.describe(),
            });
            Ok::<_, ChunkError>(facts.to_string())
        })
    }

    /// The threshold for a share of anomalies in (0, 0.5].
    #[napi]
    pub fn threshold(&self, contamination: f64) -> Result<ThresholdRecord, Thrown> {
        waist(|| {
            let threshold = self.model.threshold(contamination);
            Ok::<_, ChunkError>(ThresholdRecord { value: threshold.value, share_error: threshold.share_error })
        })
    }

    /// Scores columns that JavaScript holds. Their memory is borrowed for the length of the call.
    ///
    /// `columns` are in the model's order; `validity` holds, per column, Arrow's bitmap from bit 0, or is empty.
    #[napi]
    pub fn score(
        &self,
        columns: Vec<Float64Array>,
        validity: Vec<Uint8Array>,
        missing: String,
    ) -> Result<Float64Array, Thrown> {
        waist(|| {
            let words: Vec<Vec<u64>> = validity.iter().map(|bits| words(bits)).collect();
            let views = columns
                .iter()
                .zip(&words)
                .map(|(values, words)| Column::new(values, (!words.is_empty()).then_some(words.as_slice())))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|e| failure("CONFIG", e.to_string()))?;
            if views.len() != self.model.columns().len() {
                let (given, wanted) = (views.len(), self.model.columns().len());
                return Err(failure("CONFIG", format!("{given} columns were given; the model has {wanted}")));
            }
            let batch = Batch::new(&views, 0, 0).map_err(|e| failure("CONFIG", e.to_string()))?;
            let mut scores = vec![0.0; batch.rows()];
            self.model.scorer(Level::detect(), missing_of(&missing)?).score(&batch, &mut scores);
            Ok::<_, ChunkError>(Float64Array::new(scores))
        })
    }
}

/// Arrow's bitmap as the words kernels read.
fn words(bits: &[u8]) -> Vec<u64> {
    bits.chunks(8)
        .map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_le_bytes(word)
        })
        .collect()
}

/// The table of detectors, as JSON.
#[napi]
pub fn detector_table() -> Result<String, Thrown> {
    waist(|| serde_json::to_string(detectors()).map_err(|e| failure("BUG", e.to_string())))
}

/// The version of libduckdb that the scanner was written for and insists on.
#[napi]
#[must_use]
pub fn duckdb_version() -> &'static str {
    batch_core_scan::LIBRARY_VERSION
}
