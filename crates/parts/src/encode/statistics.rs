//! Least and greatest values of a column chunk, for readers that skip.

use parquet::data_type::ByteArray;
use parquet::file::statistics::{Statistics, ValueStatistics};

const LANES: usize = 8;

/// Longer texts are left out: a bound of a megabyte serves nobody.
const TEXT_BYTES_MAX: usize = 64;

/// Of integers.
#[derive(Debug, Default)]
pub(super) struct Integers(Option<(i64, i64)>);

impl Integers {
    pub(super) fn observe(&mut self, values: &[i64]) {
        if let Some((min, max)) = values.iter().min().zip(values.iter().max()) {
            self.widen(*min, *max);
        }
    }

    /// Observes numbers of which these are the least and the greatest.
    pub(super) fn widen(&mut self, low: i64, high: i64) {
        self.0 = Some(self.0.map_or((low, high), |(min, max)| (min.min(low), max.max(high))));
    }

    pub(super) fn finish(&mut self, nulls: u64) -> Statistics {
        let (min, max) = self.0.take().unzip();
        ValueStatistics::new(min, max, None, Some(nulls), false).into()
    }
}

/// Of doubles, NaN counted apart; -0 lies below +0, as the footer's column order says.
#[derive(Debug)]
pub(super) struct Doubles {
    min: f64,
    max: f64,
    nans: u64,
    seen: u64,
}

impl Default for Doubles {
    fn default() -> Self {
        Self { min: f64::INFINITY, max: f64::NEG_INFINITY, nans: 0, seen: 0 }
    }
}

impl Doubles {
    pub(super) fn observe(&mut self, values: &[f64]) {
        // A comparison with NaN is false, so NaN changes nothing; these two lines are one instruction each.
        let least = |a: f64, b: f64| if b < a { b } else { a };
        let most = |a: f64, b: f64| if b > a { b } else { a };
        let (mut mins, mut maxs, mut nans) = ([f64::INFINITY; LANES], [f64::NEG_INFINITY; LANES], [0_u64; LANES]);
        let (blocks, rest) = values.as_chunks::<LANES>();
        let mut lane = |lane: usize, value: f64| {
            mins[lane] = least(mins[lane], value);
            maxs[lane] = most(maxs[lane], value);
            nans[lane] += u64::from(value.is_nan());
        };
        for block in blocks {
            (0..LANES).for_each(|index| lane(index, block[index]));
        }
        rest.iter().enumerate().for_each(|(index, value)| lane(index, *value));
        let (mut min, mut max) = (mins.into_iter().fold(self.min, least), maxs.into_iter().fold(self.max, most));
        // Comparisons do not tell the zeros apart; look only when a bound is one.
        let has = |zero: f64| values.iter().any(|value| value.to_bits() == zero.to_bits());
        if min == 0.0 && (has(-0.0) || (self.min == 0.0 && self.min.is_sign_negative())) {
            min = -0.0;
        }
        if max == 0.0 && (has(0.0) || (self.max == 0.0 && self.max.is_sign_positive())) {
            max = 0.0;
        }
        *self = Self { min, max, nans: self.nans + nans.iter().sum::<u64>(), seen: self.seen + values.len() as u64 };
    }

    pub(super) fn finish(&mut self, nulls: u64) -> Statistics {
        let Self { min, max, nans, seen } = std::mem::take(self);
        let bounds = (seen > nans).then_some((min, max));
        let statistics = ValueStatistics::new(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false);
        statistics.with_nan_count(Some(nans)).into()
    }
}

/// Of flags.
#[derive(Debug, Default)]
pub(super) struct Booleans {
    seen: usize,
    set: usize,
}

impl Booleans {
    pub(super) fn observe(&mut self, seen: usize, set: usize) {
        self.seen += seen;
        self.set += set;
    }

    pub(super) fn finish(&mut self, nulls: u64) -> Statistics {
        let Self { seen, set } = std::mem::take(self);
        let bounds = (seen > 0).then_some((set == seen, set > 0));
        ValueStatistics::new(bounds.map(|b| b.0), bounds.map(|b| b.1), None, Some(nulls), false).into()
    }
}

/// Of texts: the bounds of the dictionary are those of the column.
pub(super) fn of_texts<'a>(texts: impl Iterator<Item = &'a str> + Clone, nulls: u64) -> Statistics {
    let bounds = texts.clone().min().zip(texts.max());
    let bounds = bounds.filter(|(min, max)| min.len().max(max.len()) <= TEXT_BYTES_MAX);
    let bytes = |text: &str| ByteArray::from(text.as_bytes().to_vec());
    let (min, max) = bounds.map(|(min, max)| (bytes(min), bytes(max))).unzip();
    ValueStatistics::new(min, max, None, Some(nulls), false).into()
}
