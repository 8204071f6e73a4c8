//! The second look at medians: counts inside brackets that a sample set.
//!
//! A sample says where a column's median and its median absolute deviation must lie, within six standard errors of a
//! rank. This pass counts what lies below those brackets and, in fine bins of equal width, what lies inside: about a
//! tenth of the cells. Each bin also keeps its least and its greatest cell, so that a bin which holds one value only,
//! as every bin does where the data are whole numbers, gives that value exactly.
//!
//! ```text
//!            left                      middle                     right
//!     far ├─────────┤ near      low ├──────────┤ high      near ├─────────┤ far
//! ────────┴─────────┴───────────────┴────┬─────┴────────────────┴─────────┴───────> x
//!                                     center (the sampled median)
//! ```
//!
//! The middle is measured in `x`, the sides in the distance from `center`. Brackets may overlap: a cell is counted in
//! each that it lies in. Here `x` is a cell times the power of two that makes those near the median ordinary numbers; one
//! that is infinite then lies outside of everything.

use crate::codec::{CodecError, Reader, Writer};
use crate::scale::shifted;

/// Where to look closely in one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bracket {
    /// The sampled median.
    pub(crate) center: f64,
    /// The median lies within `low..=high`.
    pub(crate) low: f64,
    pub(crate) high: f64,
    /// The median absolute deviation lies within `near..=far`.
    pub(crate) near: f64,
    pub(crate) far: f64,
    /// All of these, and the bins, are of cells times 2^`shift`.
    pub(crate) shift: i32,
    /// The shift at which even the farthest cells can be added up.
    pub(crate) sum_shift: i32,
}

impl Bracket {
    /// Whether a cell may lie in the middle and on a side at once.
    pub(super) fn overlaps(&self) -> bool {
        self.near <= (self.high - self.center).max(self.center - self.low)
    }

    /// Whether the median absolute deviation may turn out 0, so that the mean one is needed.
    pub(crate) fn may_be_zero(&self) -> bool {
        self.near <= 0.0
    }

    /// The center at the shift for sums.
    pub(crate) fn sum_center(&self) -> f64 {
        shifted(self.center, self.sum_shift - self.shift)
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        for end in [self.center, self.low, self.high, self.near, self.far] {
            writer.f64(end);
        }
        writer.i32(self.shift);
        writer.i32(self.sum_shift);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let [center, low, high, near, far] =
            [reader.f64()?, reader.f64()?, reader.f64()?, reader.f64()?, reader.f64()?];
        Ok(Self { center, low, high, near, far, shift: reader.i32()?, sum_shift: reader.i32()? })
    }
}
