//! A fit, from its spec to its model: as many passes over the source as the detector needs.
//!
//! ```text
//! Fit::new(spec) ── pass 1 ── advance ──┬── Next::Model
//!                                       └── Next::Pass(fit) ── pass 2 ── advance ── Next::Model
//! ```
//!
//! In each pass every chunk gets an [`Observer`], whose summary bytes may be kept and sent anywhere; `advance` merges
//! them in chunk order. A fit between passes is data too ([`Fit::to_bytes`]).

use sha2::{Digest, Sha256};

use crate::codec::{CodecError, Reader, Writer};
use crate::detector::{self, Choice, Parameters};
use crate::detectors::deviation::{Center, Deviations};
use crate::distribution::Distribution;
use crate::error::name_list;
use crate::model::{Payload, State};
use crate::numbers::SPREAD_MIN;
use crate::summaries::sample::Sampling;
use crate::summaries::{Recipe, Summary};
use crate::{Batch, Column, FitError, FitSpec, Level, Missing, Model, Observer};

const MAGIC: [u8; 8] = *b"bcfitpas";

/// What is known before a pass.
#[derive(Clone, Debug)]
pub struct Fit {
    spec: FitSpec,
    choice: Choice,
    parameters: Parameters,
}

/// What comes after a pass.
#[derive(Clone, Debug)]
pub enum Next {
    /// Another pass over the same rows.
    Pass(Fit),
    /// The fit is done.
    Model(Model),
}

impl Fit {
    /// A fit before its first pass.
    ///
    /// # Errors
    /// When the spec names what there is not, or has nothing to fit.
    pub fn new(spec: FitSpec) -> Result<Self, FitError> {
        let (choice, parameters) = detector::choose(&spec.detector, &spec.parameters)?;
        spec.check()?;
        Ok(Self { spec, choice, parameters })
    }

    /// What is fitted.
    #[must_use]
    pub fn spec(&self) -> &FitSpec {
        &self.spec
    }

    /// Which pass is next, from 1.
    #[must_use]
    pub fn pass(&self) -> u32 {
        1
    }

    /// How many passes there are in all.
    #[must_use]
    pub fn passes(&self) -> u32 {
        1
    }

    /// Collects one chunk of this pass.
    #[must_use]
    pub fn observer(&self, level: Level) -> Observer {
        Observer::new(self.recipe(), level)
    }

