//! Count, mean and sum of squared deviations, to nearly full precision at any size.
//!
//! A block of 2,048 rows is in the fastest cache, so it is read twice: first for its mean, then for the squares about
//! that mean. Blocks are merged by Chan's rule, in order, into their row group; row groups, in order, into the whole.
//! **Chunks hold whole row groups, so no cut of the work into chunks changes a bit.** That is why a summary carries one
//! entry per row group rather than one in all.
//!
//! Within a block everything is measured from its first ordinary cell. So a constant column has a sum of squares of
//! exactly 0, whatever its value, and a narrow column far from zero keeps its digits.

use super::tally::OrdinaryCells;
use crate::codec::{CodecError, Reader, Writer};
use crate::simd::{LANES, Lanes};

/// What is known of some cells of one column.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    /// Sum of squared deviations from the mean.
    pub(crate) squares: f64,
}

impl Moments {
    /// Chan's rule: the moments of both sets of cells together.
    pub(crate) fn merge(self, other: Self) -> Self {
        if self.count == 0 {
            return other;
        }
        if other.count == 0 {
            return self;
        }
        let (left, right) = (self.count as f64, other.count as f64);
        let (delta, count) = (other.mean - self.mean, left + right);
        Self {
            count: self.count + other.count,
            mean: self.mean + delta * (right / count),
            squares: self.squares + other.squares + delta * delta * (left * right / count),
        }
    }

    /// The standard deviation of the cells as a whole population (ddof 0).
    pub(crate) fn deviation(self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / self.count as f64).sqrt() }
    }
}

/// The moments of every column, per row group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupMoments {
    /// The row group being read.
    open: Vec<Moments>,
    /// Row groups that were read: one entry per column, group after group.
    groups: Vec<Moments>,
}

impl GroupMoments {
    pub(crate) fn new(columns: usize) -> Self {
        Self { open: vec![Moments::default(); columns], groups: Vec::new() }
    }

    /// Adds one block of column `column`.
    pub(crate) fn observe(&mut self, level: crate::Level, column: usize, block: OrdinaryCells<'_>) {
        let moments = if block.holes { holed_moments(level, block.cells) } else { block_moments(level, block.cells) };
        self.open[column] = self.open[column].merge(moments);
    }

    pub(crate) fn end_row_group(&mut self) {
        if self.open.iter().any(|moments| moments.count > 0) {
            self.groups.extend_from_slice(&self.open);
            self.open.fill(Moments::default());
        }
    }

    /// Adds the row groups of a later chunk.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.groups.extend_from_slice(&later.groups);
    }

    /// The moments of each column over all row groups.
    pub(crate) fn finish(&self) -> Vec<Moments> {
        let mut total = vec![Moments::default(); self.open.len()];
        for group in self.groups.chunks_exact(self.open.len()) {
            for (total, moments) in total.iter_mut().zip(group) {
                *total = total.merge(*moments);
            }
        }
        total
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        writer.len(self.groups.len());
        for moments in &self.groups {
            writer.u64(moments.count);
            writer.f64(moments.mean);
            writer.f64(moments.squares);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, columns: usize) -> Result<Self, CodecError> {
        let count = reader.len(24)?;
        if !count.is_multiple_of(columns) {
            return Err(CodecError::Damaged);
        }
        let groups = (0..count)
            .map(|_| Ok(Moments { count: reader.u64()?, mean: reader.f64()?, squares: reader.f64()? }))
            .collect::<Result<_, CodecError>>()?;
        Ok(Self { open: vec![Moments::default(); columns], groups })
    }
}

levels! {
    /// The moments of a block without holes.
    fn block_moments(cells: &[f64]) -> Moments = block_body;
}

levels! {
    /// The moments of the cells of a block that are not NaN. The same bits as [`block_moments`] where none is.
    fn holed_moments(cells: &[f64]) -> Moments = holed_body;
}

