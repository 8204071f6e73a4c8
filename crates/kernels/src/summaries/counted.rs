//! What is counted inside the bracket of a column, in fine bins.

use super::bracket::Bracket;
use super::marked::Marked;
use crate::Level;
use crate::codec::{CodecError, Reader, Writer};

/// Cells of one bin.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Bin {
    pub(crate) count: u64,
    /// The least and the greatest of them.
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Bin {
    const EMPTY: Self = Self { count: 0, low: f64::INFINITY, high: f64::NEG_INFINITY };

    /// Adds a cell, which is not NaN. One instruction per end, where `f64::min` would take five.
    fn observe(&mut self, cell: f64) {
        self.count += 1;
        self.low = if cell < self.low { cell } else { self.low };
        self.high = if cell > self.high { cell } else { self.high };
    }

    fn merge(&mut self, other: Self) {
        self.count += other.count;
        // Adding 0 makes both zeros one: the order of merging must not show.
        self.low = self.low.min(other.low) + 0.0;
        self.high = self.high.max(other.high) + 0.0;
    }
}

/// What was counted in one column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Counted {
    /// Cells below the middle.
    pub(crate) below: u64,
    /// Cells nearer to the center than the sides.
    pub(crate) inside: u64,
    /// The bins of the middle, then of the left, then of the right.
    bins: Vec<Bin>,
}

impl Counted {
    pub(crate) fn new(bins: usize) -> Self {
        Self { below: 0, inside: 0, bins: vec![Bin::EMPTY; 3 * bins] }
    }

    /// The bins of the middle, in rising order.
    pub(crate) fn middle(&self) -> &[Bin] {
        &self.bins[..self.bins.len() / 3]
    }

    /// The bins of both sides, by distance from the center.
    pub(crate) fn sides(&self) -> &[Bin] {
        &self.bins[self.bins.len() / 3..]
    }

    /// Adds one block, shifted as the bracket is.
    pub(crate) fn observe(&mut self, level: Level, bracket: &Bracket, cells: &[f64], marked: &mut Marked) {
        let outside = marked.find(level, cells, bracket, self.bins.len() / 3);
        self.below += outside.below;
        self.inside += outside.inside;
        for (cell, middle, side) in marked.iter() {
            // A cell without a place has one past the end, and few cells have two.
            self.observe_at(middle.min(side), cell);
            if bracket.overlaps() {
                self.observe_at(middle.max(side), cell);
            }
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "a place in the bins")]
    fn observe_at(&mut self, place: u64, cell: f64) {
        if let Some(bin) = self.bins.get_mut(place as usize) {
            bin.observe(cell);
        }
    }

    pub(crate) fn merge(&mut self, other: &Self) {
        self.below += other.below;
        self.inside += other.inside;
        self.bins.iter_mut().zip(&other.bins).for_each(|(mine, other)| mine.merge(*other));
    }

    /// Only bins that hold something are written.
    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.u64(self.below);
        writer.u64(self.inside);
        writer.len(self.bins.iter().filter(|bin| bin.count > 0).count());
        for (index, bin) in (0..).zip(&self.bins).filter(|(_, bin)| bin.count > 0) {
            writer.u32(index);
            writer.u64(bin.count);
            writer.f64(bin.low);
            writer.f64(bin.high);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, bins: usize) -> Result<Self, CodecError> {
        let mut counted = Self { below: reader.u64()?, inside: reader.u64()?, ..Self::new(bins) };
        for _ in 0..reader.len(28)? {
            let bin = counted.bins.get_mut(reader.u32()? as usize).ok_or(CodecError::Damaged)?;
            *bin = Bin { count: reader.u64()?, low: reader.f64()?, high: reader.f64()? };
        }
        Ok(counted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the picture of module `bracket` says, cell by cell.
    fn naive(bracket: &Bracket, cells: &[f64]) -> (u64, u64, u64, u64) {
        let count = |test: &dyn Fn(f64, f64) -> bool| {
            cells.iter().filter(|cell| test(**cell, (**cell - bracket.center).abs())).count() as u64
        };
        (
            count(&|cell, _| cell < bracket.low),
            count(&|_, distance| distance < bracket.near),
            count(&|cell, _| cell >= bracket.low && cell <= bracket.high),
            count(&|_, distance| distance >= bracket.near && distance <= bracket.far),
        )
    }

    #[test]
    fn every_level_and_length_counts_like_the_plain_definition() {
        let unshifted = Bracket { center: 0.0, low: 0.0, high: 0.0, near: 0.0, far: 0.0, shift: 0, sum_shift: 0 };
        let apart = Bracket { low: -0.1, high: 0.1, near: 0.6, far: 0.8, ..unshifted };
        let overlapping = Bracket { center: 0.2, low: -0.3, high: 0.4, near: 0.0, far: 0.5, ..unshifted };
        let point = Bracket { center: 0.5, low: 0.5, high: 0.5, ..unshifted };
        let kinds = [f64::NAN, -0.0, 5e-324, 0.1, -0.6, 0.8, 0.5, f64::INFINITY, f64::NEG_INFINITY];
        for bracket in [apart, overlapping, point] {
            for length in (0..200_usize).chain([2048]) {
                let odd = |i: usize| ((i * 7919 % 1009) as f64 - 500.0) * 2e-3;
                let cells: Vec<f64> =
                    (0..length).map(|i| kinds.get(i % 23).copied().unwrap_or_else(|| odd(i))).collect();
                let mut reference = Counted::new(64);
                reference.observe(Level::BASELINE, &bracket, &cells, &mut Marked::default());
                let sum = |bins: &[Bin]| bins.iter().map(|bin| bin.count).sum::<u64>();
                let found = (reference.below, reference.inside, sum(reference.middle()), sum(reference.sides()));
                assert_eq!(found, naive(&bracket, &cells), "{bracket:?} {length}");
                for level in Level::available() {
                    let mut counted = Counted::new(64);
                    counted.observe(level, &bracket, &cells, &mut Marked::default());
                    assert_eq!(counted, reference, "{level:?} {length}");
                }
            }
        }
    }
}
