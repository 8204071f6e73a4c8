//! The summaries of one pass become one, and that the next pass or the model.
//!
//! ```text
//! Fit::merger ── add, add, ... ──┬── finish ── Next
//!                  to_bytes ─────┘
//!                      └── (another process) restore ── add, ... ── finish
//! ```

use crate::asked::Asked;
use crate::codec::{CodecError, Reader, Writer};
use crate::fit::{Fit, other_rows};
use crate::freeze::{self, Pilot};
use crate::keyed::{self, subkey};
use crate::stage::Stage;
use crate::summaries::sample::Sample;
use crate::summaries::{Recipe, Summary};
use crate::{Batch, Column, FitError, FitRows, FitSpec, Level, Model};

const MAGIC: [u8; 8] = *b"bcmerged";

/// What comes after a pass.
#[derive(Clone, Debug)]
pub enum Next {
    /// Another pass over the same rows.
    Pass(Fit),
    /// The fit is done.
    Model(Model),
}

impl Fit {
    /// Merges the summaries of this pass, one after the other. What is left to compute is computed at `level`.
    #[must_use]
    pub fn merger(self, level: Level) -> Merger {
        let recipe = self.recipe();
        Merger { total: Summary::new(&recipe), recipe, level, fit: self, sampled: Vec::new() }
    }

    /// Merges the summaries of this pass, in chunk order, and says what is next.
    ///
    /// # Errors
    /// When a summary is damaged or of another fit, or the data allow no model.
    pub fn advance(self, summaries: Vec<Vec<u8>>, level: Level) -> Result<Next, FitError> {
        let mut merger = self.merger(level);
        for bytes in summaries {
            merger.add(&bytes)?;
        }
        merger.finish()
    }
}

/// The summaries of one pass, merged as they come, so that only one is in memory beside their sum.
#[derive(Debug)]
pub struct Merger {
    fit: Fit,
    level: Level,
    recipe: Recipe,
    total: Summary,
    /// The sampled rows after each summary of a pilot, which is of a row group; nothing is kept of each chunk of other passes.
    sampled: Vec<usize>,
}

impl Merger {
    /// Adds the summary of the next chunk, in chunk order; of a pilot, that of the next row group it reads.
    ///
    /// # Errors
    /// When it is damaged or of another fit.
    pub fn add(&mut self, summary: &[u8]) -> Result<(), FitError> {
        let summary = Summary::from_bytes(summary, &self.recipe)
            .map_err(|error| FitError::Data(format!("a stored summary cannot be used: {error}; start afresh")))?
            .ok_or_else(|| FitError::Bug("a summary belongs to another fit or another pass".to_owned()))?;
        self.total.merge(&summary);
        if matches!(self.fit.stage, Stage::Pilot { .. }) {
            self.sampled.push(self.total.sample.as_ref().map_or(0, Sample::rows));
        }
        Ok(())
    }

