//! A fit, from its spec to its model: as many passes over the source as the detector needs.
//!
//! ```text
//! Fit::new(spec) ── pass 1 ── advance ──┬── Next::Model
//!                                       └── Next::Pass(fit) ── pass 2 ── advance ── Next::Model
//! ```
//!
//! In each pass every chunk gets an [`Observer`], whose summary bytes may be kept and sent anywhere; `advance` merges
//! them in chunk order. A fit between passes is data too ([`Fit::to_bytes`]). A source small enough to be sampled whole
//! needs one pass: what the second would count is counted in memory.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::codec::{CodecError, Reader, Writer};
use crate::detector::{self, Choice, Parameters};
use crate::error::name_list;
use crate::freeze;
use crate::summaries::bracket::Bracket;
use crate::summaries::histogram::Cuts;
use crate::summaries::sample::{Sample, Sampling};
use crate::summaries::{Recipe, Summary};
use crate::{FitError, FitSpec, Level, Missing, Model, Observer};

const MAGIC: [u8; 8] = *b"bcfitpas";

/// What is known before a pass.
#[derive(Clone, Debug)]
pub struct Fit {
    pub(crate) spec: FitSpec,
    pub(crate) choice: Choice,
    pub(crate) parameters: Parameters,
    /// What the first pass learned, before the second.
    first: Option<FirstPass>,
}

/// What the first pass learned, and where the second one looks.
#[derive(Clone, Debug)]
pub(crate) struct FirstPass {
    pub(crate) summary: Summary,
    pub(crate) cuts: Option<Arc<Vec<Cuts>>>,
    pub(crate) brackets: Option<Arc<Vec<Option<Bracket>>>>,
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
        Ok(Self { spec, choice, parameters, first: None })
    }

    /// What is fitted.
    #[must_use]
    pub fn spec(&self) -> &FitSpec {
        &self.spec
    }

    /// Which pass is next, from 1.
    #[must_use]
    pub fn pass(&self) -> u32 {
        if self.first.is_none() { 1 } else { 2 }
    }

    /// How many passes there are in all.
    #[must_use]
    pub fn passes(&self) -> u32 {
        let one = matches!(self.choice, Choice::Zscore(_)) || self.sampling().takes_all();
        if one { 1 } else { 2 }
    }

    /// Collects one chunk of this pass.
    #[must_use]
    pub fn observer(&self, level: Level) -> Observer {
        Observer::new(self.recipe(), level)
    }

    /// Merges the summaries of this pass, one after the other.
    #[must_use]
    pub fn merger(self) -> Merger {
        let recipe = self.recipe();
        Merger { total: Summary::new(&recipe), recipe, fit: self }
    }

    /// Merges the summaries of this pass, in chunk order, and says what is next.
    ///
    /// # Errors
    /// When a summary is damaged or of another fit, or the data allow no model.
    pub fn advance(self, summaries: Vec<Vec<u8>>) -> Result<Next, FitError> {
        let mut merger = self.merger();
        for bytes in summaries {
            merger.add(&bytes)?;
        }
        merger.finish()
    }

    /// What is known, as checksummed bytes.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.bytes(&self.spec_json());
        writer.u32(self.pass());
        if let Some(first) = &self.first {
            first.summary.encode(&mut writer);
            first.encode_brackets(&mut writer);
        }
        writer.finish()
    }

    /// What an observer needs of it: all but the sample, which only the end of the fit looks at.
    #[must_use]
    pub fn observer_bytes(&self) -> Vec<u8> {
        let mut lean = self.clone();
        if let Some(first) = &mut lean.first {
            first.summary.sample = Some(Sample::new(self.spec.columns.len()));
        }
        lean.to_bytes()
    }

    /// Reads what [`Fit::to_bytes`] or [`Fit::observer_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are damaged or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, FitError> {
        let refuse = |error: CodecError| FitError::Data(format!("a stored fit cannot be used: {error}; start afresh"));
        let mut reader = Reader::new(bytes, MAGIC).map_err(refuse)?;
        let spec = serde_json::from_slice(reader.bytes().map_err(refuse)?).map_err(|_| refuse(CodecError::Damaged))?;
        let fit = Self::new(spec)?;
        let pass = reader.u32().map_err(refuse)?;
        let first = match pass {
            1 => None,
            2 => {
                let summary = Summary::decode(&mut reader, &fit.recipe()).map_err(refuse)?;
                let brackets = decode_brackets(&mut reader, fit.spec.columns.len()).map_err(refuse)?;
                Some(FirstPass { cuts: freeze::cuts(&fit, &summary)?.map(Arc::new), summary, brackets })
            }
            _ => return Err(refuse(CodecError::Damaged)),
        };
        reader.finish().map_err(refuse)?;
        Ok(Self { first, ..fit })
    }

    pub(crate) fn sampling(&self) -> Sampling {
        Sampling::new(self.spec.seed, self.spec.rows, self.spec.columns.len())
    }

    fn spec_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.spec).expect("a spec holds nothing that JSON cannot say")
    }

    fn recipe(&self) -> Recipe {
        let zscore = matches!(self.choice, Choice::Zscore(_));
        let first = self.first.as_ref();
        Recipe {
            fingerprint: self.fingerprint(),
            columns: self.spec.columns.len(),
            moments: zscore,
            range: !zscore && first.is_none(),
            sampling: first.is_none().then(|| self.sampling()),
            cuts: first.and_then(|first| first.cuts.clone()),
            brackets: first.and_then(|first| first.brackets.clone()),
        }
    }

    /// Tells this pass of this fit from every other: by its spec and by where it looks.
    fn fingerprint(&self) -> u64 {
        let mut writer = Writer::new(MAGIC);
        writer.bytes(&self.spec_json());
        if let Some(first) = &self.first {
            first.summary.range.iter().flatten().for_each(|range| range.encode(&mut writer));
            first.encode_brackets(&mut writer);
        }
        let digest = Sha256::digest(writer.finish());
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
}

