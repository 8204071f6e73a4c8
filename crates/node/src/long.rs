//! What may take long runs on a thread of the runtime's pool.
//!
//! The owner's thread must stay free meanwhile: it tells the job's status and hears who wants it to stop.

use crate::error::{caught, record};
use crate::parts::Receipt;
use batch_core_error::Error;
use napi::bindgen_prelude::{AsyncTask, Buffer};
use napi::{Env, Task};
use napi_derive::napi;
use std::sync::{Arc, Mutex, PoisonError};

/// What became of a long call: at most one of them is there.
#[napi(object)]
#[derive(Default)]
pub struct LongOutcome {
    /// The output under its temporary name.
    pub staged: Option<StagedRecord>,
    /// The digest of a file, in hexadecimal.
    pub sha256: Option<String>,
    /// The CRC-32 of each row group of a file.
    pub row_groups: Option<Vec<u32>>,
    /// How many bytes were merged, or are kept.
    pub bytes: Option<f64>,
    /// What a row must score at least to be among the highest.
    pub floor: Option<f64>,
    /// What was kept, or what names its file.
    pub kept: Option<Buffer>,
    /// What comes after a pass of a fit.
    pub step: Option<FitStep>,
    /// The last of the highest rows.
    pub last: Option<RankedRow>,
    /// What went wrong: the record that a thrown error has, as JSON.
    pub error: Option<String>,
}

/// A fit between two passes, or its end.
#[napi(object)]
pub struct FitStep {
    /// State of the next pass, for the owner; absent when the model is there.
    pub state: Option<Buffer>,
    /// What workers need of that state.
    pub observer: Option<Buffer>,
    /// Which pass that is, from 1; 0 is the pilot, over the row groups it was announced for.
    pub pass: u32,
    /// Which pass will have been the last, if the claims hold.
    pub passes: u32,
    /// The model, when no pass is left.
    pub model: Option<Buffer>,
}

/// A row in the order of scores.
#[napi(object)]
pub struct RankedRow {
    /// Its score.
    pub score: f64,
    /// Its file's place in the plan.
    pub file: u32,
    /// Its row number.
    pub row: i64,
}

/// A whole output under its temporary name.
#[napi(object)]
pub struct StagedRecord {
    /// Rows, bytes and digest.
    pub receipt: Receipt,
    /// CRC-32 of each row group's pages.
    pub row_groups: Vec<u32>,
}

type Run = Box<dyn FnOnce() -> Result<LongOutcome, Error> + Send>;

/// One long call, ready to run on another thread.
pub struct LongCall(Option<Run>);

impl LongCall {
    pub(crate) fn of(run: impl FnOnce() -> Result<LongOutcome, Error> + Send + 'static) -> AsyncTask<Self> {
        AsyncTask::new(Self(Some(Box::new(run))))
    }
}

impl Task for LongCall {
    type Output = LongOutcome;
    type JsValue = LongOutcome;

    fn compute(&mut self) -> napi::Result<LongOutcome> {
        let run = self.0.take();
        let outcome = caught(|| run.map_or_else(|| Err(Error::bug("a call runs once")), |run| run()));
        // As data: an error of this pool's own kind would lose its code.
        Ok(outcome.unwrap_or_else(|error| LongOutcome { error: Some(record(&error)), ..Default::default() }))
    }

    fn resolve(&mut self, _: Env, outcome: LongOutcome) -> napi::Result<LongOutcome> {
        Ok(outcome)
    }
}

/// What long calls work on one after the other: nothing while one runs, nor once one has failed or has finished it.
pub(crate) struct Shared<T>(Arc<Mutex<Option<T>>>);

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Arc::new(Mutex::new(Some(value))))
    }

    pub(crate) fn take(&self) -> Result<T, Error> {
        let value = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        value.ok_or_else(|| Error::bug("this is worked on, finished or failed"))
    }

    pub(crate) fn put_back(&self, value: T) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(value);
    }
}
