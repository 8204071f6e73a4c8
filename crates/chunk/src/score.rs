//! Score: a chunk becomes a durable part and a receipt.

use crate::best::{BestRow, BestRows};
use crate::output::Layout;
use crate::range::{Selection, for_each_batch};
use crate::{ChunkError, ChunkRange, PartRequest, Watch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::DataType;
use batch_core_kernels::{Level, Missing, Model};
use batch_core_parts::{Disk, PartReceipt, PartWriter};
use batch_core_scan::Scanner;

/// Which rows are anomalies.
#[derive(Clone, Copy, Debug)]
pub enum Flag {
    /// Those that score higher.
    Above(f64),
    /// Those from this row upwards, in the order of the exact highest: score, then earlier file, then earlier row.
    From {
        /// Score of the last row that is flagged.
        score: f64,
        /// Its file's place in the plan.
        file: u32,
        /// Its row number.
        row: u64,
    },
    /// None.
    Never,
}

impl Flag {
    /// A bit for each of `scores`, which begin with row `first_row` of the file.
    fn marks(self, scores: &[f64], file: u32, first_row: u64) -> BooleanBuffer {
        match self {
            Self::Above(threshold) => BooleanBuffer::collect_bool(scores.len(), |at| scores[at] > threshold),
            Self::From { score: last, file: f, row: r } => BooleanBuffer::collect_bool(scores.len(), |at| {
                let (score, row) = (scores[at], first_row + at as u64);
                score > last || (score.total_cmp(&last).is_eq() && (file, row) <= (f, r))
            }),
            Self::Never => BooleanBuffer::new_unset(scores.len()),
        }
    }
}

/// What is asked of a chunk.
#[derive(Clone, Debug)]
pub struct ScoreRequest {
    /// What a missing cell means.
    pub missing: Missing,
    /// Which rows are anomalies.
    pub flag: Flag,
    /// Reasons per flagged row; 0 leaves the column out.
    pub explain: usize,
    /// Columns copied to the output.
    pub keep: Vec<String>,
    /// The text of the `file` column, where the output has one.
    pub file_column: Option<String>,
    /// Highest rows to report.
    pub best: usize,
    /// Where the part goes.
    pub part: PartRequest,
}

/// What became of a chunk.
#[derive(Debug)]
pub struct ScoreReceipt {
    /// The part.
    pub part: PartReceipt,
    /// Rows that were flagged.
    pub flagged: u64,
    /// Rows without a score.
    pub skipped: u64,
    /// The highest rows, with reasons.
    pub best: Vec<BestRow>,
}

/// Scores the rows of `range` into a part that is on disk when this returns.
///
/// # Errors
/// What scan and disk report, a missing cell where `Missing::Error` was asked for, and `CANCELLED`. After an error no
/// file bears the part's name unless an earlier attempt finished it.
pub fn score(
    scanner: &Scanner,
    range: &ChunkRange,
    model: &Model,
    request: &ScoreRequest,
    watch: &Watch,
) -> Result<ScoreReceipt, ChunkError> {
    let mut kernel = model.scorer(Level::from_environment()?, request.missing);
    let selection = Selection { features: model.columns(), copied: &request.keep, missing: request.missing };
    let mut output: Option<(Layout, PartWriter)> = None;
    let mut best = BestRows::new(request.best);
    let (mut flagged, mut skipped) = (0, 0);

    for_each_batch(scanner, range, &selection, watch, |rows| {
        let batch = &rows.batch;
        let mut scores = vec![0.0; batch.rows()];
        kernel.score(batch, &mut scores);
        let marks = request.flag.marks(&scores, range.file_index, batch.first_row());
        flagged += marks.count_set_bits() as u64;
        skipped += scores.iter().filter(|score| score.is_nan()).count() as u64;
        if best.admits_any(&scores) {
            for (position, score) in scores.iter().enumerate() {
                if best.admits(*score) {
                    let reasons = kernel.reasons(batch, position, request.explain);
                    let row = batch.first_row() + position as u64;
                    best.push(BestRow { file: range.file_index, row, score: *score, reasons });
                }
            }
        }
        let reasons: Vec<_> = match request.explain {
            0 => Vec::new(),
            count => marks.set_indices().map(|row| (row, kernel.reasons(batch, row, count))).collect(),
        };

        if output.is_none() {
            let kinds: Vec<_> = rows.copied.iter().map(|a| a.data_type().clone()).collect();
            output = Some(open(model, request, &kinds)?);
        }
        let Some((layout, writer)) = &mut output else { return Err(ChunkError::new("BUG", "no part to write to")) };
        writer.write(&layout.batch(batch.first_row(), rows.copied, scores, marks, &reasons)?)?;
        Ok(())
    })?;

    let Some((_, writer)) = output else {
        return Err(ChunkError::new("BUG", "a chunk without rows was planned"));
    };
    Ok(ScoreReceipt { part: writer.finish()?, flagged, skipped, best: best.into_rows() })
}

fn open(model: &Model, request: &ScoreRequest, kinds: &[DataType]) -> Result<(Layout, PartWriter), ChunkError> {
    let kept: Vec<_> = request.keep.iter().cloned().zip(kinds.iter().cloned()).collect();
    let reasons = (request.explain > 0).then(|| model.columns().to_vec());
    let layout = Layout::new(request.file_column.clone(), &kept, request.missing == Missing::Skip, reasons);
    let part = &request.part;
    let writer = PartWriter::create(
        &Disk::shared(),
        &part.directory,
        &part.name,
        layout.schema(),
        &part.options,
        &part.attempt,
    )?;
    Ok((layout, writer))
}
