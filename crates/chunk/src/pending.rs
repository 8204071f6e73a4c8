//! Rows that are scored and not yet written, so that the reasons of many are asked for at once: a forest then reads its trees once for all
//! of them.

use crate::best::BestRows;
use crate::output::{Layout, Scored};
use arrow_array::Array;
use batch_core_error::Error;
use batch_core_kernels::{Batch, Scorer};
use batch_core_parts::PartWriter;

/// Rows wait until [`Scorer::EXPLAINED`] are to be explained. But no more cells do, which are a mebibyte,
const CELLS_MAX: usize = 1 << 17;
/// and of no more rows,
const ROWS_MAX: usize = 1 << 14;
/// whose copied columns take no more than this, but for those of the last batch.
const COPIED_BYTES_MAX: usize = 1 << 18;

/// A row that is to be explained.
struct Explained {
    /// Its number in the file,
    row: u64,
    /// and its place among the pending ones.
    place: usize,
    is_flagged: bool,
}

/// Batches in their order, and those of their rows that are to be explained.
pub(crate) struct Pending {
    /// Reasons of each row, at most.
    explain: usize,
    batches: Vec<Scored>,
    rows: usize,
    copied_bytes: usize,
    explained: Vec<Explained>,
    /// Their cells, row after row.
    cells: Vec<f64>,
}

impl Pending {
    pub(crate) fn new(explain: usize) -> Self {
        Self { explain, batches: Vec::new(), rows: 0, copied_bytes: 0, explained: Vec::new(), cells: Vec::new() }
    }

    /// Adds a batch. What is flagged of it is to be explained, and what is among the best rows.
    pub(crate) fn push(&mut self, batch: &Batch<'_>, scored: Scored, best: &mut BestRows) {
        if self.explain > 0 {
            let position = |row: u64| usize::try_from(row - scored.first_row).expect("a batch is in memory");
            let mut positions: Vec<usize> = scored.marks.set_indices().collect();
            positions.extend(best.since(scored.first_row).map(|best| position(best.row)));
            positions.sort_unstable();
            positions.dedup();
            for at in positions {
                let (row, is_flagged) = (scored.first_row + at as u64, scored.marks.value(at));
                self.explained.push(Explained { row, place: self.rows + at, is_flagged });
                self.cells.extend(batch.cells(at));
            }
        }
        self.rows += scored.scores.len();
        self.copied_bytes += scored.copied.iter().map(Array::get_array_memory_size).sum::<usize>();
        self.batches.push(scored);
    }

    /// Whether to wait for more rows gains nothing, or takes too much memory.
    pub(crate) fn is_full(&self) -> bool {
        self.explain == 0
            || self.explained.len() >= Scorer::EXPLAINED
            || self.cells.len() >= CELLS_MAX
            || self.rows >= ROWS_MAX
            || self.copied_bytes >= COPIED_BYTES_MAX
    }

    /// Writes all rows, and gives the best of them their reasons.
    pub(crate) fn write(
        &mut self,
        scorer: &Scorer<'_>,
        layout: &Layout,
        writer: &mut PartWriter,
        best: &mut BestRows,
    ) -> Result<(), Error> {
        let reasons = scorer.reasons_of(&self.cells, self.explain);
        let first_row = self.batches.first().map_or(u64::MAX, |first| first.first_row);
        for row in best.since(first_row) {
            if let Ok(at) = self.explained.binary_search_by_key(&row.row, |explained| explained.row) {
                row.reasons = reasons.of(at).to_vec();
            }
        }
        let flagged = self.explained.iter().enumerate().filter(|(_, explained)| explained.is_flagged);
        let flagged: Vec<_> = flagged.map(|(at, explained)| (explained.place, reasons.of(at))).collect();
        let lists = layout.lists(self.rows, &flagged);
        let mut done = 0;
        for batch in self.batches.drain(..) {
            let rows = batch.scores.len();
            let lists = lists.as_ref().map(|lists| lists.slice(done, rows));
            writer.write(&layout.batch(batch, lists)?)?;
            done += rows;
        }
        self.explained.clear();
        self.cells.clear();
        (self.rows, self.copied_bytes) = (0, 0);
        Ok(())
    }
}
