//! The owner's side of fitting: begin, merge, finish.

use crate::error::{Thrown, waist};
use crate::long::{FitStep, LongCall, LongOutcome, RankedRow, Shared};
use batch_core_chunk::{keep_summary, kept_summary};
use batch_core_error::Error;
use batch_core_kernels::{Claims, Extent, Fit, Level, Merger, Model, Next, RowGroup, TopRow, TopRows};
use napi::bindgen_prelude::{AsyncTask, Buffer, Float64Array};
use napi_derive::napi;
use std::path::Path;

use crate::convert::count;

/// What is said of a source before its rows are read.
#[napi(object)]
pub struct FitClaims {
    /// The least and then the greatest cell of each column of the fit; empty where the source does not say.
    pub ranges: Vec<f64>,
    /// Rows of each row group; empty when there is to be no pilot.
    pub group_rows: Vec<i64>,
    /// Whether a pilot reads it.
    pub group_pilot: Vec<bool>,
    /// Of each row group, of each column of the fit: how many cells, the least and the greatest; empty where the source does
    /// not say.
    pub group_extents: Float64Array,
}

impl FitClaims {
    fn claims(&self) -> Result<Claims, Error> {
        let (pairs, _) = self.ranges.as_chunks::<2>();
        let ranges = pairs.iter().map(|&[low, high]| (low, high)).collect();
        let (extents, _) = self.group_extents.as_chunks::<3>();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count that was an integer")]
        let extent = |&[cells, low, high]: &[f64; 3]| Extent { cells: cells as u64, low, high };
        let group = |(index, (&rows, &pilot)): (usize, (&i64, &bool))| {
            let extents = extents.chunks(pairs.len().max(1)).nth(index).unwrap_or_default();
            Ok::<_, Error>(RowGroup { rows: count(rows)?, pilot, extents: extents.iter().map(extent).collect() })
        };
        let groups = self.group_rows.iter().zip(&self.group_pilot).enumerate().map(group).collect::<Result<_, _>>()?;
        Ok(Claims { ranges, groups })
    }
}

/// The state of the first pass. `spec` is a `FitSpec` as JSON.
#[napi]
pub fn begin_fit(spec: String, claims: FitClaims) -> Result<FitStep, Thrown> {
    waist(|| {
        let spec = serde_json::from_str(&spec).map_err(|e| Error::bug(format!("fit spec: {e}")))?;
        let claims = claims.claims()?;
        Ok(before(&Fit::new(spec)?.guided(&claims)))
    })
}

/// The summaries of one pass, merged as they come, one call after the other.
#[napi]
pub struct FitMerger {
    merger: Shared<Merger>,
    pass: u32,
    passes: u32,
}

#[napi]
impl FitMerger {
    /// A merger of the pass that `state` began; `forest` is the model that it calibrates, where that is what the fit does.
    #[napi(factory)]
    pub fn of_state(state: Buffer, forest: Option<Buffer>) -> Result<Self, Thrown> {
        waist(|| {
            let fit = Fit::from_bytes(&state)?;
            let fit = match forest {
                Some(forest) => fit.calibrating(Model::from_bytes(&forest)?)?,
                None => fit,
            };
            let (pass, passes) = (fit.pass(), fit.passes());
            Ok(Self { merger: Shared::new(fit.merger(Level::from_environment()?)), pass, passes })
        })
    }

