//! The work of a task with what it needs at hand, ready to be done chunk by chunk.

use crate::artifacts::Artifacts;
use crate::reader::{Reader, Selection};
use crate::task::{RowRange, Scoring, Task, Work};
use crate::{Summary, Watch, Yield, fit, rank, score, summary, verify};
use batch_core_error::Error;
use batch_core_kernels::{Fit, Level, Missing, Model, TopRows};
use batch_core_scan::Scanner;
use std::path::Path;

/// What is done with each chunk of a task.
pub(crate) enum Operation<'a> {
    Summarize(&'a Fit),
    Rank { model: &'a Model, missing: Missing, count: usize, floor: Option<f64> },
    Score { model: &'a Model, scoring: &'a Scoring },
    Verify,
}

impl<'a> Operation<'a> {
    /// Does `work` with the artifacts it names.
    pub(crate) fn of(work: &'a Work, artifacts: &'a mut Artifacts) -> Result<Self, Error> {
        Ok(match work {
            Work::Summarize { fit } => Self::Summarize(artifacts.fit(fit)?),
            Work::Rank { model, missing, count, floor } => {
                Self::Rank { model: artifacts.model(model)?, missing: *missing, count: *count as usize, floor: *floor }
            }
            Work::Score { model, scoring } => Self::Score { model: artifacts.model(model)?, scoring },
            Work::Verify => Self::Verify,
        })
    }

    /// What it reads of rows; nothing where it looks at bytes.
    fn selection(&self) -> Option<Selection<'a>> {
        match self {
            Self::Summarize(fit) => Some(Selection::of_fit(fit)),
            Self::Rank { model, missing, .. } => Some(Selection::of_model(model, &[], *missing)),
            Self::Score { model, scoring } => Some(Selection::of_model(model, &scoring.keep, scoring.missing)),
            Self::Verify => None,
        }
    }

    /// A reader of `ranges`, where rows are read.
    pub(crate) fn reader(
        &self,
        scanner: &'a Scanner,
        task: &'a Task,
        ranges: &[RowRange],
    ) -> Result<Option<Reader<'a>>, Error> {
        let open = |selection| Reader::open(scanner, &task.source, ranges, selection);
        self.selection().map(open).transpose()
    }

    /// Does it with `range`, the next of the reader; `directory` is the job's.
    pub(crate) fn carry_out(
        &self,
        reader: Option<&mut Reader<'_>>,
        (task, range): (&Task, &RowRange),
        directory: &Path,
        watch: &Watch,
    ) -> Result<Yield, Error> {
        let Some(reader) = reader else {
            return verify::verify(&task.source, range, watch).map(Yield::Verified);
        };
        let name = range.target.as_ref();
        let name = name.ok_or_else(|| Error::bug(format!("chunk {} has no target", range.chunk)))?;
        let path = directory.join(name);
        let keep = |bytes| Ok(Yield::Summary(Summary { bytes: summary::keep_summary(&path, bytes)? }));
        match self {
            Self::Summarize(fit) => keep(fit::summarize(reader, range, fit, watch)?),
            Self::Rank { model, missing, count, floor } => {
                let mut top = TopRows::new(*count);
                rank::rank(reader, range, model.scorer(Level::from_environment()?, *missing), *floor, &mut top, watch)?;
                keep(top.into_bytes())
            }
            Self::Score { model, scoring } => {
                let attempt = format!("{}.{}.{}", range.chunk, task.epoch, range.attempt);
                let target = score::Target { path, attempt };
                score::score(reader, range, model, scoring, &target, watch).map(Yield::Part)
            }
            Self::Verify => Err(Error::bug("what looks at bytes reads no rows")),
        }
    }
}
