//! How many cells of a column lie below some places, and its extreme cells one by one: what its distribution function is made of.

use super::extremes::Extremes;
use super::tally::FiniteCells;
use crate::Level;
use crate::codec::{CodecError, Reader, Writer};
use crate::places::Places;

/// What is counted of one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct CountsBelow {
    /// How many cells have so many places at or below them, from none to all.
    counts: Vec<u64>,
    extremes: Extremes,
}

impl CountsBelow {
    pub(crate) fn new(places: &Places, columns: usize) -> Self {
        Self { counts: vec![0; places.cells().len() + 1], extremes: Extremes::new(Extremes::most(columns)) }
    }

    /// Adds one block, counted between `places`; nothing where there are none.
    pub(crate) fn observe(&mut self, level: Level, places: &Places, block: FiniteCells<'_>) {
        if !places.cells().is_empty() {
            places.count(level, block, &mut self.counts);
            self.extremes.observe(level, block.cells);
        }
    }

    pub(crate) fn end_row_group(&mut self) {
        self.extremes.settle();
    }

    pub(crate) fn merge(&mut self, later: &Self) {
        self.counts.iter_mut().zip(&later.counts).for_each(|(mine, later)| *mine += later);
        self.extremes.merge(&later.extremes);
    }

    /// How many cells lie below each place.
    pub(crate) fn below(&self) -> impl Iterator<Item = u64> {
        self.counts.iter().scan(0, |below, count| {
            *below += count;
            Some(*below)
        })
    }

    pub(crate) fn extremes(&self) -> &Extremes {
        &self.extremes
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u64s(&self.counts);
        self.extremes.encode(writer);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, places: &Places, columns: usize) -> Result<Self, CodecError> {
        let counts = reader.u64s()?;
        let extremes = Extremes::decode(reader, Extremes::most(columns))?;
        if counts.len() == places.cells().len() + 1 { Ok(Self { counts, extremes }) } else { Err(CodecError::Damaged) }
    }
}
