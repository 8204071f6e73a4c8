//! How many cells of a column are finite, missing or infinite; and the finite ones alone, for the other summaries.

use crate::codec::{CodecError, Reader, Writer};
use crate::simd::{LANES, Lanes};

/// The cells of one column by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Finite numbers: the cells that take part in fitting.
    pub(crate) finite: u64,
    /// Null or NaN.
    pub(crate) missing: u64,
    /// Infinite, above and below all numbers.
    pub(crate) above: u64,
    pub(crate) below: u64,
}

impl Tally {
    /// Counts `cells`, and answers the finite ones: `cells` itself when none is infinite, else a copy in `scratch` with
    /// NaN in place of those that are. So the summaries meet finite numbers and NaN holes, and nothing else.
    pub(crate) fn observe<'s>(
        &mut self,
        level: crate::Level,
        cells: &'s [f64],
        scratch: &'s mut Vec<f64>,
    ) -> FiniteCells<'s> {
        let strange = count_strange(level, cells);
        self.finite += cells.len() as u64 - strange;
        if strange == 0 {
            return FiniteCells { cells, holes: false };
        }
        let missing = cells.iter().filter(|cell| cell.is_nan()).count() as u64;
        self.missing += missing;
        if strange == missing {
            return FiniteCells { cells, holes: true };
        }
        let above = cells.iter().filter(|cell| **cell == f64::INFINITY).count() as u64;
        self.above += above;
        self.below += strange - missing - above;
        scratch.clear();
        scratch.extend(cells.iter().map(|&cell| if cell.is_finite() { cell } else { f64::NAN }));
        FiniteCells { cells: scratch, holes: true }
    }

    pub(crate) fn merge(&mut self, other: Self) {
        self.finite += other.finite;
        self.missing += other.missing;
        self.above += other.above;
        self.below += other.below;
    }

    pub(crate) fn encode(self, writer: &mut Writer) {
        for count in [self.finite, self.missing, self.above, self.below] {
            writer.u64(count);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        Ok(Self { finite: reader.u64()?, missing: reader.u64()?, above: reader.u64()?, below: reader.u64()? })
    }
}

/// Cells of one block: finite numbers, and NaN where a cell takes no part.
#[derive(Clone, Copy)]
pub(crate) struct FiniteCells<'a> {
    pub(crate) cells: &'a [f64],
    /// Whether there may be a NaN among them.
    pub(crate) holes: bool,
}

levels! {
    /// How many of `cells` are missing or infinite.
    fn count_strange(cells: &[f64]) -> u64 = count_strange_body;
}

#[inline(always)]
fn count_strange_body(cells: &[f64]) -> u64 {
    let mut strange = Lanes::splat(0.0);
    let (steps, rest) = cells.as_chunks::<LANES>();
    for step in steps {
        // Of an infinity and of NaN, the difference from itself is NaN. Comparing with the largest number takes two
        // instructions at the baseline.
        #[expect(clippy::eq_op, reason = "it is 0 for finite numbers only")]
        let is_strange = |cell: f64| if cell - cell == 0.0 { 0.0 } else { 1.0 };
        strange = strange.add(Lanes(*step).map(is_strange));
    }
    let finite = rest.iter().filter(|cell| cell.is_finite()).count();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of cells")]
    let strange = strange.sum() as u64;
    strange + (rest.len() - finite) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    #[test]
    fn every_kind_is_counted_at_every_level_and_length() {
        let kinds = [1.0, f64::NAN, f64::INFINITY, f64::MAX, -f64::MAX, -0.0, f64::NEG_INFINITY, 5e-324];
        for length in 0..200 {
            let cells: Vec<f64> = (0..length).map(|i| kinds[(i * i + 3 * i) % 8]).collect();
            for level in Level::available() {
                let (mut tally, mut scratch) = (Tally::default(), Vec::new());
                let seen = tally.observe(level, &cells, &mut scratch);
                let count = |test: fn(&f64) -> bool| cells.iter().filter(|cell| test(cell)).count() as u64;
                let expected = Tally {
                    finite: count(|cell| cell.is_finite()),
                    missing: count(|cell| cell.is_nan()),
                    above: count(|cell| *cell > f64::MAX),
                    below: count(|cell| *cell < -f64::MAX),
                };
                assert_eq!(seen.holes, expected.finite < length as u64);
                for (seen, cell) in seen.cells.iter().zip(&cells) {
                    let expected = if cell.is_finite() { *cell } else { f64::NAN };
                    assert_eq!(seen.to_bits(), expected.to_bits());
                }
                assert_eq!(tally, expected, "{level:?} {length}");
            }
        }
    }
}
