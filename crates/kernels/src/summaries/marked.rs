//! The few cells of a block that lie inside a bracket, found without a branch that depends on a cell.
//!
//! ```text
//! sift     compare all cells with the brackets' ends: count those outside, mark those inside     whole registers
//! gather   copy the marked cells together, 64 marks at a time                                    one branch per 64
//! place    find the bins of those                                                                whole registers
//! ```

use super::bracket::Bracket;
use crate::Level;
use crate::numbers::WHOLE;

/// The cells marked, and room that is used again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Marked {
    /// One per cell of the block: 1 when it is inside a bracket.
    marks: Vec<u8>,
    /// The cells marked, and the bins of each.
    cells: Vec<f64>,
    middle: Vec<u64>,
    side: Vec<u64>,
}

impl Marked {
    /// Finds the cells inside the bracket, and counts those that need no closer look.
    pub(crate) fn find(&mut self, level: Level, cells: &[f64], bracket: &Bracket, bins: usize) -> Outside {
        self.marks.resize(cells.len().next_multiple_of(64), 0);
        let (marks, past) = self.marks.split_at_mut(cells.len());
        past.fill(0);
        let outside = sift(level, cells, bracket, marks);
        gather(cells, &self.marks, &mut self.cells);
        self.middle.resize(self.cells.len(), 0);
        self.side.resize(self.cells.len(), 0);
        place(level, &self.cells, bracket, bins, &mut self.middle, &mut self.side);
        outside
    }

    /// Each cell found with its bins in the middle and on a side; past any bin where it is in none.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f64, u64, u64)> + '_ {
        let cells = self.cells.iter().zip(&self.middle).zip(&self.side);
        cells.map(|((cell, middle), side)| (*cell, *middle, *side))
    }
}

/// Cells that need no closer look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outside {
    /// Below the middle.
    pub(crate) below: u64,
    /// Nearer to the center than the sides.
    pub(crate) inside: u64,
}

levels! {
    /// Counts the cells below the middle and those nearer than the sides, and marks with 1 those inside a bracket.
    fn sift(cells: &[f64], bracket: &Bracket, marks: &mut [u8]) -> Outside = sift_body;
}

#[inline(always)]
fn sift_body(cells: &[f64], bracket: &Bracket, marks: &mut [u8]) -> Outside {
    let Bracket { center, low, high, near, far, .. } = *bracket;
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
    let Bracket { center, low, high, near, far, .. } = *bracket;
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
