//! The owner's side of fitting: begin, merge, finish.

use crate::error::{Carry, Thrown, failure, waist};
use batch_core_chunk::ChunkError;
use batch_core_kernels::{Fit, Next, TopRows};
use napi::bindgen_prelude::Buffer;
use napi_derive::napi;

use crate::chunk::RankedRow;

/// A fit between two passes, or its end.
#[napi(object)]
pub struct FitStep {
    /// State of the next pass; absent when the model is there.
    pub state: Option<Buffer>,
    /// Which pass that is, from 1.
    pub pass: u32,
    /// How many passes there will have been.
    pub passes: u32,
    /// The model, when no pass is left.
    pub model: Option<Buffer>,
}

/// The state of the first pass. `spec` is a `FitSpec` as JSON.
#[napi]
pub fn begin_fit(spec: String) -> Result<FitStep, Thrown> {
    waist(|| {
        let spec = serde_json::from_str(&spec).map_err(|e| failure("BUG", format!("fit spec: {e}")))?;
        Fit::new(spec).carry().map(|fit| before(&fit))
    })
}

/// Merges the summaries of the pass `state` began, in chunk order.
#[napi]
pub fn advance_fit(state: Buffer, summaries: Vec<Buffer>) -> Result<FitStep, Thrown> {
    waist(|| {
        let fit = Fit::from_bytes(&state).carry()?;
        let (pass, passes) = (fit.pass(), fit.passes());
        let summaries = summaries.iter().map(|s| s.to_vec()).collect();
        Ok::<_, ChunkError>(match fit.advance(summaries).carry()? {
            Next::Pass(fit) => before(&fit),
            Next::Model(model) => FitStep { state: None, pass, passes, model: Some(model.to_bytes().into()) },
        })
    })
}

fn before(fit: &Fit) -> FitStep {
    FitStep { state: Some(fit.to_bytes().into()), pass: fit.pass(), passes: fit.passes(), model: None }
}

/// The exact `count`-th highest row over all chunks, or the last there is; absent when no row has a score.
#[napi]
pub fn last_of_top(ranks: Vec<Buffer>, count: u32) -> Result<Option<RankedRow>, Thrown> {
    waist(|| {
        let mut top = TopRows::new(count as usize);
        for bytes in &ranks {
            top.merge(&TopRows::from_bytes(bytes).map_err(|e| failure("DATA", format!("rank summary: {e}")))?);
        }
        Ok::<_, ChunkError>(top.into_sorted().last().map(|last| RankedRow {
            score: last.score,
            file: last.file,
            row: last.row.cast_signed(),
        }))
    })
}
