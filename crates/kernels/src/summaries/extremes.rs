//! The lowest and the highest cells of a column, each with how often it is there.
//!
//! Kept are so many *different* cells at either end; all of them where there are no more, as in a column of few values. A cell that is among
//! the lowest of all rows is among the lowest of its chunk, so that merging is exact, and takes any order.

use crate::Level;
use crate::codec::{CodecError, Reader, Writer};
use crate::simd::LANES;

/// So many cells wait until they are sorted together.
const PENDING: usize = 8192;

/// A cell, and how often it is there.
pub(crate) type Counted = (f64, u64);

/// The ends of a column.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Extremes {
    /// How many different cells are kept at either end.
    most: usize,
    /// The lowest, rising; all there are while there are no more.
    low: Vec<Counted>,
    /// The highest, rising; nothing while all are among the lowest.
    high: Vec<Counted>,
    /// Cells that may be among them, by their [order](order_of).
    pending: Vec<i64>,
}

impl Extremes {
    pub(crate) fn new(most: usize) -> Self {
        Self { most, low: Vec::new(), high: Vec::new(), pending: Vec::new() }
    }

    /// How many are kept of each of so many columns: in wide tables fewer, so that a summary stays within a few megabytes.
    pub(crate) fn most(columns: usize) -> usize {
        const BYTES: usize = 2 << 20;
        (BYTES / (2 * size_of::<Counted>() * columns)).clamp(64, 4096)
    }

    /// Adds cells; NaN is none.
    pub(crate) fn observe(&mut self, level: Level, cells: &[f64]) {
        let begun = self.pending.len();
        self.pending.resize(begun + cells.len(), 0);
        let more = take_outer(level, cells, self.bounds(), &mut self.pending[begun..]);
        self.pending.truncate(begun + more);
        if self.pending.len() >= PENDING {
            self.settle();
        }
    }

    /// Up to the first and from the second on, a cell is kept.
    fn bounds(&self) -> [f64; 2] {
        match (self.low.last(), self.high.first()) {
            (Some(low), Some(high)) => [low.0, high.0],
            _ => [f64::INFINITY, f64::NEG_INFINITY],
        }
    }

    /// Takes in the cells that wait. When this is called shows nowhere.
    pub(crate) fn settle(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        pending.sort_unstable();
        let counted = pending.chunk_by(|a, b| a == b).map(|same| (of_order(same[0]), same.len() as u64));
        let counted: Vec<Counted> = counted.collect();
        self.add(&counted, &counted);
        pending.clear();
        self.pending = pending;
    }

    /// Adds those of a later chunk.
    pub(crate) fn merge(&mut self, later: &Self) {
        if later.high.is_empty() {
            self.add(&later.low, &later.low);
        } else if self.high.is_empty() {
            let mine = std::mem::take(&mut self.low);
            (self.low, self.high) = (later.low.clone(), later.high.clone());
            self.add(&mine, &mine);
        } else {
            self.add(&later.low, &later.high);
        }
    }

    /// Adds what may be among the lowest, and what may be among the highest; both are all there is while these are.
    fn add(&mut self, low: &[Counted], high: &[Counted]) {
        if self.high.is_empty() {
            self.low = united(self.low.iter(), low.iter(), usize::MAX, |a, b| a < b);
            if self.low.len() > self.most {
                self.high = self.low[self.low.len() - self.most..].to_vec();
                self.low.truncate(self.most);
            }
            return;
        }
        self.low = united(self.low.iter(), low.iter(), self.most, |a, b| a < b);
        self.high = united(self.high.iter().rev(), high.iter().rev(), self.most, |a, b| a > b);
        self.high.reverse();
    }

