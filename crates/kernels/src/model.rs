//! The frozen model: everything a score depends on, as data.
//!
//! A model file is one line, `batch-core-model 2 sha256:<hex> <payload bytes>`, and a JSON payload. The digest is of
//! the payload, and numbers in JSON read back to the same double. There is no date, no path and no host name in it:
//! the same fit gives the same bytes. A file that is damaged, foreign or of another format is refused.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::detector::{Detector, State};
use crate::detectors;
use crate::distribution::Distribution;
use crate::left_out::LeftOut;
use crate::{Level, Missing, ModelError, Scorer, Threshold};

const NAME: &str = "batch-core-model";
/// 2: says why columns were left out, and may shift the cells of a column by a power of two; infinities count for more.
const VERSION: u32 = 2;

/// A frozen model.
#[derive(Clone, Debug)]
pub struct Model {
    payload: Payload,
    digest: String,
}

/// Models of equal digests are the same data.
impl PartialEq for Model {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
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
    pub(crate) seed: u64,
    pub(crate) contamination: f64,
    pub(crate) missing: Missing,
    pub(crate) state: S,
    pub(crate) scores: Distribution,
}

/// A state as it is written: one entry, under the [tag](tag_of) of its detector.
type Written = BTreeMap<String, Box<RawValue>>;

/// Under what a detector's state is written: its name, and from the second version of its states on that too.
fn tag_of(detector: &dyn Detector) -> String {
    let name = detector.info().name;
    match detector.state_version() {
        1 => name.to_owned(),
        version => format!("{name}/{version}"),
    }
}

impl Model {
    pub(crate) fn new(payload: Payload) -> Self {
        let digest = digest(&to_json(&payload));
        Self { payload, digest }
    }

    /// The model file's bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let payload = to_json(&self.payload);
        let mut bytes = format!("{NAME} {VERSION} {} {}\n", self.digest, payload.len()).into_bytes();
        bytes.extend_from_slice(&payload);
        bytes
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// When the bytes are damaged, are no model, or have another format.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, ModelError> {
        let payload: Payload<Written> = serde_json::from_slice(open(bytes)?).map_err(unlike)?;
        payload.read().map(Self::new)
    }

    /// `sha256:` and the digest of the payload.
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

    /// The seed of the fit.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.payload.seed
    }

    /// The share of anomalies the fit was asked for.
    #[must_use]
    pub fn contamination(&self) -> f64 {
        self.payload.contamination
    }

    /// What a missing cell meant in the fit.
    #[must_use]
    pub fn missing(&self) -> Missing {
        self.payload.missing
    }

    /// The score above which the share `contamination` of rows lies.
    #[must_use]
    pub fn threshold(&self, contamination: f64) -> Threshold {
        self.payload.scores.threshold(contamination)
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
        json!({
            "detector": payload.detector,
            "parameters": payload.parameters,
            "columns": payload.columns,
            "left_out": payload.left_out,
            "fit_rows": payload.fit_rows,
            "seed": payload.seed,
            "contamination": payload.contamination,
            "missing": payload.missing,
            "threshold": self.threshold(payload.contamination),
            "scored_rows": payload.scores.rows(),
            "digest": self.digest,
            "state": { (payload.detector.as_str()): payload.state.describe() },
        })
    }

    pub(crate) fn state(&self) -> &dyn State {
        &*self.payload.state
    }
}

fn unlike(error: impl std::fmt::Display) -> ModelError {
    ModelError::Data(format!("the model is not what this version writes: {error}"))
}

impl<S> Payload<S> {
    /// The same with another state.
    fn with<T>(self, state: T) -> Payload<T> {
        let Self { detector, parameters, columns, left_out, fit_rows, seed, contamination, missing, scores, .. } = self;
        Payload { detector, parameters, columns, left_out, fit_rows, seed, contamination, missing, state, scores }
    }
}

impl Payload<Written> {
    /// What was written, where its parts fit together, whoever wrote them.
    fn read(self) -> Result<Payload, ModelError> {
        let detector = &self.detector;
        let row = detectors::named(detector).ok_or_else(|| unlike(format!("there is no detector {detector:?}")))?;
        let tag = tag_of(row);
        let state = match (self.state.get(&tag), self.state.keys().next()) {
            (Some(json), _) if self.state.len() == 1 => row.read(json, self.columns.len()).map_err(unlike)?,
            (None, Some(other)) if other.split('/').next() == Some(row.info().name) => {
                return Err(ModelError::Config(format!(
                    "the model has the state {other}; this version of batch-core reads {tag}: fit the model again"
                )));
            }
            _ => None,
        };
        let sound = !self.columns.is_empty() && self.scores.is_sound() && (0.0..=0.5).contains(&self.contamination);
        let contradiction = || ModelError::Data("the model contradicts itself: fit it again".to_owned());
        let state = state.filter(|_| sound).ok_or_else(contradiction)?;
        Ok(self.with(state))
    }
}

/// The payload of a model file whose first line and digest are right.
fn open(bytes: &[u8]) -> Result<&[u8], ModelError> {
    let foreign = || ModelError::Data("this is no model file".to_owned());
    let damaged = || ModelError::Data("the model file is damaged: its digest does not match; fit it again".to_owned());
    // The first line is at most this long; a large foreign file is not searched for its first line end.
    let line_end = bytes.iter().take(160).position(|&byte| byte == b'\n').ok_or_else(foreign)?;
    let line = std::str::from_utf8(&bytes[..line_end]).map_err(|_| foreign())?;
    let mut words = line.split(' ');
    if words.next() != Some(NAME) {
        return Err(foreign());
    }
    let version = words.next().ok_or_else(damaged)?;
    if version != VERSION.to_string() {
        let other = version.parse::<u32>().is_ok_and(|other| other > 0 && other.to_string() == version);
        let message = format!(
            "the model file has format {version}; this version of batch-core reads format {VERSION}: fit the model again"
        );
        return Err(if other { ModelError::Config(message) } else { damaged() });
    }
    let payload = &bytes[line_end + 1..];
    let expected = format!("{NAME} {VERSION} {} {}", digest(payload), payload.len());
    if line == expected { Ok(payload) } else { Err(damaged()) }
}

fn to_json(payload: &Payload) -> Vec<u8> {
    let row = detectors::named(&payload.detector).expect("a model has a detector of the table");
    let state = Written::from([(tag_of(row), payload.state.to_json())]);
    serde_json::to_vec(&payload.clone().with(state)).expect("a model holds nothing that JSON cannot say")
}

fn digest(payload: &[u8]) -> String {
    let mut text = "sha256:".to_owned();
    for byte in Sha256::digest(payload) {
        write!(text, "{byte:02x}").expect("a string takes any text");
    }
    text
}
