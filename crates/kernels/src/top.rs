//! The n highest rows of all, exactly.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use crate::codec::{CodecError, Reader, Writer};

const MAGIC: [u8; 8] = *b"bctoprow";

/// A scored row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TopRow {
    /// Its score.
    pub score: f64,
    /// The number of its file in the plan.
    pub file: u32,
    /// Its row number in that file.
    pub row: u64,
}

/// Keeps the `n` highest of any number of scored rows. Of equal scores the earlier row is higher, so the answer does
/// not depend on the order of pushes and merges. Rows without a score (NaN) are never in.
#[derive(Clone, Debug)]
pub struct TopRows {
    limit: usize,
    /// The lowest kept row on top, so that the common row is refused by one comparison.
    kept: BinaryHeap<Reverse<Ranked>>,
}

/// A row in the room of what is written of it: 20 bytes, where alignment would take 24.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed(4))]
struct Ranked {
    score: f64,
    file: u32,
    row: u64,
}

impl From<TopRow> for Ranked {
    fn from(TopRow { score, file, row }: TopRow) -> Self {
        Self { score, file, row }
    }
}

impl From<Ranked> for TopRow {
    fn from(Ranked { score, file, row }: Ranked) -> Self {
        Self { score, file, row }
    }
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (TopRow::from(*self), TopRow::from(*other));
        // No score here is NaN; and 0 and -0 are equal, as they are for the reader.
        let by_score = a.score.partial_cmp(&b.score).unwrap_or(Ordering::Equal);
        by_score.then_with(|| (b.file, b.row).cmp(&(a.file, a.row)))
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Ranked {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ranked {}

impl TopRows {
    /// Room for the `limit` highest rows.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: BinaryHeap::new() }
    }

    /// Offers a row. Returns whether it is in.
    pub fn push(&mut self, score: f64, file: u32, row: u64) -> bool {
        if score.is_nan() {
            return false;
        }
        let offered = Ranked { score, file, row };
        if self.kept.len() < self.limit {
            self.kept.push(Reverse(offered));
        } else if let Some(mut lowest) = self.kept.peek_mut()
            && offered > lowest.0
        {
            *lowest = Reverse(offered);
        } else {
            return false;
        }
        true
    }

    /// Adds the rows another one kept, from what [`TopRows::into_bytes`] wrote: no second copy of them is made.
    ///
    /// # Errors
    /// When the bytes are damaged or something else.
    pub fn merge(&mut self, bytes: &[u8]) -> Result<(), CodecError> {
        let mut reader = Reader::new(bytes, MAGIC)?;
        // The limit that it kept to, which is ours.
        reader.u64()?;
        let rows = reader.records::<20>()?;
        reader.finish()?;
        let falls = |pair: &[[u8; 20]]| Ranked::from(row(&pair[0])) > Ranked::from(row(&pair[1]));
        if !rows.windows(2).all(falls) || rows.iter().any(|record| row(record).score.is_nan()) {
            return Err(CodecError::Damaged);
        }
        // Where there is room, the lowest first: a row that is higher than most stays where it is put.
        let (roomy, rest) = rows.split_at(rows.len().min(self.limit - self.kept.len()));
        for TopRow { score, file, row } in roomy.iter().rev().map(row) {
            self.push(score, file, row);
        }
        // Below the first that is refused all are.
        let _ = rest.iter().map(row).all(|TopRow { score, file, row }| self.push(score, file, row));
        Ok(())
    }

    /// What a later row must score at least to be kept; nothing while there is room for any.
    #[must_use]
    pub fn floor(&self) -> Option<f64> {
        self.lowest().filter(|_| self.kept.len() == self.limit).map(|row| row.score)
    }

    /// The lowest of the rows kept.
    #[must_use]
    pub fn lowest(&self) -> Option<TopRow> {
        self.kept.peek().map(|Reverse(row)| (*row).into())
    }

    /// Checksummed bytes; the same for the same rows.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.len(self.limit);
        writer.len(self.kept.len());
        // Ascending in `Reverse` is descending in rank.
        for Reverse(Ranked { score, file, row }) in self.kept.into_sorted_vec() {
            writer.f64(score);
            writer.u32(file);
            writer.u64(row);
        }
        writer.finish()
    }
}

/// A row as it is written.
fn row(record: &[u8; 20]) -> TopRow {
    let [score, place] = [0, 12].map(|at| u64::from_le_bytes(record[at..at + 8].try_into().expect("eight bytes")));
    let file = u32::from_le_bytes(record[8..12].try_into().expect("four bytes"));
    TopRow { score: f64::from_bits(score), file, row: place }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_highest_rows_are_kept_however_they_come(
            scores in prop::collection::vec((-4_i8..5, 0_u32..3), 0..120), limit in 0_usize..20, cut in 0_usize..120,
        ) {
            let rows: Vec<TopRow> = scores.iter().zip(0..)
                .map(|(&(score, file), row)| TopRow { score: f64::from(score), file, row }).collect();
            let mut expected = rows.clone();
            expected.sort_by(|a, b| b.score.total_cmp(&a.score).then((a.file, a.row).cmp(&(b.file, b.row))));
            expected.truncate(limit);

            let (mut left, mut right) = (TopRows::new(limit), TopRows::new(limit));
            for (i, row) in rows.iter().enumerate() {
                let side = if i < cut { &mut left } else { &mut right };
                side.push(row.score, row.file, row.row);
                prop_assert!(!side.push(f64::NAN, row.file, row.row));
            }
            // What the floor keeps out would not have been kept.
            let mut later = TopRows::new(limit);
            for row in rows.iter().skip(cut).filter(|row| left.floor().is_none_or(|floor| row.score >= floor)) {
                later.push(row.score, row.file, row.row);
            }
            later.merge(&left.clone().into_bytes()).unwrap();
            right.merge(&left.into_bytes()).unwrap();
            prop_assert_eq!(later.into_bytes(), right.clone().into_bytes());
            prop_assert_eq!(right.lowest(), expected.last().copied());
            let mut read = TopRows::new(limit);
            read.merge(&right.clone().into_bytes()).unwrap();
            prop_assert_eq!(read.clone().into_bytes(), right.into_bytes());
            prop_assert_eq!(sorted(read), expected);
        }
    }

    fn sorted(top: TopRows) -> Vec<TopRow> {
        top.kept.into_sorted_vec().into_iter().map(|Reverse(row)| row.into()).collect()
    }

    #[test]
    fn rows_that_do_not_fall_and_rows_without_a_score_are_no_rank() {
        let check = |rows: &[(f64, u64)]| {
            let mut writer = Writer::new(MAGIC);
            writer.len(9);
            writer.len(rows.len());
            for &(score, row) in rows {
                writer.f64(score);
                writer.u32(0);
                writer.u64(row);
            }
            TopRows::new(9).merge(&writer.finish())
        };
        assert_eq!(check(&[(2.0, 7), (1.0, 3), (1.0, 4)]), Ok(()));
        for odd in [&[(1.0, 3), (2.0, 7)][..], &[(1.0, 4), (1.0, 3)], &[(1.0, 3), (1.0, 3)], &[(f64::NAN, 3)]] {
            assert_eq!(check(odd), Err(CodecError::Damaged), "{odd:?}");
        }
    }

    #[test]
    fn zeros_of_both_signs_are_equal() {
        let mut top = TopRows::new(1);
        top.push(-0.0, 0, 1);
        top.push(0.0, 0, 2);
        assert_eq!(sorted(top)[0].row, 1);
    }
}
