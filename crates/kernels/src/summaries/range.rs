//! The least and the greatest ordinary cell of each column.

use super::tally::OrdinaryCells;
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::SPREAD_MIN;
use crate::simd::{LANES, Lanes};

/// The ends of some cells; `low > high` while none was seen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Range {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Default for Range {
    fn default() -> Self {
        Self { low: f64::INFINITY, high: f64::NEG_INFINITY }
    }
}

impl Range {
    /// Adds one block. Merging is exact and takes any order; adding 0 makes both zeros one, so not even their sign
    /// tells which came first.
    pub(crate) fn observe(&mut self, level: crate::Level, block: OrdinaryCells<'_>) {
        self.merge(block_range(level, block.cells));
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.low = self.low.min(other.low) + 0.0;
        self.high = self.high.max(other.high) + 0.0;
    }

    /// Whether the column is of no use: no cell, or all of them (nearly) the same.
    pub(crate) fn is_constant(self) -> bool {
        self.low > self.high || self.high - self.low < SPREAD_MIN
    }

    pub(crate) fn encode(self, writer: &mut Writer) {
        writer.f64(self.low);
        writer.f64(self.high);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { low: reader.f64()?, high: reader.f64()? })
    }
}

levels! {
    /// The ends of the cells that are not NaN.
    fn block_range(cells: &[f64]) -> Range = body;
}

#[inline(always)]
fn body(cells: &[f64]) -> Range {
    let mut low = Lanes::splat(f64::INFINITY);
    let mut high = Lanes::splat(f64::NEG_INFINITY);
    let (steps, rest) = cells.as_chunks::<LANES>();
    for step in steps {
        // A NaN is neither less nor greater, so the running end stays.
        low = low.lesser(Lanes(*step));
        high = high.greater(Lanes(*step));
    }
    for (lane, &cell) in rest.iter().enumerate() {
        low.0[lane] = if cell < low.0[lane] { cell } else { low.0[lane] };
        high.0[lane] = if cell > high.0[lane] { cell } else { high.0[lane] };
    }
    Range { low: low.least(), high: high.greatest() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn every_level_finds_the_ends_whatever_the_order() {
        let kinds = [3.0, f64::NAN, -0.0, 0.0, 5e-324, -2.5, 1e150];
        for length in 0..200_usize {
            for step in [1, 3, 5] {
                let cells: Vec<f64> = (0..length).map(|i| kinds[i * step % 7]).collect();
                let present = || cells.iter().copied().filter(|cell| !cell.is_nan());
                let expected = (present().fold(f64::INFINITY, f64::min), present().fold(f64::NEG_INFINITY, f64::max));
                for level in Level::available() {
                    let mut forward = Range::default();
                    forward.observe(level, OrdinaryCells { cells: &cells, holes: true });
                    let mut backward = Range::default();
                    for cell in cells.iter().rev() {
                        backward.observe(level, OrdinaryCells { cells: std::slice::from_ref(cell), holes: true });
                    }
                    assert_eq!((forward.low, forward.high), expected, "{level:?} {length}");
                    assert_eq!(forward.low.to_bits(), backward.low.to_bits());
                    assert_eq!(forward.high.to_bits(), backward.high.to_bits());
                }
            }
        }
    }

    #[test]
    fn a_column_without_cells_or_spread_is_constant() {
        assert!(Range::default().is_constant());
        assert!(Range { low: 2.0, high: 2.0 }.is_constant());
        assert!(!Range { low: 2.0, high: 2.5 }.is_constant());
    }
}