#[inline(always)]
fn block_body(cells: &[f64]) -> Moments {
    let Some(&origin) = cells.first() else { return Moments::default() };
    let count = cells.len() as f64;
    let offset = lane_sum(cells, |cell| cell - origin) / count;
    let squares = lane_sum(cells, |cell| {
        let delta = (cell - origin) - offset;
        delta * delta
    });
    Moments { count: cells.len() as u64, mean: origin + offset, squares }
}

#[inline(always)]
fn holed_body(cells: &[f64]) -> Moments {
    let Some(&origin) = cells.iter().find(|cell| !cell.is_nan()) else { return Moments::default() };
    let count = lane_sum(cells, |cell| if cell.is_nan() { 0.0 } else { 1.0 });
    let offset = lane_sum(cells, |cell| if cell.is_nan() { 0.0 } else { cell - origin }) / count;
    let squares = lane_sum(cells, |cell| {
        let delta = (cell - origin) - offset;
        if delta.is_nan() { 0.0 } else { delta * delta }
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of cells")]
    Moments { count: count as u64, mean: origin + offset, squares }
}

/// Sums `f` over the cells: eight running sums, then a balanced tree.
#[inline(always)]
fn lane_sum(cells: &[f64], f: impl Fn(f64) -> f64) -> f64 {
    let mut sum = Lanes::splat(0.0);
    let (steps, rest) = cells.as_chunks::<LANES>();
    for step in steps {
        sum = sum.add(Lanes(*step).map(&f));
    }
    for (lane, cell) in sum.0.iter_mut().zip(rest) {
        *lane += f(*cell);
    }
    sum.sum()
}

levels! {
    /// The sum of the distances from `center` of the cells that are not NaN.
    pub(crate) fn sum_distances(cells: &[f64], center: f64) -> f64 = distances_body;
}

#[inline(always)]
fn distances_body(cells: &[f64], center: f64) -> f64 {
    lane_sum(cells, |cell| {
        let distance = (cell - center).abs();
        if distance.is_nan() { 0.0 } else { distance }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Level;

    fn naive(cells: &[f64]) -> (u64, f64, f64) {
        let present: Vec<f64> = cells.iter().copied().filter(|cell| !cell.is_nan()).collect();
        let count = present.len() as f64;
        let mean = present.iter().sum::<f64>() / count;
        (present.len() as u64, mean, present.iter().map(|cell| (cell - mean) * (cell - mean)).sum())
    }

    #[test]
    fn every_level_agrees_to_the_bit_and_with_the_plain_sum() {
        for length in 0..200_u32 {
            for holes in [0, 2, 7] {
                let cells: Vec<f64> = (0..length)
                    .map(|i| if holes > 0 && i % holes == 0 { f64::NAN } else { f64::from(i * 7919 % 1009) * 1e-3 })
                    .collect();
                let expected = holed_moments(Level::BASELINE, &cells);
                let (count, mean, squares) = naive(&cells);
                assert_eq!(expected.count, count);
                if count > 0 {
                    assert!((expected.mean - mean).abs() <= 1e-12 && (expected.squares - squares).abs() <= 1e-10);
                }
                let distances = sum_distances(Level::BASELINE, &cells, 0.3);
                let plain: f64 = cells.iter().filter(|cell| !cell.is_nan()).map(|cell| (cell - 0.3).abs()).sum();
                assert!((distances - plain).abs() <= 1e-10);
                for level in Level::available() {
                    assert_eq!(holed_moments(level, &cells), expected, "{level:?} {length}");
                    assert_eq!(sum_distances(level, &cells, 0.3).to_bits(), distances.to_bits());
                    if holes == 0 {
                        assert_eq!(block_moments(level, &cells), expected, "{level:?} {length}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_constant_has_no_spread_at_all() {
        for constant in [0.1, 1e17 / 3.0, -7e-300] {
            let cells = vec![constant; 1999];
            let moments = block_moments(Level::detect(), &cells);
            let merged = moments.merge(block_moments(Level::detect(), &cells[..77]));
            assert_eq!((merged.mean, merged.squares), (constant, 0.0));
        }
    }
}
