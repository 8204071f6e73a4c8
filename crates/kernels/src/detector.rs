//! What a detector is: a row of the table, what its fit wants known of the rows, and a frozen state that scores.
//!
//! ```text
//! Detector ── method(parameters) ──> Method ── wants ──> passes over the source ──> Known ── freeze ──> State ── scorer ──> Score
//! ```
//!
//! A new detector is a file of its own in `detectors/` that implements these four, and its place in [`TABLE`]; nothing
//! else names one.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};

use crate::detectors::hbos::HistogramSettings;
use crate::detectors::{auto::Auto, hbos::Hbos, mad::Mad, mahalanobis::Mahalanobis, zscore::Zscore};
use crate::known::Known;
use crate::parameter::ParameterInfo;
use crate::{FitError, Level};

/// Every detector, by name.
static TABLE: [&dyn Detector; 5] = [&Auto, &Hbos, &Mad, &Mahalanobis, &Zscore];

/// One detector, as the help of the command line shows it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct DetectorInfo {
    /// Its name.
    pub name: &'static str,
    /// What it looks at, in one sentence.
    pub summary: &'static str,
    /// How often a fit reads the source at most. A source small enough to be sampled whole is read once.
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

    /// How its states are written: raised when they change, so that a state of another version is refused and not misread.
    fn state_version(&self) -> u32 {
        1
    }

    /// Reads a state of `columns` columns that was written in this version; `None` when it contradicts itself.
    ///
    /// # Errors
    /// When the JSON is not what such a state is written as.
    fn read(&self, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>>;
}

/// A detector with its parameters: how it is fitted.
pub(crate) trait Method: Debug + Send + Sync {
    /// What is to be found out of the rows.
    fn wants(&self) -> Wants;

    /// Refuses columns of which it can make nothing, before a row is read.
    ///
    /// # Errors
    /// When there are too many, say.
    fn check(&self, _names: &[String]) -> Result<(), FitError> {
        Ok(())
    }

    /// The state, from what was found out.
    ///
    /// # Errors
    /// When the data allow none.
    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError>;
}

/// What passes over the rows are to find out, beside what is always known: which cells are there, and a sample.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wants {
    /// Mean and standard deviation of each column, in the order of the rows.
    pub(crate) moments: bool,
    /// How many cells lie in each bin of each column; one more pass, but where the ranges are known before.
    pub(crate) counts: Option<HistogramSettings>,
    /// Median and median absolute deviation of each column; one more pass, but where a pilot tells where to look.
    pub(crate) spreads: bool,
    /// Sums of the products of each two columns' standardized cells, for which moments are wanted too; one more pass.
    pub(crate) products: bool,
}

impl Wants {
    /// Whether the range of each column is to be known: to cut it, or where nothing else says which columns vary.
    pub(crate) fn ranges(&self) -> bool {
        !self.moments || self.counts.is_some() || self.spreads
    }

    /// Whether all of it takes one pass, whatever is known of the source.
    pub(crate) fn one_pass(&self) -> bool {
        self.counts.is_none() && !self.spreads && !self.products
    }
}

/// What a detector learned: data, and all that its scores depend on.
pub(crate) trait State: Debug + Send + Sync {
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

    /// Each column's part of the score of the row that has these cells: 0 for a cell that is as ordinary as can be.
    fn contributions(&self, cells: &[f64]) -> Vec<f64>;
}

/// Parameters with every default filled in.
pub(crate) type Parameters = BTreeMap<String, Value>;

/// The same, to be read: each is of its kind and within its bounds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings<'p>(&'p Parameters);

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

/// What is said of every detector.
#[must_use]
pub fn detectors() -> Vec<&'static DetectorInfo> {
    TABLE.iter().map(|detector| detector.info()).collect()
}

/// The detector of that name.
pub(crate) fn named(name: &str) -> Option<&'static dyn Detector> {
    TABLE.iter().find(|detector| detector.info().name == name).copied()
}

