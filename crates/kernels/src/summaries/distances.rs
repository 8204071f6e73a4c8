//! The sum of distances from a fixed centre, per row group: the mean absolute deviation of columns whose median one may
//! be 0. Summed in the same fixed shape as the moments.

use super::moments::sum_distances;
use crate::Level;
use crate::codec::{CodecError, Reader, Writer};

/// Sums of every column, per row group; 0 for columns that want none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Distances {
    open: Vec<f64>,
    groups: Vec<f64>,
}

impl Distances {
    pub(crate) fn new(columns: usize) -> Self {
        Self { open: vec![0.0; columns], groups: Vec::new() }
    }

    /// Adds the cells of a block, which were shifted as the center was.
    pub(crate) fn observe(&mut self, level: Level, column: usize, center: f64, cells: &[f64]) {
        self.open[column] += sum_distances(level, cells, center);
    }

    pub(crate) fn end_row_group(&mut self) {
        if self.open.iter().any(|sum| *sum > 0.0) {
            self.groups.extend_from_slice(&self.open);
            self.open.fill(0.0);
        }
    }

    /// Adds the row groups of a later chunk, folded into one with all before; sums are taken from the left, so it is the same.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.groups.extend_from_slice(&later.groups);
        self.groups = self.finish();
    }

    /// The sum of each column over all row groups.
    pub(crate) fn finish(&self) -> Vec<f64> {
        let mut total = vec![0.0; self.open.len()];
        for group in self.groups.chunks_exact(self.open.len()) {
            total.iter_mut().zip(group).for_each(|(total, sum)| *total += sum);
        }
        total
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.f64s(&self.groups);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, columns: usize) -> Result<Self, CodecError> {
        let groups = reader.f64s()?;
        if !groups.len().is_multiple_of(columns) {
            return Err(CodecError::Damaged);
        }
        Ok(Self { open: vec![0.0; columns], groups })
    }
}
