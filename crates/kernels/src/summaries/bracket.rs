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
//! each that it lies in.

use crate::Level;
use crate::codec::{CodecError, Reader, Writer};
use crate::numbers::{BLOCK, SPREAD_MIN};

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
}

impl Bracket {
    /// Whether the median absolute deviation may turn out too small to divide by, so that the mean one is needed.
    pub(crate) fn may_be_zero(&self) -> bool {
        self.near < SPREAD_MIN
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        for end in [self.center, self.low, self.high, self.near, self.far] {
            writer.f64(end);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, CodecError> {
        let [center, low, high, near, far] =
            [reader.f64()?, reader.f64()?, reader.f64()?, reader.f64()?, reader.f64()?];
        Ok(Self { center, low, high, near, far })
    }
}

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

    fn observe(&mut self, cell: f64) {
        self.count += 1;
        self.low = self.low.min(cell);
        self.high = self.high.max(cell);
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

    /// Adds one block.
    pub(crate) fn observe(&mut self, level: Level, bracket: &Bracket, cells: &[f64]) {
        let mut marks = [0_u8; BLOCK];
        let marks = &mut marks[..cells.len().next_multiple_of(8)];
        let outside = sift(level, cells, bracket, marks);
        self.below += outside.below;
        self.inside += outside.inside;
        let places = Places::new(bracket, self.bins.len() / 3);
        for (marks, cells) in marks.chunks(64).zip(cells.chunks(64)) {
            let mut word = pack(marks);
            while word != 0 {
                places.count(cells[word.trailing_zeros() as usize], bracket, &mut self.bins);
                word &= word - 1;
            }
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

/// Where in the bins a cell belongs.
struct Places {
    bins: usize,
    /// Bins per unit, in the middle and on the sides.
    middle: f64,
    side: f64,
}

impl Places {
    fn new(bracket: &Bracket, bins: usize) -> Self {
        let per_unit = |width: f64| bins as f64 / width;
        Self { bins, middle: per_unit(bracket.high - bracket.low), side: per_unit(bracket.far - bracket.near) }
    }

    /// Counts a marked cell. A bracket without width has one bin: infinity times 0 is NaN, which becomes bin 0.
    fn count(&self, cell: f64, bracket: &Bracket, bins: &mut [Bin]) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, then held to the bins")]
        let place = |distance: f64, per_unit: f64| ((distance * per_unit) as usize).min(self.bins - 1);
        if cell >= bracket.low && cell <= bracket.high {
            bins[place(cell - bracket.low, self.middle)].observe(cell);
        }
        let distance = (cell - bracket.center).abs();
        if distance >= bracket.near && distance <= bracket.far {
            let side = if cell < bracket.center { self.bins } else { 2 * self.bins };
            bins[side + place(distance - bracket.near, self.side)].observe(cell);
        }
    }
}

/// Cells that need no closer look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Outside {
    below: u64,
    inside: u64,
}

levels! {
    /// Counts the cells below the middle and those nearer than the sides, and marks with 1 those inside a bracket.
    fn sift(cells: &[f64], bracket: &Bracket, marks: &mut [u8]) -> Outside = sift_body;
}

#[inline(always)]
fn sift_body(cells: &[f64], bracket: &Bracket, marks: &mut [u8]) -> Outside {
    let Bracket { center, low, high, near, far } = *bracket;
    let (mut below, mut inside) = (0, 0);
    for (mark, &cell) in marks.iter_mut().zip(cells) {
        let distance = (cell - center).abs();
        below += u64::from(cell < low);
        inside += u64::from(distance < near);
        *mark = u8::from(cell >= low) & u8::from(cell <= high) | u8::from(distance >= near) & u8::from(distance <= far);
    }
    Outside { below, inside }
}

/// One bit for each of up to 64 marks.
fn pack(marks: &[u8]) -> u64 {
    let (eights, _) = marks.as_chunks::<8>();
    // The product brings the lowest bit of every byte into the highest byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    (0..).zip(eights).fold(0, |word, (index, eight)| word | bits(eight) << (8 * index))
}