/// The summaries of one pass, merged as they come, so that only one is in memory beside their sum.
#[derive(Debug)]
pub struct Merger {
    fit: Fit,
    recipe: Recipe,
    total: Summary,
}

impl Merger {
    /// Adds the summary of the next chunk, in chunk order.
    ///
    /// # Errors
    /// When it is damaged or of another fit.
    pub fn add(&mut self, summary: &[u8]) -> Result<(), FitError> {
        let summary = Summary::from_bytes(summary, &self.recipe)
            .map_err(|error| FitError::Data(format!("a stored summary cannot be used: {error}; start afresh")))?
            .ok_or_else(|| FitError::Bug("a summary belongs to another fit or another pass".to_owned()))?;
        self.total.merge(&summary);
        Ok(())
    }

    /// What is next, now that every chunk is in.
    ///
    /// # Errors
    /// When rows are missing, or the data allow no model.
    pub fn finish(self) -> Result<Next, FitError> {
        let Self { fit, total, .. } = self;
        fit.check_rows(&total)?;
        if let Some(first) = &fit.first {
            if first.summary.sample.as_ref().is_none_or(|sample| sample.rows() == 0) {
                return Err(FitError::Bug("a fit without its sample can only observe".to_owned()));
            }
            if (total.rows, &total.tally) != (first.summary.rows, &first.summary.tally) {
                return Err(FitError::Data(
                    "the second pass read other cells than the first: the source changed".to_owned(),
                ));
            }
            return freeze::after_second(&fit, first, &total).map(Next::Model);
        }
        if fit.passes() == 1 {
            return freeze::after_only(&fit, &total).map(Next::Model);
        }
        let first = freeze::look_closer(&fit, total)?;
        Ok(Next::Pass(Fit { first: Some(first), ..fit }))
    }
}

impl FirstPass {
    fn encode_brackets(&self, writer: &mut Writer) {
        writer.u8(u8::from(self.brackets.is_some()));
        for bracket in self.brackets.iter().flat_map(|brackets| brackets.iter()) {
            writer.u8(u8::from(bracket.is_some()));
            if let Some(bracket) = bracket {
                bracket.encode(writer);
            }
        }
    }
}

fn decode_brackets(reader: &mut Reader<'_>, columns: usize) -> Result<Option<Arc<Vec<Option<Bracket>>>>, CodecError> {
    if reader.u8()? == 0 {
        return Ok(None);
    }
    let bracket = |reader: &mut Reader<'_>| match reader.u8()? {
        0 => Ok(None),
        _ => Bracket::decode(reader).map(Some),
    };
    (0..columns).map(|_| bracket(reader)).collect::<Result<Vec<_>, _>>().map(|brackets| Some(Arc::new(brackets)))
}