    /// The lowest, rising, and the highest, where the lowest are not all there are.
    pub(crate) fn ends(&self) -> (&[Counted], &[Counted]) {
        (&self.low, &self.high)
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        for end in [&self.low, &self.high] {
            writer.f64s(&end.iter().map(|counted| counted.0).collect::<Vec<_>>());
            writer.u64s(&end.iter().map(|counted| counted.1).collect::<Vec<_>>());
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, most: usize) -> Result<Self, CodecError> {
        let mut end = || -> Result<Vec<Counted>, CodecError> {
            let (cells, counts) = (reader.f64s()?, reader.u64s()?);
            let fits = cells.len() == counts.len() && cells.is_sorted_by(|a, b| a < b);
            if fits { Ok(cells.into_iter().zip(counts).collect()) } else { Err(CodecError::Damaged) }
        };
        let (low, high) = (end()?, end()?);
        let fits = if high.is_empty() { low.len() <= most } else { low.len() == most && high.len() == most };
        if fits { Ok(Self { most, low, high, pending: Vec::new() }) } else { Err(CodecError::Damaged) }
    }
}

levels! {
    /// Writes the orders of the cells up to the first of two bounds and from the second on; how many there are. There is room for all.
    fn take_outer(cells: &[f64], bounds: [f64; 2], taken: &mut [i64]) -> usize = take_outer_body;
}

#[inline(always)]
fn take_outer_body(cells: &[f64], [lowest, highest]: [f64; 2], taken: &mut [i64]) -> usize {
    let is_outer = |cell: &f64| *cell <= lowest || *cell >= highest;
    let mut count = 0;
    // Most often none of eight is.
    for cells in cells.chunks(LANES).filter(|cells| cells.iter().fold(false, |any, cell| any | is_outer(cell))) {
        for cell in cells {
            // Adding 0 makes both zeros one.
            taken[count] = order_of(cell + 0.0);
            count += usize::from(is_outer(cell));
        }
    }
    count
}

/// A whole number per double that is not NaN, in their order.
#[inline(always)]
fn order_of(cell: f64) -> i64 {
    let bits = cell.to_bits().cast_signed();
    // Of the negative ones, the larger magnitude is the lesser.
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

/// The double of an order.
fn of_order(order: i64) -> f64 {
    f64::from_bits(if order < 0 { order ^ i64::MAX } else { order }.cast_unsigned())
}

/// The first cells of both, so many at most, with what each is counted in both. In each they are in order.
fn united<'a>(
    mut one: impl Iterator<Item = &'a Counted>,
    mut other: impl Iterator<Item = &'a Counted>,
    most: usize,
    is_before: impl Fn(f64, f64) -> bool,
) -> Vec<Counted> {
    let (mut left, mut right) = (one.next(), other.next());
    let mut all = Vec::new();
    while all.len() < most {
        let (cell, count) = match (left, right) {
            (Some(a), Some(b)) if !is_before(a.0, b.0) && !is_before(b.0, a.0) => {
                (left, right) = (one.next(), other.next());
                (a.0, a.1 + b.1)
            }
            (Some(a), b) if b.is_none_or(|b| is_before(a.0, b.0)) => {
                left = one.next();
                *a
            }
            (_, Some(b)) => {
                right = other.next();
                *b
            }
            _ => return all,
        };
        all.push((cell, count));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept, counted at once.
    fn plainly(cells: &[f64], most: usize) -> (Vec<Counted>, Vec<Counted>) {
        let mut sorted: Vec<f64> = cells.iter().filter(|cell| !cell.is_nan()).map(|cell| cell + 0.0).collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let all: Vec<Counted> = sorted.chunk_by(|a, b| a >= b).map(|same| (same[0], same.len() as u64)).collect();
        if all.len() <= most { (all, vec![]) } else { (all[..most].to_vec(), all[all.len() - most..].to_vec()) }
    }

    #[test]
    fn however_cells_come_the_ends_are_those_of_all() {
        for (rows, values) in
            [(0_u32, 1), (50, 3), (30_000, 60), (30_000, 64), (30_000, 65), (30_000, 100), (30_000, 1 << 30)]
        {
            let cell = |row: u32| match row % 50 {
                7 => f64::NAN,
                8 => -0.0,
                _ => f64::from((row.wrapping_mul(2_654_435_761) >> 2) % values) - 20.0,
            };
            let cells: Vec<f64> = (0..rows).map(cell).collect();
            for orders in [cells.clone(), {
                let mut sorted = cells;
                sorted.sort_unstable_by(f64::total_cmp);
                sorted
            }] {
                let (low, high) = plainly(&orders, 64);
                for chunks in [1, 3, 10_000] {
                    let mut total = Extremes::new(64);
                    for chunk in orders.chunks(orders.len().div_ceil(chunks).max(1)) {
                        let mut extremes = Extremes::new(64);
                        chunk.chunks(2048).for_each(|block| extremes.observe(Level::detect(), block));
                        extremes.settle();
                        let mut writer = Writer::new(*b"testtest");
                        extremes.encode(&mut writer);
                        let bytes = writer.finish();
                        let mut reader = Reader::new(&bytes, *b"testtest").unwrap();
                        total.merge(&Extremes::decode(&mut reader, 64).unwrap());
                    }
                    assert_eq!(total.ends(), (&low[..], &high[..]), "{rows} rows, {values} values, {chunks} chunks");
                }
            }
        }
    }
}
