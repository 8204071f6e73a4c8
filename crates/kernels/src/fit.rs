//! A fit, from its spec to its model: as many passes over the source as the detector needs.
//!
//! ```text
//! Fit::new(spec) ── pass 1 ── advance ──┬── Next::Model
//!                                       └── Next::Pass(fit) ── pass 2 ── advance ── Next::Model
//! ```
//!
//! In each pass every chunk gets an [`Observer`], whose summary bytes may be kept and sent anywhere; `advance` merges
//! them in chunk order. A fit between passes is data too ([`Fit::to_bytes`]). A source small enough to be sampled whole
//! needs one pass: what the second would count is counted in memory. A fit with a condition begins with a pass that counts
//! the rows that meet it, and brings no column.

use sha2::{Digest, Sha256};

use crate::asked::Asked;
use crate::claims::{Claims, pilot_rows};
use crate::codec::{CodecError, Reader, Writer};
use crate::error::name_list;
use crate::freeze;
use crate::stage::Stage;
use crate::summaries::range::Range;
use crate::summaries::sample::{Sample, Sampling};
use crate::summaries::{Recipe, Summary};
use crate::{FitError, FitSpec, Level, Missing, Model, Observer};

const MAGIC: [u8; 8] = *b"bcfitpas";

/// What is known before a pass.
#[derive(Clone, Debug)]
pub struct Fit {
    pub(crate) asked: Asked,
    pub(crate) stage: Stage,
}

impl Fit {
    /// A fit before its first pass.
    ///
    /// # Errors
    /// When the spec names what there is not, or has nothing to fit.
    pub fn new(spec: FitSpec) -> Result<Self, FitError> {
        let asked = Asked::new(spec)?;
        if asked.spec.condition.is_some() {
            return Ok(Self { asked, stage: Stage::Count });
        }
        Ok(Self::of_counted(asked))
    }

    /// A fit that knows how many rows there are.
    pub(crate) fn of_counted(asked: Asked) -> Self {
        let stage = asked.sampled_rows().map_or(Stage::Blank, |_| Stage::Sample { rows: asked.spec.rows });
        Self { asked, stage }
    }

    /// The same fit, told what is said of its source. Where that suffices to count at once, one pass does what two
    /// would: the pass checks what it was told, and another follows only where that was wrong.
    /// What is said of rows that may not meet a condition is of no use.
    #[must_use]
    pub fn guided(self, claims: &Claims) -> Self {
        if self.asked.spec.condition.is_some() {
            return self;
        }
        if matches!(self.stage, Stage::Sample { .. }) {
            let read = pilot_rows(&claims.groups);
            return if read == 0 { self } else { Self { stage: Stage::Sample { rows: read }, ..self } };
        }
        let Some(ranges) = claims.ranges(self.asked.spec.columns.len()).filter(|_| self.passes() > 1) else {
            return self;
        };
        let wants = self.asked.method.wants();
        let stage = if wants.looks_first() {
            let pilot = |groups: Vec<_>| Stage::Pilot { ranges, rows: pilot_rows(&groups), groups };
            claims.groups(self.asked.spec.columns.len()).map(pilot)
        } else {
            wants.counts.and_then(|_| freeze::guess(&self.asked, ranges, None))
        };
        Self { stage: stage.unwrap_or(Stage::Blank), ..self }
    }

    /// The same calibration, with the model that its spec names.
    ///
    /// # Errors
    /// When it is another.
    pub fn calibrating(self, forest: Model) -> Result<Self, FitError> {
        Ok(Self { asked: self.asked.calibrating(forest)?, ..self })
    }

    /// What is fitted.
    #[must_use]
    pub fn spec(&self) -> &FitSpec {
        &self.asked.spec
    }

    /// The columns that batches of this pass bring.
    #[must_use]
    pub fn columns(&self) -> &[String] {
        if matches!(self.stage, Stage::Count) { &[] } else { &self.asked.spec.columns }
    }

    /// Which pass is next, from 1; 0 is before these: it reads only the row groups it was announced for, as a pilot does and the
    /// pass of a fit to a sample, or counts the rows that meet the condition.
    #[must_use]
    pub fn pass(&self) -> u32 {
        self.stage.pass(self.asked.spec.rows)
    }

