//! The least and the greatest cell of a column, as the statistics of a footer claim them.
//!
//! They are a hint and never an answer: writers may leave them out, cut them short or get them wrong, and none counts
//! NaN. Who uses one checks it against the cells.

use super::cell::{Cells, Value};
use super::fault::Fault;
use super::form::{self, Formal};
use super::thrift::Kind;

/// What is claimed of a column, of a whole file.
#[derive(Clone, Debug, PartialEq)]
pub struct Extent {
    /// The least cell; infinity where there is none.
    pub low: f64,
    /// The greatest; minus infinity where there is none.
    pub high: f64,
    /// Of whole numbers of 64 bits and more, which no double tells apart beyond 2^53: up to two ends that differ.
    pub whole: Option<Vec<i128>>,
    /// Of each row group that has rows: its cells, the least and the greatest.
    pub groups: Vec<f64>,
}

/// Statistics of a column in one row group.
#[derive(Clone, Copy, Default)]
pub(super) struct Statistics<'a> {
    nulls: f64,
    /// The least and the greatest cell, as they are spelled, where it says.
    ends: Option<[&'a [u8]; 2]>,
}

impl<'a> Statistics<'a> {
    pub(super) fn read(footer: &mut Formal<'a>, kind: Kind, cells: Cells) -> Result<Self, Fault> {
        let mut nulls = 0.0;
        let (mut old, mut new) = ([None; 2], [None; 2]);
        let mut structure = Formal::structure(kind, &form::STATISTICS)?;
        while let Some((id, kind)) = footer.next(&mut structure)? {
            match id {
                1 => old[1] = Some(footer.text(kind)?),
                2 => old[0] = Some(footer.text(kind)?),
                3 => nulls = form::double(footer.number(kind)?),
                5 => new[1] = Some(footer.text(kind)?),
                6 => new[0] = Some(footer.text(kind)?),
                _ => footer.skip(kind)?,
            }
        }
        let old = if cells.spelling.was_ordered() { old } else { [None; 2] };
        let ends = new[0].or(old[0]).zip(new[1].or(old[1])).map(<[_; 2]>::from);
        Ok(Self { nulls, ends })
    }

    fn ends(&self, cells: Cells) -> Option<[Value; 2]> {
        let [low, high] = self.ends?;
        Some([cells.read(low)?, cells.read(high)?]).filter(|[low, high]| low.double <= high.double)
    }
}

/// Gathers the extent of one column over row groups.
pub(super) struct Builder {
    pub(super) cells: Cells,
    /// Nothing once a row group did not say.
    extent: Option<Box<Extent>>,
}

impl Builder {
    pub(super) fn new(cells: Cells) -> Self {
        let whole = cells.is_wide().then(Vec::new);
        let extent = Extent { low: f64::INFINITY, high: f64::NEG_INFINITY, whole, groups: Vec::new() };
        Self { cells, extent: Some(Box::new(extent)) }
    }

    /// Adds the statistics of one row group of so many rows.
    #[expect(clippy::float_cmp, reason = "counts are whole numbers")]
    pub(super) fn add(&mut self, statistics: &Statistics<'_>, rows: f64) {
        let Some(extent) = self.extent.as_mut().filter(|_| rows > 0.0) else { return };
        if statistics.nulls == rows {
            extent.groups.extend([0.0, f64::INFINITY, f64::NEG_INFINITY]);
            return;
        }
        let ends = statistics.ends(self.cells);
        let Some((low, high)) = ends.map(|[low, high]| (low.double, high.double)).or(self.cells.limits()) else {
            self.extent = None;
            return;
        };
        extent.groups.extend([(rows - statistics.nulls).clamp(0.0, rows), low, high]);
        extent.low = extent.low.min(low);
        extent.high = extent.high.max(high);
        for end in ends.iter().flatten().filter_map(|end| end.whole) {
            let seen = extent.whole.get_or_insert_default();
            if seen.len() < 2 && !seen.contains(&end) {
                seen.push(end);
            }
        }
    }

    pub(super) fn extent(self) -> Option<Box<Extent>> {
        self.extent
    }
}
