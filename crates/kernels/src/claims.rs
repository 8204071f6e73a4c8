//! What is said of a source before a row of it is read.
//!
//! Nothing here is trusted: a fit that is told wrong reads the source once more and comes to the same histograms.

use crate::codec::{CodecError, Reader, Writer};
use crate::summaries::range::Range;

/// What is said of a source, as the footers of its files have it.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    /// The least and the greatest cell of each column of the fit; infinity and its opposite for a column without a cell.
    /// Empty when they are not known. Where one is infinite, a pass over the rows has to find the finite ones.
    pub ranges: Vec<(f64, f64)>,
    /// The row groups, in order, some of which a pilot would read; empty when there is to be none.
    pub groups: Vec<RowGroup>,
}

/// What is said of one row group.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RowGroup {
    /// Its rows.
    pub rows: u64,
    /// Whether a pilot reads it.
    pub pilot: bool,
    /// The cells of each column of the fit; empty where nothing is said of them.
    pub extents: Vec<Extent>,
}

/// The cells of one column in one row group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    /// How many are not null.
    pub cells: u64,
    /// The least; infinity without a cell.
    pub low: f64,
    /// The greatest; minus infinity without a cell.
    pub high: f64,
}

impl Claims {
    /// The ranges, where there is one for each of `columns` columns and each could be one.
    pub(crate) fn ranges(&self, columns: usize) -> Option<Vec<Range>> {
        let sound = |&(low, high): &(f64, f64)| {
            let empty = (low, high) == (f64::INFINITY, f64::NEG_INFINITY);
            empty || (low <= high && low.is_finite() && high.is_finite())
        };
        let all = self.ranges.len() == columns && self.ranges.iter().all(sound);
        // Adding 0 makes both zeros one, as observing does.
        all.then(|| self.ranges.iter().map(|(low, high)| Range { low: low + 0.0, high: high + 0.0 }).collect())
    }

    /// The row groups, where a pilot reads some and each tells of each of `columns` columns, or of none.
    pub(crate) fn groups(&self, columns: usize) -> Option<Vec<RowGroup>> {
        let sound = |group: &RowGroup| group.extents.is_empty() || group.extents.len() == columns;
        (pilot_rows(&self.groups) > 0 && self.groups.iter().all(sound)).then(|| self.groups.clone())
    }
}

/// The rows that a pilot reads.
pub(crate) fn pilot_rows(groups: &[RowGroup]) -> u64 {
    groups.iter().filter(|group| group.pilot).map(|group| group.rows).sum()
}

impl RowGroup {
    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u64(self.rows);
        writer.u8(u8::from(self.pilot));
        writer.len(self.extents.len());
        for Extent { cells, low, high } in &self.extents {
            writer.u64(*cells);
            writer.f64(*low);
            writer.f64(*high);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let (rows, pilot, columns) = (reader.u64()?, reader.u8()? != 0, reader.len(24)?);
        let extent = |_| Ok(Extent { cells: reader.u64()?, low: reader.f64()?, high: reader.f64()? });
        let extents = (0..columns).map(extent).collect::<Result<_, CodecError>>()?;
        Ok(Self { rows, pilot, extents })
    }
}
