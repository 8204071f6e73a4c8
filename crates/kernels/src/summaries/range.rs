//! The least and the greatest finite cell of each column.

use super::tally::FiniteCells;
use crate::codec::{CodecError, Reader, Writer};
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
    pub(crate) fn observe(&mut self, level: crate::Level, block: FiniteCells<'_>) {
        self.merge(block_range(level, block.cells));
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.low = self.low.min(other.low) + 0.0;
        self.high = self.high.max(other.high) + 0.0;
    }

    /// Whether there are two different cells.
    pub(crate) fn varies(self) -> bool {
        self.low < self.high
    }

    /// Whether there is no cell.
    pub(crate) fn is_empty(self) -> bool {
        self.low > self.high
    }

    /// The greatest absolute value; 0 without a cell.
    pub(crate) fn magnitude(self) -> f64 {
        if self.is_empty() { 0.0 } else { self.low.abs().max(self.high.abs()) }
    }

    /// A range with an inside: where all finite cells are the same, as may be beside an infinite one, the range reaches
    /// from there halfway to 0. So it is as wide in any unit.
    pub(crate) fn widened(self) -> Self {
        if self.varies() {
            return self;
        }
        let point = if self.is_empty() { 0.0 } else { self.low };
        match point {
            0.0 => Self { low: 0.0, high: 1.0 },
            point if point > 0.0 => Self { low: point / 2.0, high: point },
            point => Self { low: point, high: point / 2.0 },
        }
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
                    forward.observe(level, FiniteCells { cells: &cells, holes: true });
                    let mut backward = Range::default();
                    for cell in cells.iter().rev() {
                        backward.observe(level, FiniteCells { cells: std::slice::from_ref(cell), holes: true });
                    }
                    assert_eq!((forward.low, forward.high), expected, "{level:?} {length}");
                    assert_eq!(forward.low.to_bits(), backward.low.to_bits());
                    assert_eq!(forward.high.to_bits(), backward.high.to_bits());
                }
            }
        }
    }

    #[test]
    fn only_two_different_cells_vary_and_any_range_can_be_widened() {
        assert!(!Range::default().varies() && Range::default().is_empty());
        assert!(!Range { low: 2.0, high: 2.0 }.varies());
        assert!(Range { low: 0.0, high: 5e-324 }.varies());
        assert!(Range::default().widened().varies());
        for point in [0.0, 5e-324, -5e-324, 2.0, -7.0, f64::MAX, -f64::MAX] {
            let wide = Range { low: point, high: point }.widened();
            assert!(
                wide.varies() && wide.low <= point && point <= wide.high && wide.magnitude().is_finite(),
                "{point:e}"
            );
        }
    }
}
