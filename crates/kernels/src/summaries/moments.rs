//! Count, mean and sum of squared deviations, to nearly full precision at any size.
//!
//! A block of 2,048 rows is in the fastest cache, so it is read twice: first for its mean, then for the squares about
//! that mean. Blocks are merged by Chan's rule, in order, into their row group; row groups, in order, into the whole.
//! **Chunks hold whole row groups, so no cut of the work into chunks changes a bit.** That is why a summary carries one
//! entry per row group rather than one in all.
//!
//! Within a block everything is measured from its first finite cell. So a constant column has a sum of squares of
//! exactly 0, whatever its value, and a narrow column far from zero keeps its digits. A block whose numbers are too small
//! or too large to be squared is computed times a power of two, which is noted; where blocks differ in that, they meet at
//! the power of the larger numbers, beside which what is lost of the smaller ones is nothing.

use super::tally::{FiniteCells, Tally};
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::BLOCK;
use crate::scale;
use crate::simd::{LANES, Lanes};

/// What is known of some cells of one column, each times 2^`shift`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Moments {
    pub(crate) count: u64,
    pub(crate) mean: f64,
    /// What rounding cut off the mean, where it is so many deviations from zero that this shows; else 0.
    pub(crate) rest: f64,
    /// Sum of squared deviations from the mean.
    pub(crate) squares: f64,
    pub(crate) shift: i32,
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
        let shift = self.shift.min(other.shift);
        let (this, other) = (self.at(shift), other.at(shift));
        let (left, right) = (this.count as f64, other.count as f64);
        let (delta, count) = ((other.mean - this.mean) + (other.rest - this.rest), left + right);
        let [mean, cut_off] = scale::two_sum(this.mean, delta * (right / count));
        let squares = this.squares + other.squares + delta * delta * (left * right / count);
        Self { count: this.count + other.count, mean, rest: this.rest + cut_off, squares, shift }.rounded()
    }

    /// The same without what was cut off the mean, unless that shows.
    fn rounded(self) -> Self {
        let far = self.mean / scale::NARROW;
        // Nearly always, so the root is spared: the mean is less than that many deviations from zero.
        let narrow = far * far * self.count as f64 > self.squares;
        Self { rest: if narrow { self.rest } else { 0.0 }, ..self }
    }

    /// The same under another shift.
    fn at(self, shift: i32) -> Self {
        let by = shift - self.shift;
        let [mean, rest] = [self.mean, self.rest].map(|value| scale::shifted(value, by));
        Self { mean, rest, squares: scale::shifted(self.squares, 2 * by), shift, ..self }
    }

    /// Whether the cells differ. No square is lost but beside a larger one, so this is exact.
    pub(crate) fn varies(self) -> bool {
        self.squares > 0.0
    }

    /// What all the cells are, where they do not vary; 0 without any.
    pub(crate) fn value(self) -> f64 {
        scale::shifted(self.mean, -self.shift)
    }

    /// The standard deviation of the cells as a whole population (ddof 0), shifted as they are.
    pub(crate) fn deviation(self) -> f64 {
        if self.count == 0 { 0.0 } else { (self.squares / self.count as f64).sqrt() }
    }
}

/// The moments of the finite ones of `cells`.
pub(crate) fn of_cells(level: crate::Level, cells: &[f64]) -> Moments {
    let (mut tally, mut finite, mut scratch) = (Tally::default(), Vec::new(), Vec::new());
    let mut total = Moments::default();
    for cells in cells.chunks(BLOCK) {
        total = total.merge(of_block(level, tally.observe(level, cells, &mut finite), &mut scratch));
    }
    total
}

/// The moments of every column, per row group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GroupMoments {
    /// The row group being read.
    open: Vec<Moments>,
    /// Row groups that were read, and before them those of earlier chunks as one: an entry per column, group after group.
    groups: Vec<Moments>,
}

impl GroupMoments {
    pub(crate) fn new(columns: usize) -> Self {
        Self { open: vec![Moments::default(); columns], groups: Vec::new() }
    }

