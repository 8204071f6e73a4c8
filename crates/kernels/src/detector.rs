//! What a detector is: a row of the table, what its fit wants known of the rows, and a frozen state that scores.
//!
//! ```text
//! Detector ── method(parameters) ──> Method ── wants ──> passes over the source ──> Known ── freeze ──> State ── scorer ──> Score
//! ```
//!
//! A new detector is a file of its own in `detectors/` that implements these four, and its place in the table there; nothing
//! else names one.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::iter::Zip;
use std::slice::{ChunksExact, ChunksExactMut};
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::known::Known;
use crate::numbers::BLOCK;
use crate::parameter::ParameterInfo;
use crate::wants::Wants;
use crate::{FitError, FitSpec, Level};

/// One detector, as the help of the command line shows it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DetectorInfo {
    /// Its name.
    pub name: &'static str,
    /// What it looks at, in one sentence.
    pub summary: &'static str,
    /// How often a fit reads the source at most; 0: it reads a sample. A source small enough to be sampled whole is read once.
    pub passes: u32,
    /// How the summaries of chunks become one.
    pub merge: &'static str,
    /// What it can be told.
    pub parameters: &'static [ParameterInfo],
}

/// A row of the table.
pub(crate) trait Detector: Sync {
    /// What is said of it.
    fn info(&self) -> &'static DetectorInfo;

    /// What these parameters, complete and checked, make of it.
    fn method(&self, parameters: Settings<'_>) -> Arc<dyn Method>;

    /// How its states are written now: raised when they change, so that none is misread. Older ones are read for ever.
    fn state_version(&self) -> u32 {
        1
    }

    /// Reads a state of `columns` columns that was written in `version`, up to the present one; `None` when it contradicts itself.
    ///
    /// # Errors
    /// When the JSON is not what such a state is written as.
    fn read(&self, version: u32, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>>;
}

/// A detector with its parameters: how it is fitted.
pub(crate) trait Method: Debug + Send + Sync {
    /// What is to be found out of the rows.
    fn wants(&self) -> Wants;

    /// Refuses columns or a seed of which it can make nothing, before a row is read.
    ///
    /// # Errors
    /// When there are too many, say.
    fn check(&self, _spec: &FitSpec) -> Result<(), FitError> {
        Ok(())
    }

    /// The state, from what was found out.
    ///
    /// # Errors
    /// When the data allow none.
    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError>;
}

/// What a detector learned: data, and all that its scores depend on.
pub(crate) trait State: Debug + Send + Sync {
    /// In which version of its detector's states it is written.
    fn version(&self) -> u32 {
        1
    }

    /// Whether another program found it.
    fn is_imported(&self) -> bool {
        false
    }

    /// As a model file has it. Numbers read back to the same double.
    fn to_json(&self) -> Box<RawValue>;

    /// What a reader wants to know of it.
    fn describe(&self) -> Value {
        serde_json::from_str(self.to_json().get()).expect("what was written is JSON")
    }

    /// Begins to score at `level`, which changes no bit.
    fn scorer(&self, level: Level) -> Box<dyn Score + '_>;
}

/// A state that scores rows. A row's score depends on its cells and on nothing else.
pub(crate) trait Score: Debug + Send {
    /// Writes the score of each row of a block: of at most [`BLOCK`](crate::numbers::BLOCK) rows, given as the model's
    /// columns; a missing cell is NaN and counts as its column's centre. The scores are 0 before. They come out finite.
    fn block(&self, columns: &[&[f64]], scores: &mut [f64]);

    /// Writes each column's part of the scores of some rows: 0 for a cell that is as ordinary as can be. The parts are 0 before, as many as
    /// there are cells. A detector says this, or [`explain`](Self::explain) where it finds the scores on the way; the other follows.
    fn contributions(&self, rows: Rows<'_>, parts: &mut [f64]) {
        self.explain(rows, &mut vec![0.0; rows.len()], parts);
    }

    /// The same, and writes the scores, as [`block`](Self::block) has them to the bit. They are 0 before.
    fn explain(&self, rows: Rows<'_>, scores: &mut [f64], parts: &mut [f64]) {
        for (cells, score) in rows.each().zip(scores.chunks_exact_mut(1)) {
            let one_row: Vec<&[f64]> = cells.iter().map(std::slice::from_ref).collect();
            self.block(&one_row, score);
        }
        self.contributions(rows, parts);
    }
}

/// Some rows, cell after cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rows<'c> {
    pub(crate) cells: &'c [f64],
    pub(crate) columns: usize,
}

impl<'c> Rows<'c> {
    pub(crate) fn len(self) -> usize {
        self.cells.len() / self.columns
    }

    /// The cells of each row.
    pub(crate) fn each(self) -> ChunksExact<'c, f64> {
        self.cells.chunks_exact(self.columns)
    }

    /// As many rows of other `cells`.
    pub(crate) fn of(self, cells: &[f64]) -> Rows<'_> {
        Rows { cells, columns: self.columns }
    }

    /// The cells of each row, and its parts of `parts`.
    pub(crate) fn each_with<'p>(self, parts: &'p mut [f64]) -> Zip<ChunksExact<'c, f64>, ChunksExactMut<'p, f64>> {
        self.each().zip(parts.chunks_exact_mut(self.columns))
    }
}

/// Parameters with every default filled in.
pub(crate) type Parameters = BTreeMap<String, Value>;

/// The same, to be read: each is of its kind and within its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings<'p>(pub(crate) &'p Parameters);

impl<'p> Settings<'p> {
    pub(crate) fn word(self, name: &str) -> &'p str {
        self.0.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    pub(crate) fn number(self, name: &str) -> f64 {
        self.0.get(name).and_then(Value::as_f64).unwrap_or_default()
    }

    pub(crate) fn count(self, name: &str) -> usize {
        self.0.get(name).and_then(Value::as_u64).and_then(|count| count.try_into().ok()).unwrap_or_default()
    }
}

/// A state as JSON, for [`State::to_json`].
pub(crate) fn written(state: &impl Serialize) -> Box<RawValue> {
    to_raw_value(state).expect("a state holds nothing that JSON cannot say")
}

/// A state from JSON where it is sound, for [`Detector::read`].
pub(crate) fn sound<S: State + DeserializeOwned + 'static>(
    state: &RawValue,
    is_sound: impl FnOnce(&S) -> bool,
) -> serde_json::Result<Option<Arc<dyn State>>> {
    let state: S = serde_json::from_str(state.get())?;
    Ok(is_sound(&state).then(|| Arc::new(state) as Arc<dyn State>))
}

/// The scores of whole columns, missing cells counting as the centre.
pub(crate) fn score_columns(state: &dyn Score, columns: &[&[f64]]) -> Vec<f64> {
    let mut scores = vec![0.0; columns[0].len()];
    for (block, scores) in scores.chunks_mut(BLOCK).enumerate() {
        let start = block * BLOCK;
        let cells: Vec<&[f64]> = columns.iter().map(|cells| &cells[start..start + scores.len()]).collect();
        state.block(&cells, scores);
    }
    scores
}