/// The method and the complete parameters a spec asks for.
pub(crate) fn choose(name: &str, given: &Parameters) -> Result<(Arc<dyn Method>, Parameters), FitError> {
    let detector = named(name).ok_or_else(|| {
        let names: Vec<&str> = detectors().iter().map(|info| info.name).collect();
        FitError::Config(format!("there is no detector {name:?}; there are {}", names.join(", ")))
    })?;
    let known = detector.info().parameters;
    if let Some(unknown) = given.keys().find(|key| known.iter().all(|parameter| parameter.name != *key)) {
        let names: Vec<&str> = known.iter().map(|parameter| parameter.name).collect();
        let known = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(FitError::Config(format!("detector {name} has no parameter {unknown:?}; {known}")));
    }
    let mut complete = Parameters::new();
    for parameter in known {
        complete.insert(parameter.name.to_owned(), parameter.read(given.get(parameter.name))?);
    }
    Ok((detector.method(Settings(&complete)), complete))
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

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn with(detector: &str, parameters: &Value) -> Result<String, String> {
        let parameters = parameters.as_object().unwrap().clone().into_iter().collect();
        choose(detector, &parameters).map(|(method, _)| format!("{method:?}")).map_err(|error| {
            assert_eq!(error.code(), "CONFIG");
            error.to_string()
        })
    }

    #[test]
    fn defaults_are_the_documented_ones() {
        use crate::detectors::deviation::Aggregate;
        use crate::detectors::{hbos, mad, zscore};
        let ok = |method: &dyn Debug| Ok(format!("{method:?}"));
        let default = HistogramSettings::DEFAULT;
        assert_eq!(with("auto", &json!({})), ok(&Auto));
        assert_eq!(with("hbos", &json!({})), ok(&hbos::Fitting(default)));
        assert_eq!(with("mad", &json!({})), ok(&mad::Fitting(Aggregate::Max)));
        assert_eq!(with("zscore", &json!({"aggregate": "sum"})), ok(&zscore::Fitting(Aggregate::Squares)));
        let raw = HistogramSettings { minmax: false, bins: 37, ..default };
        assert_eq!(with("hbos", &json!({"scale": "raw", "n_bins": "37"})), ok(&hbos::Fitting(raw)));
    }

    #[test]
    fn what_is_not_allowed_is_named_with_what_is() {
        for (detector, parameters, said) in [
            ("iforest", json!({}), "there are auto, hbos, mad, mahalanobis, zscore"),
            ("auto", json!({"members": "hbos"}), "it has none"),
            ("mad", json!({"agregate": "sum"}), "it has aggregate"),
            ("mad", json!({"aggregate": "mean"}), "max or sum"),
            ("hbos", json!({"n_bins": 1}), "a whole number from 2 to 1024"),
            ("hbos", json!({"n_bins": 10.5}), "a whole number from 2 to 1024"),
            ("hbos", json!({"n_bins": "many"}), "a whole number from 2 to 1024"),
            ("hbos", json!({"alpha": 0}), "a number from 0.000001 to 1"),
            ("hbos", json!({"tol": "NaN"}), "a number from 0 to 1"),
        ] {
            let refused = with(detector, &parameters).unwrap_err();
            assert!(refused.contains(said), "{refused}");
        }
    }

    #[test]
    fn the_table_is_plain_json() {
        let table = serde_json::to_value(detectors()).unwrap();
        assert_eq!(table[1]["parameters"][1]["default"], json!(10));
        assert_eq!(
            table[1]["parameters"][0],
            json!({
                "name": "scale", "kind": "choice", "default": "minmax", "min": null, "max": null,
                "choices": ["minmax", "raw"], "help": hbos_scale_help(),
            })
        );
    }

    fn hbos_scale_help() -> &'static str {
        Hbos.info().parameters[0].help
    }

    #[test]
    fn the_table_is_in_order_and_every_name_is_there_once() {
        let names: Vec<&str> = detectors().iter().map(|info| info.name).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }
}
