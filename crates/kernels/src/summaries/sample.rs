//! Rows chosen by a keyed hash of where they are.
//!
//! A row is in the sample when `hash(seed, file, row) < 2^64 * cap / rows`. Whether it is depends on nothing else: not on
//! the worker, the chunk, the batch or the time. Where the source has at most `cap` rows, all of them are in.
//! The hash is the finalizer of splitmix64 over `key + row * 0x9e3779b97f4a7c15`, where the key is the same finalizer
//! over the seed and the file number. It spreads consecutive numbers evenly, which is all that is needed: the rows are
//! not secret.

use crate::Batch;
use crate::batch::Numbers;
use crate::codec::{CodecError, Reader, Writer};
use crate::keyed::{GOLDEN, mix, subkey};

/// Bytes of sampled numbers, as long as that leaves a useful number of rows.
const SAMPLE_BYTES: u64 = 8 << 20;
const ROWS_MIN: u64 = 2048;
const ROWS_MAX: u64 = 131_072;
const PILOT_ROWS_MAX: u64 = 32_768;

/// Which rows are in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sampling {
    seed: u64,
    /// Hashes below this are in; `None` when all rows are.
    limit: Option<u64>,
}

impl Sampling {
    /// The sampling of a source of `rows` rows and `columns` columns.
    pub(crate) fn new(seed: u64, rows: u64, columns: usize) -> Self {
        Self::at_most(seed, rows, Self::rows_max(columns))
    }

    /// How many rows of so many columns are sampled.
    pub(crate) fn rows_max(columns: usize) -> u64 {
        (SAMPLE_BYTES / (8 * columns.max(1) as u64)).clamp(ROWS_MIN, ROWS_MAX)
    }

    /// Of `rows` rows a few more than `wanted`, so that they are no fewer: six standard errors.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the root of a count")]
    pub(crate) fn no_fewer(seed: u64, rows: u64, wanted: u64) -> Self {
        Self::at_most(seed, rows, wanted.saturating_add((6.0 * (wanted as f64).sqrt()) as u64 + 32))
    }

    /// The sampling of a pilot of `rows` rows: fewer rows, because they only say where to look.
    pub(crate) fn of_pilot(seed: u64, rows: u64, columns: usize) -> Self {
        Self::at_most(seed, rows, (SAMPLE_BYTES / (8 * columns.max(1) as u64)).clamp(ROWS_MIN, PILOT_ROWS_MAX))
    }

    fn at_most(seed: u64, rows: u64, cap: u64) -> Self {
        let limit = (rows > cap).then(|| (u128::from(cap) << 64) / u128::from(rows));
        // Below 2^64, because cap < rows.
        let limit = limit.and_then(|limit| limit.try_into().ok());
        Self { seed, limit }
    }

    /// Whether every row is in the sample, so that it is no sample at all.
    pub(crate) fn takes_all(self) -> bool {
        self.limit.is_none()
    }
}

/// The sampled rows, in the order of the source, column by column. A missing cell is NaN; an extreme one is itself.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    pub(crate) columns: Vec<Vec<f64>>,
    /// Positions within a batch, kept to reuse its memory.
    picked: Vec<u32>,
}

impl Sample {
    pub(crate) fn new(columns: usize) -> Self {
        Self { columns: vec![Vec::new(); columns], picked: Vec::new() }
    }

    pub(crate) fn rows(&self) -> usize {
        self.columns.first().map_or(0, Vec::len)
    }

    /// Adds those of the batch's rows that are in.
    pub(crate) fn observe(&mut self, sampling: Sampling, batch: &Batch<'_>) {
        self.picked.clear();
        let rows = u32::try_from(batch.rows()).expect("a batch has fewer than 2^32 rows");
        match sampling.limit {
            None => self.picked.extend(0..rows),
            Some(limit) => {
                pick(subkey(sampling.seed, u64::from(batch.file())), limit, batch.numbers(), rows, &mut self.picked);
            }
        }
        for (sampled, column) in self.columns.iter_mut().zip(batch.columns()) {
            sampled.extend(self.picked.iter().map(|&row| {
                let value = column.value(row as usize);
                // One NaN, so that its payload does not tell null from NaN in the summary's bytes.
                if value.is_nan() { f64::NAN } else { value }
            }));
        }
    }

