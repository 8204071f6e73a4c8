//! The frozen model: everything a score depends on, as data.
//!
//! A model file is one line, `batch-core-model 3 sha256:<hex> <payload bytes> <share> sha256:<hex>`, and a JSON payload.
//! The first digest is of the payload, which is what was fitted: it is the model's. The share of rows that the model flags
//! where nothing else is asked for is no part of that, and so of no digest of a model; the second digest is of the line
//! before it, so that a damaged share is not believed either. Numbers read back to the same double. There is no date, no
//! path and no host name in it: the same fit gives the same bytes. A file that is damaged, foreign or of another format is
//! refused.
//!
//! Format 2 had the share in its payload, and a line without it: such a model is read, and stays what it was.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::detector::State;
use crate::detectors;
use crate::distribution::Distribution;
use crate::left_out::LeftOut;
use crate::usual::Usual;
use crate::{Level, Missing, ModelError, Scorer, Severity, Threshold};

const NAME: &str = "batch-core-model";
/// 3: the share lies beside what was fitted.
const VERSION: u32 = 3;
/// 2: says why columns were left out, and may shift the cells of a column by a power of two; infinities count for more.
const SHARE_INSIDE: u32 = 2;
/// No first line is longer; a large foreign file is not searched for its first line end.
const LINE_BYTES_MAX: usize = 256;
/// The share of a model that nobody has said another of.
const CONTAMINATION: f64 = 0.01;

/// A frozen model.
#[derive(Clone, Debug)]
pub struct Model {
    payload: Payload,
    contamination: f64,
    digest: String,
}

/// Models of equal digests are the same fit; two files of it may differ in their share.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest && self.contamination.to_bits() == other.contamination.to_bits()
    }
}

/// What a model is.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Payload<S = Arc<dyn State>> {
    pub(crate) detector: String,
    pub(crate) parameters: BTreeMap<String, Value>,
    pub(crate) columns: Vec<String>,
    pub(crate) left_out: Vec<LeftOut>,
    pub(crate) fit_rows: u64,
    /// Of the source, where the rows of the fit are a sample.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) source_rows: Option<u64>,
    pub(crate) seed: u64,
    /// In format 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) contamination: Option<f64>,
    pub(crate) missing: Missing,
    /// Of an imported model: above which score a row is flagged where nothing else is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) threshold: Option<f64>,
    pub(crate) state: S,
    pub(crate) scores: Distribution,
    /// Of each column, where it was found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usual: Option<Vec<Option<Usual>>>,
}

/// A state as it is written: one entry, under the [tag](tag_of) of its detector.
type Written = BTreeMap<String, Box<RawValue>>;

/// Under what a detector's state is written: its name, and from the second version of its states on that too.
fn tag_of(name: &str, version: u32) -> String {
    match version {
        1 => name.to_owned(),
        version => format!("{name}/{version}"),
    }
}

impl Model {
    pub(crate) fn new(payload: Payload) -> Self {
        let digest = digest(&to_json(&payload));
        Self { contamination: payload.contamination.unwrap_or(CONTAMINATION), payload, digest }
    }

    /// The same, of rows that were a sample of so many.
    pub(crate) fn of_sample(self, source_rows: u64) -> Self {
        let scores = self.payload.scores.of_sample();
        Self::new(Payload { source_rows: Some(source_rows), scores, ..self.payload })
    }

    /// The same fit, which flags this share of rows where nothing else is asked for.
    ///
    /// # Errors
    /// When it is no share, from 0 to 0.5.
    pub fn with_contamination(self, contamination: f64) -> Result<Self, ModelError> {
        if !is_share(contamination) {
            return Err(ModelError::Config(format!(
                "contamination is {contamination}; it is a share of the rows, from 0 to 0.5"
            )));
        }
        Ok(Self { contamination, ..Self::new(Payload { contamination: None, ..self.payload }) })
    }