    /// What is merged so far, as checksummed bytes: they take the place of all summaries that are in.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.u64(self.recipe.fingerprint);
        writer.len(self.sampled.len());
        self.sampled.iter().for_each(|rows| writer.len(*rows));
        self.total.encode(&mut writer);
        writer.finish()
    }

    /// Goes on, to the bit, where the merger of the same pass was that wrote [`Merger::to_bytes`]; what was added here is gone.
    ///
    /// # Errors
    /// When the bytes are damaged or of another fit; then this is as it was.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), FitError> {
        let (sampled, total) = self
            .decode(bytes)
            .map_err(|error| FitError::Data(format!("stored merged summaries cannot be used: {error}; start afresh")))?
            .ok_or_else(|| FitError::Bug("merged summaries belong to another fit or another pass".to_owned()))?;
        (self.sampled, self.total) = (sampled, total);
        Ok(())
    }

    /// The sampled rows and the sum; nothing when they are of another recipe.
    fn decode(&self, bytes: &[u8]) -> Result<Option<(Vec<usize>, Summary)>, CodecError> {
        let mut reader = Reader::new(bytes, MAGIC)?;
        if reader.u64()? != self.recipe.fingerprint {
            return Ok(None);
        }
        let count = |rows: u64| usize::try_from(rows).map_err(|_| CodecError::Damaged);
        let sampled = reader.u64s()?.into_iter().map(count).collect::<Result<_, _>>()?;
        let total = Summary::decode(&mut reader, &self.recipe)?;
        reader.finish()?;
        Ok(Some((sampled, total)))
    }

    /// What is next, now that every chunk is in.
    ///
    /// # Errors
    /// When rows are missing, or the data allow no model.
    pub fn finish(self) -> Result<Next, FitError> {
        let Self { fit, total, level, sampled, .. } = self;
        let Fit { stage, .. } = &fit;
        match stage {
            Stage::Count => return counted(fit.asked, total.rows).map(Next::Pass),
            Stage::Pilot { ranges, rows, groups } => {
                if total.rows != *rows || sampled.len() != groups.iter().filter(|group| group.pilot).count() {
                    return Err(FitError::Bug(format!("a pilot read {} of {rows} rows", total.rows)));
                }
                let pilot = Pilot { groups, total: &total, sampled: &sampled };
                let stage = freeze::guess(&fit.asked, ranges.clone(), Some(&pilot)).unwrap_or(Stage::Blank);
                return Ok(Next::Pass(Fit { stage, ..fit }));
            }
            Stage::Sample { rows } => {
                if total.rows != *rows {
                    return Err(other_rows(total.rows, *rows));
                }
                return model_of_sample(fit.asked, total.sample.unwrap_or_default(), level).map(Next::Model);
            }
            Stage::Second { first, targets } => {
                fit.check_rows(&total)?;
                if first.sample.as_ref().is_none_or(|sample| sample.rows() == 0) {
                    return Err(FitError::Bug("a fit without its sample can only observe".to_owned()));
                }
                if (total.rows, &total.tally) != (first.rows, &first.tally) {
                    return Err(FitError::Data(
                        "the second pass read other cells than the first: the source changed".to_owned(),
                    ));
                }
                return freeze::model(&fit.asked, first, Some((targets, &total)), level).map(Next::Model);
            }
            Stage::Guessed { ranges, targets } => {
                fit.check_rows(&total)?;
                if freeze::holds(ranges, targets, &total) {
                    return freeze::model(&fit.asked, &total, Some((targets, &total)), level).map(Next::Model);
                }
            }
            Stage::Blank => {
                fit.check_rows(&total)?;
                if fit.passes() == 1 {
                    return freeze::model(&fit.asked, &total, None, level).map(Next::Model);
                }
            }
        }
        let stage = freeze::look_closer(&fit.asked, total)?;
        Ok(Next::Pass(Fit { stage, ..fit }))
    }
}

/// The fit to so many rows, those that meet its condition.
fn counted(asked: Asked, rows: u64) -> Result<Fit, FitError> {
    if rows > asked.spec.rows {
        return Err(other_rows(rows, asked.spec.rows));
    }
    if rows == 0 {
        let condition = asked.spec.condition.unwrap_or_default();
        return Err(FitError::Data(format!("there are no rows to fit on where {condition}")));
    }
    Ok(Fit::of_counted(Asked { spec: FitSpec { rows, ..asked.spec }, ..asked }))
}

/// The model of sampled rows, as if there were no others.
fn model_of_sample(asked: Asked, mut sample: Sample, level: Level) -> Result<Model, FitError> {
    let (source_rows, sampled) = (asked.spec.rows, sample.rows());
    let wanted = asked.sampled_rows().and_then(|rows| usize::try_from(rows).ok()).unwrap_or(sampled);
    let mut chosen = keyed::first(subkey(asked.spec.seed, FEWER), sampled, wanted);
    chosen.sort_unstable();
    for cells in &mut sample.columns {
        *cells = chosen.iter().map(|&row| cells[row]).collect();
    }
    let spec = FitSpec { rows: chosen.len() as u64, fit_rows: Some(FitRows::All), condition: None, ..asked.spec };
    let model = fit_in_memory(Fit::of_counted(Asked { spec, ..asked }), sample.columns, level)?;
    Ok(model.of_sample(source_rows))
}

/// The part of the seed by which rows are chosen where more were sampled than were wanted.
const FEWER: u64 = 6;

/// Goes through all passes of a fit over rows that lie in memory, column by column.
fn fit_in_memory(mut fit: Fit, mut columns: Vec<Vec<f64>>, level: Level) -> Result<Model, FitError> {
    let bug = |error: &dyn std::fmt::Display| FitError::Bug(error.to_string());
    loop {
        let mut observer = fit.observer(level);
        let borrowed: Result<Vec<Column<'_>>, _> = columns.iter().map(|cells| Column::new(cells, None)).collect();
        observer.observe(&Batch::new(&borrowed.map_err(|error| bug(&error))?, 0, 0).map_err(|error| bug(&error))?);
        if fit.passes() == 1 {
            // What the model is made of is in the summary.
            columns = Vec::new();
        }
        let merger = Merger { total: observer.summary(), ..fit.merger(level) };
        match merger.finish()? {
            Next::Pass(next) => fit = next,
            Next::Model(model) => return Ok(model),
        }
    }
}