    /// Which pass is the last, if what was said of the source is so.
    #[must_use]
    pub fn passes(&self) -> u32 {
        if matches!(self.stage, Stage::Sample { .. }) {
            return self.pass();
        }
        let one = self.asked.method.wants().one_pass()
            || self.asked.sampling().takes_all()
            || matches!(self.stage, Stage::Pilot { .. } | Stage::Guessed { .. });
        if one { 1 } else { 2 }
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
        writer.bytes(&self.spec_json());
        self.stage.encode(&mut writer);
        writer.finish()
    }

    /// What an observer needs of it: all but what only the end of the pass looks at, which is the sample, and what is
    /// claimed of row groups.
    #[must_use]
    pub fn observer_bytes(&self) -> Vec<u8> {
        let mut lean = self.clone();
        match &mut lean.stage {
            Stage::Pilot { groups, .. } => groups.clear(),
            Stage::Second { first, .. } => first.sample = Some(Sample::new(self.asked.spec.columns.len())),
            Stage::Count | Stage::Blank | Stage::Sample { .. } | Stage::Guessed { .. } => {}
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
        let fit = Self::of_counted(Asked::new(spec)?);
        let summary = |reader: &mut Reader<'_>| Summary::decode(reader, &fit.recipe());
        let cuts = |ranges: &[Range], used: &[usize]| freeze::cuts(&fit.asked, ranges, used).ok().flatten();
        let stage = Stage::decode(&mut reader, &fit.asked.method.wants(), fit.asked.spec.columns.len(), summary, cuts)
            .map_err(refuse)?;
        reader.finish().map_err(refuse)?;
        Ok(Self { stage, ..fit })
    }

    fn spec_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.asked.spec).expect("a spec holds nothing that JSON cannot say")
    }

    pub(crate) fn recipe(&self) -> Recipe {
        let wants = self.asked.method.wants();
        let first = matches!(self.stage, Stage::Blank | Stage::Guessed { .. });
        let targets = self.stage.targets().cloned().unwrap_or_default();
        let sampling = match self.stage {
            Stage::Blank | Stage::Guessed { .. } => Some(self.asked.sampling()),
            Stage::Pilot { rows, .. } if wants.ecdfs => {
                Some(Sampling::new(self.asked.spec.seed, rows, self.asked.spec.columns.len()))
            }
            Stage::Pilot { rows, .. } => {
                Some(Sampling::of_pilot(self.asked.spec.seed, rows, self.asked.spec.columns.len()))
            }
            Stage::Sample { rows } => {
                let wanted = self.asked.sampled_rows().unwrap_or(rows);
                Some(Sampling::no_fewer(self.asked.spec.seed, rows, wanted))
            }
            Stage::Count | Stage::Second { .. } => None,
        };
        Recipe {
            only_sample: matches!(self.stage, Stage::Count | Stage::Sample { .. }),
            fingerprint: self.fingerprint(),
            columns: self.columns().len(),
            moments: wants.moments && first,
            range: wants.ranges() && first,
            sampling,
            cuts: targets.cuts,
            brackets: targets.brackets,
            places: targets.places,
            centers: targets.centers,
        }
    }

    /// Tells this pass of this fit from every other: by its spec and by where it looks.
    fn fingerprint(&self) -> u64 {
        let mut writer = Writer::new(MAGIC);
        writer.bytes(&self.spec_json());
        self.stage.identify(&mut writer);
        let digest = Sha256::digest(writer.finish());
        u64::from_le_bytes(digest[..8].try_into().expect("a digest has more than 8 bytes"))
    }

    pub(crate) fn check_rows(&self, total: &Summary) -> Result<(), FitError> {
        if total.rows == 0 || total.rows > self.asked.spec.rows {
            return Err(other_rows(total.rows, self.asked.spec.rows));
        }
        let gaps: Vec<String> = (self.asked.spec.columns.iter().zip(&total.tally))
            .filter(|(_, tally)| tally.missing > 0)
            .map(|(name, _)| name.clone())
            .collect();
        if self.asked.spec.missing == Missing::Error && !gaps.is_empty() {
            return Err(FitError::Data(format!(
                "missing cells in {}; fill them, leave the columns out, or allow them with missing center or skip",
                name_list(&gaps)
            )));
        }
        Ok(())
    }
}

/// Other rows were read than were planned.
pub(crate) fn other_rows(read: u64, planned: u64) -> FitError {
    FitError::Data(format!(
        "{read} rows were read and {planned} were planned; the source changed, or the plan is of another one"
    ))
}
