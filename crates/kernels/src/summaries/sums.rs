//! Sums per row group, which no cut of the work into chunks changes by a bit: those of a row group are taken in the order of
//! its blocks, and row groups are added from the left.

use crate::codec::{CodecError, Reader, Writer};

/// Some sums of every row group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupSums {
    /// Those of the row group being read.
    pub(crate) open: Vec<f64>,
    /// Row groups that were read, and before them those of earlier chunks as one.
    groups: Vec<f64>,
}

impl GroupSums {
    pub(crate) fn new(count: usize) -> Self {
        Self { open: vec![0.0; count], groups: Vec::new() }
    }

    pub(crate) fn end_row_group(&mut self) {
        if self.open.iter().any(|sum| *sum != 0.0) {
            self.groups.extend_from_slice(&self.open);
            self.open.fill(0.0);
        }
    }

    /// Adds the row groups of a later chunk, folded into one with all before; sums are taken from the left, so it is the same.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.groups.extend_from_slice(&later.groups);
        self.groups = self.total();
    }

    /// Each sum over all row groups.
    pub(crate) fn total(&self) -> Vec<f64> {
        let mut total = vec![0.0; self.open.len()];
        for group in self.groups.chunks_exact(self.open.len()) {
            total.iter_mut().zip(group).for_each(|(total, sum)| *total += sum);
        }
        total
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.f64s(&self.groups);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, count: usize) -> Result<Self, CodecError> {
        let groups = reader.f64s()?;
        let whole = groups.len().is_multiple_of(count);
        if whole { Ok(Self { groups, ..Self::new(count) }) } else { Err(CodecError::Damaged) }
    }
}
