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
use crate::numbers::{SPREAD_MIN, WHOLE};

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
    /// Whether a cell may lie in the middle and on a side at once.
    fn overlaps(&self) -> bool {
        self.near <= (self.high - self.center).max(self.center - self.low)
    }

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

    /// Adds one block.
    pub(crate) fn observe(&mut self, level: Level, bracket: &Bracket, cells: &[f64], marked: &mut Marked) {
        let Marked { marks, cells: found, middle, side } = marked;
        marks.resize(cells.len().next_multiple_of(64), 0);
        let (now, past) = marks.split_at_mut(cells.len());
        past.fill(0);
        let outside = sift(level, cells, bracket, now);
        self.below += outside.below;
        self.inside += outside.inside;

        gather(cells, marks, found);
        middle.resize(found.len(), 0);
        side.resize(found.len(), 0);
        place(level, found, bracket, self.bins.len() / 3, middle, side);
        for ((cell, middle), side) in found.iter().zip(middle).zip(side) {
            // A cell without a place has one past the end, and few cells have two.
            self.observe_at((*middle).min(*side), *cell);
            if bracket.overlaps() {
                self.observe_at((*middle).max(*side), *cell);
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

/// The cells of a block that need a closer look; room that is used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marked {
    /// One per cell of the block: 1 when it is inside a bracket.
    marks: Vec<u8>,
    /// The cells marked, and the bins of each.
    cells: Vec<f64>,
    middle: Vec<u64>,
    side: Vec<u64>,
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
        let (under, nearer) = (u64::from(cell < low), u64::from(distance < near));
        below += under;
        inside += nearer;
        // Outside of the middle and of the sides. A NaN is not outside of anything; it will find no place.
        let outside = (under | u64::from(cell > high)) & (nearer | u64::from(distance > far));
        *mark = u8::from(outside == 0);
    }
    Outside { below, inside }
}

levels! {
    /// Finds the bins of each cell in the middle and on a side; past the end where it is in none.
    fn place(cells: &[f64], bracket: &Bracket, bins: usize, middle: &mut [u64], side: &mut [u64]) = place_body;
}

#[inline(always)]
fn place_body(cells: &[f64], bracket: &Bracket, bins: usize, middle: &mut [u64], side: &mut [u64]) {
    let Bracket { center, low, high, near, far } = *bracket;
    let count = bins as f64;
    // A bracket without width has bin 0 only: infinity times 0 is NaN, which is not more than 0.
    let (middle_scale, side_scale) = (count / (high - low), count / (far - near));
    let whole = |place: f64| {
        let place = if place > 0.0 { place } else { 0.0 };
        let place = if place < count - 1.0 { place } else { count - 1.0 };
        ((place + WHOLE).to_bits()) & u64::from(u32::MAX)
    };
    let bins = bins as u64;
    for ((middle, side), &cell) in middle.iter_mut().zip(side).zip(cells) {
        let distance = (cell - center).abs();
        let in_middle = u64::from(cell >= low) & u64::from(cell <= high);
        let in_side = u64::from(distance >= near) & u64::from(distance <= far);
        let first = if cell < center { bins } else { 2 * bins };
        *middle = if in_middle == 1 { whole((cell - low) * middle_scale) } else { NOWHERE };
        *side = if in_side == 1 { first + whole((distance - near) * side_scale) } else { NOWHERE };
    }
}

/// Past any bin.
const NOWHERE: u64 = u32::MAX as u64;

/// Copies the marked cells together. There are whole 64s of marks.
fn gather(cells: &[f64], marks: &[u8], found: &mut Vec<f64>) {
    found.clear();
    for (marks, cells) in marks.chunks_exact(64).zip(cells.chunks(64)) {
        let mut word = pack(marks);
        while word != 0 {
            found.push(cells[word.trailing_zeros() as usize]);
            word &= word - 1;
        }
    }
}

/// One bit for each of up to 64 marks.
fn pack(marks: &[u8]) -> u64 {
    let (eights, _) = marks.as_chunks::<8>();
    // The product brings the lowest bit of every byte into the highest byte.
    let bits = |eight: &[u8; 8]| u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56;
    (0..).zip(eights).fold(0, |word, (index, eight)| word | bits(eight) << (8 * index))
}