    /// Adds the rows of a later chunk.
    pub(crate) fn merge(&mut self, later: &Self) {
        for (mine, later) in self.columns.iter_mut().zip(&later.columns) {
            mine.extend_from_slice(later);
        }
    }

    pub(crate) fn encode(&self, writer: &mut Writer) {
        for column in &self.columns {
            writer.f64s(column);
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>, columns: usize) -> Result<Self, CodecError> {
        let columns = (0..columns).map(|_| reader.f64s()).collect::<Result<Vec<_>, _>>()?;
        let sample = Self { columns, picked: Vec::new() };
        let rows = sample.rows();
        if sample.columns.iter().all(|column| column.len() == rows) { Ok(sample) } else { Err(CodecError::Damaged) }
    }
}

/// The positions of the rows whose hash lies below `limit`. No branch depends on a hash.
fn pick(key: u64, limit: u64, numbers: Numbers<'_>, rows: u32, picked: &mut Vec<u32>) {
    picked.resize(rows as usize + 1, 0);
    let counter = |number: u64| key.wrapping_add(number.wrapping_mul(GOLDEN));
    let mut count = 0;
    let mut offer = |row: u32, counter: u64| {
        picked[count] = row;
        count += usize::from(mix(counter) < limit);
    };
    match numbers {
        Numbers::From(first) => {
            let mut counter = counter(first);
            for row in 0..rows {
                offer(row, counter);
                counter = counter.wrapping_add(GOLDEN);
            }
        }
        Numbers::Each(numbers) => (0..rows).zip(numbers).for_each(|(row, &number)| offer(row, counter(number))),
    }
    picked.truncate(count);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Column;

    fn sampled(sampling: Sampling, file: u32, cuts: &[usize]) -> Vec<f64> {
        let values: Vec<f64> = (0..100_000).map(f64::from).collect();
        let mut sample = Sample::new(1);
        for pair in cuts.windows(2) {
            let column = [Column::new(&values[pair[0]..pair[1]], None).unwrap()];
            sample.observe(sampling, &Batch::new(&column, file, pair[0] as u64).unwrap());
        }
        sample.columns.remove(0)
    }

    #[test]
    fn the_rows_chosen_depend_on_where_they_are_and_on_nothing_else() {
        let sampling = Sampling::new(7, 1_000_000, 1000);
        let whole = sampled(sampling, 3, &[0, 100_000]);
        assert_eq!(whole, sampled(sampling, 3, &[0, 1, 2050, 2050, 64_000, 100_000]));
        assert_ne!(whole, sampled(sampling, 4, &[0, 100_000]));
        assert_ne!(whole, sampled(Sampling::new(8, 1_000_000, 1000), 3, &[0, 100_000]));
    }

    #[test]
    fn rows_with_numbers_of_their_own_are_chosen_as_among_all() {
        let sampling = Sampling::new(7, 1_000_000, 1000);
        let numbers: Vec<u64> = (0..100_000).filter(|row| row % 3 == 1).collect();
        let values: Vec<f64> = numbers.iter().map(|&row| row as f64).collect();
        let column = [Column::new(&values, None).unwrap()];
        let mut sample = Sample::new(1);
        sample.observe(sampling, &Batch::of_rows(&column, 3, &numbers).unwrap());
        let mut of_all = sampled(sampling, 3, &[0, 100_000]);
        of_all.retain(|row| values.contains(row));
        assert_eq!(sample.columns[0], of_all);
        assert!(!of_all.is_empty());
    }

    #[test]
    fn the_share_of_rows_is_the_share_asked_for() {
        for (rows, columns, expected) in [(1_000_000, 1000, 204.8), (1_000_000, 10, 10_485.76), (200_000, 1, 65_536.0)]
        {
            let count = sampled(Sampling::new(0, rows, columns), 0, &[0, 100_000]).len() as f64;
            assert!((count - expected).abs() < 5.0 * f64::sqrt(expected), "{count} of {expected}");
        }
        let all = Sampling::new(0, 104_857, 10);
        assert!(all.takes_all() && !Sampling::new(0, 104_858, 10).takes_all());
        assert_eq!(sampled(all, 0, &[0, 100_000]).len(), 100_000);
    }
}
