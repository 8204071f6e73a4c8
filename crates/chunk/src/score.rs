//! Score: a chunk becomes a durable part and a receipt.

use crate::Watch;
use crate::best::{BestRow, BestRows};
use crate::output::{Layout, Scored, Told};
use crate::pending::Pending;
use crate::reader::Reader;
use crate::receipt::{BestRecord, Findings, Part, PartFile, ReasonRecord};
use crate::task::{Flag, RowRange, Scoring};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use batch_core_error::Error;
use batch_core_kernels::{Level, Missing, Model, Severity};
use batch_core_parts::{Disk, PartWriter};
use std::path::PathBuf;

impl Flag {
    /// A bit for each of `scores`, which begin with row `first_row` of the file.
    fn marks(self, scores: &[f64], file: u32, first_row: u64) -> BooleanBuffer {
        match self {
            Self::Above { score: threshold } => BooleanBuffer::collect_bool(scores.len(), |at| scores[at] > threshold),
            Self::From { score: last, file: f, row: r } => BooleanBuffer::collect_bool(scores.len(), |at| {
                let (score, row) = (scores[at], first_row + at as u64);
                score > last || (score.total_cmp(&last).is_eq() && (file, row) <= (f, r))
            }),
            Self::Never => BooleanBuffer::new_unset(scores.len()),
        }
    }
}

/// Where a part goes.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its final name.
    pub(crate) path: PathBuf,
    /// Names this attempt's temporary file: chunk, epoch and attempt.
    pub(crate) attempt: String,
}

/// Scores the rows of `range` into a part that is on disk when this returns.
///
/// # Errors
/// What scan and disk report, a missing cell where `Missing::Error` was asked for, and `CANCELLED`. After an error no
/// file bears the part's name unless an earlier attempt finished it.
pub(crate) fn score(
    reader: &mut Reader<'_>,
    range: &RowRange,
    model: &Model,
    scoring: &Scoring,
    target: &Target,
    watch: &Watch,
) -> Result<Part, Error> {
    let (file, explain) = (reader.source.index, scoring.explain as usize);
    let level = Level::from_environment()?;
    let (mut kernel, severity) = (model.scorer(level, scoring.missing), model.severity(level));
    let mut output: Option<(Layout, PartWriter)> = None;
    let mut pending = Pending::new(explain);
    let mut best = BestRows::new(scoring.best as usize);
    let (mut flagged, mut skipped) = (0, 0);

    reader.read(range, watch, |rows| {
        let batch = &rows.batch;
        let mut scores = vec![0.0; batch.rows()];
        kernel.score(batch, &mut scores);
        let marks = scoring.flag.marks(&scores, file, batch.first_row());
        flagged += marks.count_set_bits() as u64;
        skipped += scores.iter().filter(|score| score.is_nan()).count() as u64;
        let first_row = batch.first_row();
        if best.admits_any(&scores) {
            for (row, &score) in (first_row..).zip(&scores) {
                if best.admits(score) {
                    best.push(BestRow { file, row, score, reasons: Vec::new() });
                }
            }
        }
        if output.is_none() {
            let kinds: Vec<_> = rows.copied.iter().map(|a| a.data_type().clone()).collect();
            output = Some(open(model, scoring, &kinds, range.chunk, target)?);
        }
        let severities = severity.as_ref().map(|severity| severity.of(&scores));
        let output_rows = Scored { first_row, copied: rows.copied.to_vec(), scores, severities, marks };
        pending.push(batch, output_rows, &mut best);
        match &mut output {
            Some((layout, writer)) if pending.is_full() => pending.write(&kernel, layout, writer, &mut best),
            _ => Ok(()),
        }
    })?;

    let Some((layout, mut writer)) = output else {
        return Err(Error::bug("a chunk without rows was planned"));
    };
    pending.write(&kernel, &layout, &mut writer, &mut best)?;
    let receipt = writer.finish()?;
    let told = told(model);
    let best = best.into_rows().into_iter().map(|row| record(row, severity.as_ref(), &told));
    Ok(Part {
        file: PartFile { rows: receipt.rows, bytes: receipt.bytes, sha256: receipt.sha256 },
        findings: Findings { best: best.collect(), flagged, skipped },
    })
}

fn open(
    model: &Model,
    scoring: &Scoring,
    kinds: &[DataType],
    chunk: u32,
    Target { path, attempt }: &Target,
) -> Result<(Layout, PartWriter), Error> {
    let kept: Vec<_> = scoring.keep.iter().cloned().zip(kinds.iter().cloned()).collect();
    let reasons = (scoring.explain > 0).then(|| told(model));
    let layout = Layout::new(
        scoring.file_column.clone(),
        &kept,
        [scoring.missing == Missing::Skip, !model.is_calibrated()],
        reasons,
    );
    let (Some(directory), Some(name)) = (path.parent(), path.file_name().and_then(|name| name.to_str())) else {
        return Err(Error::bug(format!("{} is no name of a part", path.display())));
    };
    let options = scoring.format.options(chunk);
    let writer = PartWriter::create(&Disk::shared(), directory, name, layout.schema(), &options, attempt)?;
    Ok((layout, writer))
}

/// What is told of each of the model's columns.
fn told(model: &Model) -> Vec<Told> {
    let columns = model.columns().iter().cloned().zip(model.usual());
    columns.map(|(name, usual)| Told { name, usual }).collect()
}

fn record(BestRow { file, row, score, reasons }: BestRow, severity: Option<&Severity>, told: &[Told]) -> BestRecord {
    let reasons = reasons.into_iter().map(|reason| {
        let Told { name, usual } = &told[reason.column as usize];
        ReasonRecord {
            column: name.clone(),
            value: (!reason.value.is_nan()).then_some(reason.value),
            contribution: reason.contribution,
            usual: usual.map(|usual| [usual.low, usual.high]),
        }
    });
    BestRecord {
        file,
        row,
        score,
        severity: severity.map(|severity| severity.of(&[score])[0]),
        reasons: reasons.collect(),
    }
}
