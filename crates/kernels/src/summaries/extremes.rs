//! The lowest and the highest cells of a column, each with how often it is there.
//!
//! Kept are so many *different* cells at either end; all of them where there are no more, as in a column of few values. A cell that is among
//! the lowest of all rows is among the lowest of its chunk, so that merging is exact, and takes any order.

use crate::codec::{CodecError, Reader, Writer};

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
    /// Cells that may be among them.
    pending: Vec<f64>,
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
    pub(crate) fn observe(&mut self, cells: &[f64]) {
        let [lowest, highest] = self.bounds();
        // Adding 0 makes both zeros one.
        self.pending.extend(cells.iter().filter(|cell| **cell <= lowest || **cell >= highest).map(|cell| cell + 0.0));
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
        pending.sort_unstable_by(f64::total_cmp);
        let counted: Vec<Counted> = pending.chunk_by(|a, b| a >= b).map(|same| (same[0], same.len() as u64)).collect();
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
        let all_kept = self.high.is_empty();
        self.low = united(&self.low, low);
        if all_kept && self.low.len() <= self.most {
            return;
        }
        self.high = if all_kept { self.low.clone() } else { united(&self.high, high) };
        self.low.truncate(self.most);
        self.high.drain(..self.high.len() - self.most);
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

/// The cells of both, rising, with what each is counted in both.
fn united(one: &[Counted], other: &[Counted]) -> Vec<Counted> {
    let (mut left, mut right) = (one.iter().copied().peekable(), other.iter().copied().peekable());
    let mut all = Vec::with_capacity(one.len() + other.len());
    loop {
        let next = match (left.peek(), right.peek()) {
            (Some(a), Some(b)) if a.0.total_cmp(&b.0).is_eq() => {
                let (a, b) = (*a, *b);
                left.next();
                right.next();
                Some((a.0, a.1 + b.1))
            }
            (Some(a), Some(b)) if a.0 > b.0 => right.next(),
            (Some(_), _) => left.next(),
            (None, _) => right.next(),
        };
        let Some(next) = next else { return all };
        all.push(next);
    }
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
                        chunk.chunks(2048).for_each(|block| extremes.observe(block));
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