    /// Adds one block of column `column`.
    pub(crate) fn observe(
        &mut self,
        level: crate::Level,
        column: usize,
        block: FiniteCells<'_>,
        scratch: &mut Vec<f64>,
    ) {
        self.open[column] = self.open[column].merge(of_block(level, block, scratch));
    }

    pub(crate) fn end_row_group(&mut self) {
        if self.open.iter().any(|moments| moments.count > 0) {
            self.groups.extend_from_slice(&self.open);
            self.open.fill(Moments::default());
        }
    }

    /// Adds the row groups of a later chunk, which are folded into one with all before: [`Self::finish`] folds from the left,
    /// so that is the same to the bit, and a source of any number of row groups takes the room of one.
    pub(crate) fn merge(&mut self, later: &Self) {
        self.groups.extend_from_slice(&later.groups);
        self.groups = self.finish();
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
            writer.f64(moments.rest);
            writer.f64(moments.squares);
            writer.i32(moments.shift);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, columns: usize) -> Result<Self, CodecError> {
        let count = reader.len(36)?;
        if !count.is_multiple_of(columns) {
            return Err(CodecError::Damaged);
        }
        let groups = (0..count)
            .map(|_| {
                let (count, mean, rest) = (reader.u64()?, reader.f64()?, reader.f64()?);
                Ok(Moments { count, mean, rest, squares: reader.f64()?, shift: reader.i32()? })
            })
            .collect::<Result<_, CodecError>>()?;
        Ok(Self { open: vec![Moments::default(); columns], groups })
    }
}

/// The moments of a block, shifted where its numbers could not be squared as they are.
///
/// Nearly every block can, which shows in the answer, so that the cells need not be looked at for it.
fn of_block(level: crate::Level, block: FiniteCells<'_>, scratch: &mut Vec<f64>) -> Moments {
    let moments = if block.holes { holed_moments(level, block.cells) } else { block_moments(level, block.cells) };
    let ordinary = scale::is_ordinary(moments.mean, moments.squares);
    let moments = if ordinary { moments } else { shifted(level, block, moments, scratch) };
    moments.rounded()
}

/// The moments of a block which may need a shift.
#[cold]
fn shifted(level: crate::Level, block: FiniteCells<'_>, plain: Moments, scratch: &mut Vec<f64>) -> Moments {
    let shift = scale::shift_for(scale::magnitude(level, block.cells));
    if shift == 0 {
        return plain;
    }
    scratch.resize(block.cells.len(), 0.0);
    scale::shift_cells(level, block.cells, scale::power(shift), scratch);
    let moments = if block.holes { holed_moments(level, scratch) } else { block_moments(level, scratch) };
    Moments { shift, ..moments }
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
    let [mean, rest] = scale::two_sum(origin, offset);
    Moments { count: cells.len() as u64, mean, rest, squares, shift: 0 }
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
    let [mean, rest] = scale::two_sum(origin, offset);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of cells")]
    Moments { count: count as u64, mean, rest, squares, shift: 0 }
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
    fn merged_chunks_take_the_room_of_one_row_group_and_give_the_same_bits() {
        let group = |i: u32| {
            let cells: Vec<f64> = (0..50 + i).map(|j| f64::from((i * 50 + j) * 7919 % 1009) * 1e-3).collect();
            [block_moments(Level::BASELINE, &cells), block_moments(Level::BASELINE, &cells[3..])]
        };
        let chunk = |range: std::ops::Range<u32>| {
            let groups = range.flat_map(group).collect();
            GroupMoments { groups, ..GroupMoments::new(2) }
        };
        let whole = chunk(0..30).finish();
        for cut in [1, 7, 29] {
            let mut total = GroupMoments::new(2);
            total.merge(&chunk(0..cut));
            total.merge(&chunk(cut..30));
            total.merge(&GroupMoments::new(2));
            assert_eq!(total.groups.len(), 2);
            assert_eq!(total.finish(), whole, "cut at {cut}");
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