    /// The model file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = to_json(&self.payload);
        let beside = self.payload.contamination.is_none().then_some(self.contamination);
        let mut bytes = first_line(&payload, beside).into_bytes();
        bytes.push(b'\n');
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// When the bytes are damaged, are no model, or have another format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let (payload, beside) = open(bytes)?;
        let payload: Payload<Written> = serde_json::from_slice(payload).map_err(unlike)?;
        let ((Some(share), None) | (None, Some(share))) = (payload.contamination, beside) else {
            return Err(unlike("its share is not where its format has it"));
        };
        let model = Self { contamination: share, ..Self::new(payload.read()?) };
        if is_share(share) { Ok(model) } else { Err(contradiction()) }
    }

    /// `sha256:` and the digest of the payload: of what was fitted.
    #[must_use]
    pub fn digest(&self) -> String {
        self.digest.clone()
    }

    /// The detector's name.
    #[must_use]
    pub fn detector(&self) -> &str {
        &self.payload.detector
    }

    /// All parameters, defaults included.
    #[must_use]
    pub fn parameters(&self) -> &BTreeMap<String, Value> {
        &self.payload.parameters
    }

    /// The columns a batch must bring, in order.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        &self.payload.columns
    }

    /// Columns of the fit that did not vary and play no part, and why.
    #[must_use]
    pub fn left_out(&self) -> &[LeftOut] {
        &self.payload.left_out
    }

    /// Rows the fit saw.
    #[must_use]
    pub fn fit_rows(&self) -> u64 {
        self.payload.fit_rows
    }

    /// Rows of the source: more than the fit saw where those were a sample.
    #[must_use]
    pub fn source_rows(&self) -> u64 {
        self.payload.source_rows.unwrap_or(self.payload.fit_rows)
    }

    /// The seed of the fit.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.payload.seed
    }

    /// The share of rows that is flagged where nothing else is asked for.
    #[must_use]
    pub fn contamination(&self) -> f64 {
        self.contamination
    }

    /// The same, where the model has it: it has a threshold instead, or neither, where it was imported.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.is_calibrated() && self.own_threshold().is_none()).then_some(self.contamination)
    }

    /// What a missing cell meant in the fit.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.payload.missing
    }

    /// Whether another program fitted it: nobody here saw a row of its fit.
    #[must_use]
    pub fn is_imported(&self) -> bool {
        self.payload.state.is_imported()
    }

    /// Whether it is known how its scores are distributed: always, but for an imported model that was not calibrated.
    #[must_use]
    pub fn is_calibrated(&self) -> bool {
        self.payload.scores.is_known()
    }

    /// The score above which the share `contamination` of rows lies; none where it is not calibrated.
    #[must_use]
    pub fn threshold(&self, contamination: f64) -> Option<Threshold> {
        self.payload.scores.threshold(contamination)
    }

    /// How severe scores are among those of the rows of the fit; nobody knows where it is not calibrated.
    #[must_use]
    pub fn severity(&self, level: Level) -> Option<Severity> {
        self.payload.scores.severity(level)
    }

    /// What is usual in each of the model's columns: nothing where no number was seen, or where the model is older than that.
    #[must_use]
    pub fn usual(&self) -> Vec<Option<Usual>> {
        self.payload.usual.clone().unwrap_or_else(|| vec![None; self.columns().len()])
    }

    /// The score above which a row is flagged where nothing else is asked for, where an imported model has one.
    #[must_use]
    pub fn own_threshold(&self) -> Option<f64> {
        self.payload.threshold
    }

    /// Begins to score.
    #[must_use]
    pub fn scorer(&self, level: Level, missing: Missing) -> Scorer<'_> {
        Scorer::new(self.state(), self.columns().len(), level, missing)
    }

    /// What a reader wants to know of the model.
    #[must_use]
    pub fn describe(&self) -> Value {
        let payload = &self.payload;
        // Nobody here has seen a row with it.
        let fitted = self.is_calibrated();
        json!({
            "detector": payload.detector,
            "parameters": payload.parameters,
            "columns": payload.columns,
            "left_out": payload.left_out,
            "fit_rows": fitted.then_some(payload.fit_rows),
            "source_rows": fitted.then(|| self.source_rows()),
            "seed": fitted.then_some(payload.seed),
            "contamination": self.share(),
            "missing": payload.missing,
            "threshold": self.threshold(self.contamination),
            "scored_rows": payload.scores.rows(),
            "usual": payload.usual,
            "digest": self.digest,
            "state": { (payload.detector.as_str()): payload.state.describe() },
        })
    }

    pub(crate) fn state(&self) -> &dyn State {
        &*self.payload.state
    }

    pub(crate) fn shared_state(&self) -> Arc<dyn State> {
        Arc::clone(&self.payload.state)
    }
}

fn unlike(error: impl std::fmt::Display) -> ModelError {
    ModelError::Data(format!("the model is not what this version writes: {error}"))
}

fn contradiction() -> ModelError {
    ModelError::Data("the model contradicts itself: fit it again".to_owned())
}

fn is_share(contamination: f64) -> bool {
    (0.0..=0.5).contains(&contamination)
}