    /// What is known, as checksummed bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.bytes(&serde_json::to_vec(&self.spec).expect("a spec holds nothing that JSON cannot say"));
        writer.finish()
    }

    /// Reads what [`Fit::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are damaged or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FitError> {
        let refuse = |error: CodecError| FitError::Data(format!("a stored fit cannot be used: {error}; start afresh"));
        let mut reader = Reader::new(bytes, MAGIC).map_err(refuse)?;
        let spec = serde_json::from_slice(reader.bytes().map_err(refuse)?).map_err(|_| refuse(CodecError::Damaged))?;
        reader.finish().map_err(refuse)?;
        Self::new(spec)
    }

    /// Merges the summaries of this pass, in chunk order, and says what is next.
    ///
    /// # Errors
    /// When a summary is damaged or of another fit, or the data allow no model.
    pub fn advance(self, summaries: Vec<Vec<u8>>) -> Result<Next, FitError> {
        let recipe = self.recipe();
        let mut total = Summary::new(&recipe);
        for bytes in summaries {
            let summary = Summary::from_bytes(&bytes, &recipe)
                .map_err(|error| FitError::Data(format!("a stored summary cannot be used: {error}; start afresh")))?
                .ok_or_else(|| FitError::Bug("a summary belongs to another fit or another pass".to_owned()))?;
            total.merge(&summary);
        }
        self.check_rows(&total)?;
        self.model(&total).map(Next::Model)
    }

    fn sampling(&self) -> Sampling {
        Sampling::new(self.spec.seed, self.spec.rows, self.spec.columns.len())
    }

    fn recipe(&self) -> Recipe {
        Recipe {
            fingerprint: self.fingerprint(),
            columns: self.spec.columns.len(),
            moments: matches!(self.choice, Choice::Zscore(_)),
            range: !matches!(self.choice, Choice::Zscore(_)),
            sampling: Some(self.sampling()),
        }
    }

    /// Tells this pass of this fit from every other.
    fn fingerprint(&self) -> u64 {
        let spec = serde_json::to_vec(&self.spec).expect("a spec holds nothing that JSON cannot say");
        let digest = Sha256::new().chain_update(self.pass().to_le_bytes()).chain_update(spec).finalize();
        u64::from_le_bytes(digest[..8].try_into().expect("a digest has more than 8 bytes"))
    }

    fn check_rows(&self, total: &Summary) -> Result<(), FitError> {
        if total.rows == 0 || total.rows > self.spec.rows {
            return Err(FitError::Data(format!(
                "{} rows were read and {} were planned; the source changed, or the plan is of another one",
                total.rows, self.spec.rows
            )));
        }
        let gaps: Vec<String> = (self.spec.columns.iter().zip(&total.tally))
            .filter(|(_, tally)| tally.missing > 0)
            .map(|(name, _)| name.clone())
            .collect();
        if self.spec.missing == Missing::Error && !gaps.is_empty() {
            return Err(FitError::Data(format!(
                "missing cells in {}; fill them, leave the columns out, or allow them with missing center or skip",
                name_list(&gaps)
            )));
        }
        Ok(())
    }

    fn model(&self, total: &Summary) -> Result<Model, FitError> {
        let moments = total.moments.as_ref().map(|moments| moments.finish()).unwrap_or_default();
        let used: Vec<usize> = (0..moments.len()).filter(|&column| moments[column].deviation() >= SPREAD_MIN).collect();
        let columns = used
            .iter()
            .map(|&column| Center { center: moments[column].mean, unit: moments[column].deviation() })
            .collect();
        let Choice::Zscore(aggregate) = self.choice else {
            return Err(FitError::Config("only zscore can be fitted so far".to_owned()));
        };
        let state = State::Zscore(Deviations { aggregate, columns });
        self.freeze(total, &used, state)
    }

    fn freeze(&self, total: &Summary, used: &[usize], state: State) -> Result<Model, FitError> {
        let names = &self.spec.columns;
        if used.is_empty() {
            return Err(FitError::Data(format!(
                "nothing varies: {} are constant or empty; choose columns that differ from row to row",
                name_list(names)
            )));
        }
        let payload = Payload {
            detector: self.spec.detector.clone(),
            parameters: self.parameters.clone(),
            columns: used.iter().map(|&column| names[column].clone()).collect(),
            constants: (0..names.len()).filter(|c| !used.contains(c)).map(|c| names[c].clone()).collect(),
            fit_rows: total.rows,
            seed: self.spec.seed,
            contamination: self.spec.contamination,
            missing: self.spec.missing,
            state,
            scores: Distribution::new(vec![0.0], true),
        };
        let sample = total.sample.as_ref().expect("the pass collected a sample");
        let columns: Vec<Column<'_>> =
            used.iter().map(|&c| Column::new(&sample.columns[c], None).expect("no bitmap")).collect();
        let mut scores = vec![0.0; sample.rows()];
        let model = Model::new(payload.clone());
        let batch = Batch::new(&columns, 0, 0).expect("sampled columns are equally long");
        model.scorer(Level::detect(), self.spec.missing).score(&batch, &mut scores);
        scores.retain(|score| !score.is_nan());
        if scores.is_empty() {
            return Err(FitError::Data("no row is without a missing cell".to_owned()));
        }
        let scores = Distribution::new(scores, self.sampling().takes_all());
        Ok(Model::new(Payload { scores, ..payload }))
    }
}
