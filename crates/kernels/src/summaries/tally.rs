//! How many cells of a column are ordinary, missing or extreme; and the ordinary ones alone, for the other summaries.

use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::EXTREME;
use crate::simd::{LANES, Lanes};

/// The cells of one column by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Cells that take part in fitting.
    pub(crate) ordinary: u64,
    /// Null or NaN.
    pub(crate) missing: u64,
    /// Infinite or beyond what is ordinary, on either side.
    pub(crate) extreme: u64,
}

impl Tally {
    /// Counts `cells`, and answers the ordinary ones: `cells` itself when all are ordinary, else a copy in `scratch`
    /// with NaN in place of every other cell. So the summaries meet ordinary numbers and NaN holes, and nothing else.
    pub(crate) fn observe<'s>(
        &mut self,
        level: crate::Level,
        cells: &'s [f64],
        scratch: &'s mut Vec<f64>,
    ) -> OrdinaryCells<'s> {
        let strange = count_strange(level, cells);
        self.ordinary += cells.len() as u64 - strange;
        if strange == 0 {
            return OrdinaryCells { cells, holes: false };
        }
        let missing = cells.iter().filter(|cell| cell.is_nan()).count() as u64;
        self.missing += missing;
        self.extreme += strange - missing;
        if strange == missing {
            return OrdinaryCells { cells, holes: true };
        }
        scratch.clear();
        scratch.extend(cells.iter().map(|&cell| if cell.abs() <= EXTREME { cell } else { f64::NAN }));
        OrdinaryCells { cells: scratch, holes: true }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.ordinary += other.ordinary;
        self.missing += other.missing;
        self.extreme += other.extreme;
    }

    pub(crate) fn encode(self, writer: &mut Writer) {
        writer.u64(self.ordinary);
        writer.u64(self.missing);
        writer.u64(self.extreme);
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { ordinary: reader.u64()?, missing: reader.u64()?, extreme: reader.u64()? })
    }
}

/// Cells of one block: ordinary numbers, and NaN where a cell takes no part.
#[derive(Clone, Copy)]
pub(crate) struct OrdinaryCells<'a> {
    pub(crate) cells: &'a [f64],
    /// Whether there may be a NaN among them.
    pub(crate) holes: bool,
}

levels! {
    /// How many of `cells` are missing or extreme.
    fn count_strange(cells: &[f64]) -> u64 = count_strange_body;
}

#[inline(always)]
fn count_strange_body(cells: &[f64]) -> u64 {
    let mut strange = Lanes::splat(0.0);
    let (steps, rest) = cells.as_chunks::<LANES>();
    for step in steps {
        // A NaN is not at most anything.
        strange = strange.add(Lanes(*step).map(|cell| if cell.abs() <= EXTREME { 0.0 } else { 1.0 }));
    }
    let ordinary = rest.iter().filter(|cell| cell.abs() <= EXTREME).count();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of cells")]
    let strange = strange.sum() as u64;
    strange + (rest.len() - ordinary) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn every_kind_is_counted_at_every_level_and_length() {
        let kinds = [1.0, f64::NAN, f64::INFINITY, EXTREME, -EXTREME.next_up(), -0.0, f64::NEG_INFINITY, 5e-324];
        for length in 0..200 {
            let cells: Vec<f64> = (0..length).map(|i| kinds[(i * i + 3 * i) % 8]).collect();
            for level in Level::available() {
                let (mut tally, mut scratch) = (Tally::default(), Vec::new());
                let seen = tally.observe(level, &cells, &mut scratch);
                let ordinary = cells.iter().filter(|cell| cell.abs() <= EXTREME).count() as u64;
                let missing = cells.iter().filter(|cell| cell.is_nan()).count() as u64;
                let expected = Tally { ordinary, missing, extreme: length as u64 - ordinary - missing };
                assert_eq!(seen.holes, ordinary < length as u64);
                for (seen, cell) in seen.cells.iter().zip(&cells) {
                    let expected = if cell.abs() <= EXTREME { *cell } else { f64::NAN };
                    assert_eq!(seen.to_bits(), expected.to_bits());
                }
                assert_eq!(tally, expected, "{level:?} {length}");
            }
        }
    }
}