    /// Adds the summary of the next chunk, in chunk order, as it was kept; answers with its bytes.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn add(&self, kept: Buffer) -> AsyncTask<LongCall> {
        merge(&self.merger, &kept, |merger, summary| Ok(merger.add(summary).map(|()| None)?))
    }

    /// Keeps what is merged so far in the file `path`; answers with what names it, and its bytes.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn save(&self, path: String) -> AsyncTask<LongCall> {
        let shared = self.merger.clone();
        LongCall::of(move || {
            let merger = shared.take()?;
            let so_far = merger.to_bytes();
            shared.put_back(merger);
            let bytes = Some(size(&so_far));
            let kept = keep_summary(Path::new(&path), so_far)?;
            Ok(LongOutcome { kept: Some(kept.into()), bytes, ..Default::default() })
        })
    }

    /// Goes on where the merger was that kept what it had merged.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn restore(&self, kept: Buffer) -> AsyncTask<LongCall> {
        merge(&self.merger, &kept, |merger, merged| Ok(merger.restore(merged).map(|()| None)?))
    }

    /// What comes next, now that every chunk is in. The merger is of no use after.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn finish(&self) -> AsyncTask<LongCall> {
        let (shared, pass, passes) = (self.merger.clone(), self.pass, self.passes);
        LongCall::of(move || {
            let step = match shared.take()?.finish()? {
                Next::Pass(fit) => before(&fit),
                Next::Model(model) => {
                    FitStep { state: None, observer: None, pass, passes, model: Some(model.to_bytes().into()) }
                }
            };
            Ok(LongOutcome { step: Some(step), ..Default::default() })
        })
    }
}

/// Reads the summary that `kept` is or names, and adds it, which answers with the floor of what is highest. A summary that
/// cannot be read changes nothing; the merger that has failed over one is gone.
fn merge<T: Send + 'static>(
    shared: &Shared<T>,
    kept: &[u8],
    add: impl FnOnce(&mut T, &[u8]) -> Result<Option<f64>, Error> + Send + 'static,
) -> AsyncTask<LongCall> {
    let (shared, kept) = (shared.clone(), kept.to_vec());
    LongCall::of(move || {
        let summary = kept_summary(&kept)?;
        let mut merger = shared.take()?;
        let floor = add(&mut merger, &summary)?;
        shared.put_back(merger);
        Ok(LongOutcome { bytes: Some(size(&summary)), floor, ..Default::default() })
    })
}

/// Bytes, as JavaScript counts.
#[expect(clippy::cast_precision_loss, reason = "no buffer has 2^53 bytes")]
fn size(bytes: &[u8]) -> f64 {
    bytes.len() as f64
}

fn before(fit: &Fit) -> FitStep {
    FitStep {
        state: Some(fit.to_bytes().into()),
        observer: Some(fit.observer_bytes().into()),
        pass: fit.pass(),
        passes: fit.passes(),
        model: None,
    }
}

/// Refuses a summary whose file is not there any more, or not what was written.
#[napi(ts_return_type = "Promise<LongOutcome>")]
#[must_use]
pub fn check_summary(kept: Buffer) -> AsyncTask<LongCall> {
    let kept = kept.to_vec();
    LongCall::of(move || kept_summary(&kept).map(|_| LongOutcome::default()))
}

/// The highest rows of all chunks, merged as they come, one call after the other.
#[napi]
pub struct TopMerger {
    top: Shared<TopRows>,
}

#[napi]
impl TopMerger {
    /// A merger of the `count` highest rows.
    #[napi(constructor)]
    #[must_use]
    pub fn new(count: u32) -> Self {
        Self { top: Shared::new(TopRows::new(count as usize)) }
    }

    /// Adds the rank of a chunk, as it was kept; answers with its bytes, and what a row of a later chunk must score at least.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn add(&self, kept: Buffer) -> AsyncTask<LongCall> {
        let add = |top: &mut TopRows, rank: &[u8]| {
            top.merge(rank).map_err(|error| Error::data(format!("rank summary: {error}")))?;
            Ok(top.floor())
        };
        merge(&self.top, &kept, add)
    }

    /// The exact `count`-th highest row, or the last there is; absent when no row has a score. The merger is of no use after.
    #[napi(ts_return_type = "Promise<LongOutcome>")]
    #[must_use]
    pub fn finish(&self) -> AsyncTask<LongCall> {
        let shared = self.top.clone();
        LongCall::of(move || {
            let last = shared.take()?.lowest();
            let last = last.map(|TopRow { score, file, row }| RankedRow { score, file, row: row.cast_signed() });
            Ok(LongOutcome { last, ..Default::default() })
        })
    }
}
