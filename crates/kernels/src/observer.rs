//! Collects the summary of one chunk, from batches cut anywhere.
//!
//! Blocks are counted from the start of the row group, so that a float sum has the same shape however the rows arrive.
//! A batch that brings a whole block at a block's start is read where it lies; anything else is gathered first.

use crate::numbers::BLOCK;
use crate::summaries::{Recipe, Summary, Workspace};
use crate::{Batch, Level};

/// Collects the summary of one chunk: some whole row groups, in order.
#[derive(Debug)]
pub struct Observer {
    level: Level,
    recipe: Recipe,
    summary: Summary,
    /// The block begun by rows that did not come as a whole one: one buffer per column.
    gathered: Vec<Vec<f64>>,
    /// Room for cells whose nulls became NaN.
    nulls: Vec<f64>,
    workspace: Workspace,
}

impl Observer {
    pub(crate) fn new(recipe: Recipe, level: Level) -> Self {
        Self {
            level,
            summary: Summary::new(&recipe),
            gathered: vec![Vec::new(); recipe.columns],
            recipe,
            nulls: Vec::new(),
            workspace: Workspace::default(),
        }
    }

    /// Adds the next rows. They must come in order; how they are cut does not matter.
    ///
    /// # Panics
    /// When the batch has not the columns of the fit.
    pub fn observe(&mut self, batch: &Batch<'_>) {
        assert_eq!(batch.columns().len(), self.recipe.columns, "a batch must bring the columns of its fit");
        self.summary.rows += batch.rows() as u64;
        if let (Some(sample), Some(sampling)) = (&mut self.summary.sample, self.recipe.sampling) {
            sample.observe(sampling, batch);
        }
        if self.recipe.only_sample {
            return;
        }
        let mut start = 0;
        while start < batch.rows() {
            let begun = self.gathered[0].len();
            let end = batch.rows().min(start + BLOCK - begun);
            for (index, column) in batch.columns().iter().enumerate() {
                let cells = column.cells(self.level, start..end, &mut self.nulls);
                if cells.len() == BLOCK {
                    self.summary.observe(self.level, &self.recipe, index, cells, &mut self.workspace);
                } else {
                    self.gathered[index].extend_from_slice(cells);
                }
            }
            if self.gathered[0].len() == BLOCK {
                self.flush();
            } else if end - start == BLOCK {
                self.summary.end_block(self.level, &self.workspace);
            }
            start = end;
        }
    }

    /// Says that a row group is complete. The scanner calls this at every row group's end.
    pub fn end_row_group(&mut self) {
        self.flush();
        self.summary.end_row_group();
    }

    /// The summary, as checksummed bytes.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        let fingerprint = self.recipe.fingerprint;
        self.summary().to_bytes(fingerprint)
    }

    /// The summary itself.
    pub(crate) fn summary(mut self) -> Summary {
        self.end_row_group();
        self.summary
    }

    fn flush(&mut self) {
        for (index, cells) in self.gathered.iter_mut().enumerate() {
            if !cells.is_empty() {
                self.summary.observe(self.level, &self.recipe, index, cells, &mut self.workspace);
            }
        }
        if self.gathered.first().is_some_and(|cells| !cells.is_empty()) {
            self.summary.end_block(self.level, &self.workspace);
            self.gathered.iter_mut().for_each(Vec::clear);
        }
    }
}
