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

#[derive(Clone, Copy, Debug)]
struct Ranked(TopRow);

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (&self.0, &other.0);
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

    /// Offers a row.
    pub fn push(&mut self, score: f64, file: u32, row: u64) {
        if score.is_nan() {
            return;
        }
        let offered = Ranked(TopRow { score, file, row });
        if self.kept.len() < self.limit {
            self.kept.push(Reverse(offered));
        } else if let Some(mut lowest) = self.kept.peek_mut()
            && offered > lowest.0
        {
            *lowest = Reverse(offered);
        }
    }

    /// Adds the rows another one kept.
    pub fn merge(&mut self, other: &Self) {
        for Reverse(Ranked(row)) in &other.kept {
            self.push(row.score, row.file, row.row);
        }
    }

    /// The lowest of the rows kept.
    #[must_use]
    pub fn lowest(&self) -> Option<TopRow> {
        self.kept.peek().map(|Reverse(Ranked(row))| *row)
    }

    /// The rows kept, highest first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<TopRow> {
        // Ascending in `Reverse` is descending in rank.
        self.kept.into_sorted_vec().into_iter().map(|Reverse(Ranked(row))| row).collect()
    }

    /// Checksummed bytes; the same for the same rows.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut writer = Writer::new(MAGIC);
        writer.len(self.limit);
        let rows = self.clone().into_sorted();
        writer.len(rows.len());
        for row in rows {
            writer.f64(row.score);
            writer.u32(row.file);
            writer.u64(row.row);
        }
        writer.finish()
    }

    /// Reads what [`TopRows::to_bytes`] wrote.
    ///
    /// # Errors
    /// When the bytes are damaged or something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, CodecError> {
        let mut reader = Reader::new(bytes, MAGIC)?;
        let limit = usize::try_from(reader.u64()?).map_err(|_| CodecError::Damaged)?;
        let count = reader.len(20)?;
        let mut top = Self::new(limit);
        for _ in 0..count {
            let (score, file, row) = (reader.f64()?, reader.u32()?, reader.u64()?);
            top.push(score, file, row);
        }
        reader.finish()?;
        if top.kept.len() == count { Ok(top) } else { Err(CodecError::Damaged) }
    }
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
                side.push(f64::NAN, row.file, row.row);
            }
            right.merge(&left);
            let bytes = right.to_bytes();
            let read = TopRows::from_bytes(&bytes).unwrap();
            prop_assert_eq!(read.lowest(), expected.last().copied());
            prop_assert_eq!(read.to_bytes(), bytes);
            prop_assert_eq!(read.into_sorted(), expected.clone());
            prop_assert_eq!(right.into_sorted(), expected);
        }
    }

    #[test]
    fn zeros_of_both_signs_are_equal() {
        let mut top = TopRows::new(1);
        top.push(-0.0, 0, 1);
        top.push(0.0, 0, 2);
        assert_eq!(top.into_sorted()[0].row, 1);
    }
}