impl<S> Payload<S> {
    /// The same with another state.
    fn with<T>(self, state: T) -> Payload<T> {
        Payload {
            detector: self.detector,
            parameters: self.parameters,
            columns: self.columns,
            left_out: self.left_out,
            fit_rows: self.fit_rows,
            source_rows: self.source_rows,
            seed: self.seed,
            contamination: self.contamination,
            missing: self.missing,
            threshold: self.threshold,
            state,
            scores: self.scores,
            usual: self.usual,
        }
    }
}

impl Payload<Written> {
    /// What was written, where its parts fit together, whoever wrote them.
    fn read(self) -> Result<Payload, ModelError> {
        let detector = &self.detector;
        let row = detectors::named(detector).ok_or_else(|| unlike(format!("there is no detector {detector:?}")))?;
        let tag = |version| tag_of(row.info().name, version);
        let state = match self.state.first_key_value() {
            Some((found, json)) if self.state.len() == 1 => {
                match (1..=row.state_version()).find(|version| tag(*version) == *found) {
                    Some(version) => row.read(version, json, self.columns.len()).map_err(unlike)?,
                    None if found.split('/').next() == Some(row.info().name) => {
                        return Err(ModelError::Config(format!(
                            "the model has the state {found}; this version of batch-core reads up to {}: fit the model again",
                            tag(row.state_version())
                        )));
                    }
                    None => None,
                }
            }
            _ => None,
        };
        let usual = self
            .usual
            .as_ref()
            .is_none_or(|usual| usual.len() == self.columns.len() && usual.iter().flatten().all(Usual::is_sound));
        let sound = !self.columns.is_empty() && self.scores.is_sound() && usual;
        let state = state.filter(|state| sound && self.is_whole(state.is_imported())).ok_or_else(contradiction)?;
        Ok(self.with(state))
    }

    /// Whether it has what only an imported model may have, or be without, where it is one.
    fn is_whole(&self, imported: bool) -> bool {
        let threshold = self.threshold.is_none_or(|threshold| imported && threshold.is_finite());
        threshold && (imported || self.scores.is_known())
    }
}

/// The payload of a model file whose first line and digests are right, and the share beside it, where there is one.
fn open(bytes: &[u8]) -> Result<(&[u8], Option<f64>), ModelError> {
    let foreign = || ModelError::Data("this is no model file".to_owned());
    let damaged = || ModelError::Data("the model file is damaged: its digest does not match; fit it again".to_owned());
    let line_end = bytes.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\n').ok_or_else(foreign)?;
    let line = std::str::from_utf8(&bytes[..line_end]).map_err(|_| foreign())?;
    let words: Vec<&str> = line.split(' ').collect();
    if words[0] != NAME {
        return Err(foreign());
    }
    let version = *words.get(1).ok_or_else(damaged)?;
    let known = [SHARE_INSIDE, VERSION].into_iter().find(|known| known.to_string() == version);
    let Some(known) = known else {
        let other = version.parse::<u32>().is_ok_and(|other| other > 0 && other.to_string() == version);
        let message = format!(
            "the model file has format {version}; this version of batch-core reads formats {SHARE_INSIDE} and {VERSION}: \
             fit the model again"
        );
        return Err(if other { ModelError::Config(message) } else { damaged() });
    };
    let share = words.get(4).and_then(|share| share.parse().ok());
    let beside = if known == VERSION { Some(share.ok_or_else(damaged)?) } else { None };
    let payload = &bytes[line_end + 1..];
    if line == first_line(payload, beside) { Ok((payload, beside)) } else { Err(damaged()) }
}

/// What stands before a payload: with the share `beside` it, or as format 2 has it.
fn first_line(payload: &[u8], beside: Option<f64>) -> String {
    let sealed = format!("{} {}", digest(payload), payload.len());
    let Some(share) = beside else { return format!("{NAME} {SHARE_INSIDE} {sealed}") };
    let line = format!("{NAME} {VERSION} {sealed} {}", json!(share));
    format!("{line} {}", digest(line.as_bytes()))
}

fn to_json(payload: &Payload) -> Vec<u8> {
    let state = Written::from([(tag_of(&payload.detector, payload.state.version()), payload.state.to_json())]);
    serde_json::to_vec(&payload.clone().with(state)).expect("a model holds nothing that JSON cannot say")
}

fn digest(payload: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(payload) {
        write!(text, "{byte:02x}").expect("a string takes any text");
    }
    text
}
