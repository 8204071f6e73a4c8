//! The frozen distribution of scores: what share of the rows lies above a score.
//!
//! Kept are the scores of the sampled rows: all of them when few, else the 4,096 highest and 2,048 evenly spaced ones
//! below. A threshold therefore rests on neighbouring order statistics as long as it flags up to 4,096 sampled rows.

use serde::{Deserialize, Serialize};

use crate::Level;
use crate::severity::Severity;

const KEPT_TOP: usize = 4096;
const KEPT_BELOW: usize = 2048;

/// Above which score a row is flagged.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Rows with a score greater than this are anomalies.
    pub value: f64,
    /// One standard error of the share of rows that will be flagged; 0 when every row was in the distribution.
    pub share_error: f64,
}

/// Order statistics of the scores of the sampled rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Distribution {
    /// Rows the distribution is of.
    rows: u64,
    /// Whether those are all rows of the source.
    complete: bool,
    /// Ranks kept, counted from 0 at the lowest score, rising.
    ranks: Vec<u64>,
    /// The score at each kept rank.
    scores: Vec<f64>,
}

impl Distribution {
    /// The same, of the scores of a sample.
    pub(crate) fn of_sample(self) -> Self {
        Self { complete: false, ..self }
    }

    /// The distribution of `scores`, of which none is NaN. There must be one at least.
    pub(crate) fn new(mut scores: Vec<f64>, complete: bool) -> Self {
        scores.sort_unstable_by(f64::total_cmp);
        let below = scores.len().saturating_sub(KEPT_TOP);
        let spaced = below.min(KEPT_BELOW);
        let ranks: Vec<usize> = (0..spaced).map(|i| i * below / spaced).chain(below..scores.len()).collect();
        Self {
            rows: scores.len() as u64,
            complete,
            scores: ranks.iter().map(|&rank| scores[rank]).collect(),
            ranks: ranks.into_iter().map(|rank| rank as u64).collect(),
        }
    }

    /// Of no row: nobody knows how the scores are distributed.
    pub(crate) fn unknown() -> Self {
        Self { rows: 0, complete: false, ranks: vec![], scores: vec![] }
    }

    /// Whether it is of rows.
    pub(crate) fn is_known(&self) -> bool {
        self.rows > 0
    }

    /// `numpy.percentile(scores, 100 * (1 - contamination))`, linear between order statistics; none of no row.
    pub(crate) fn threshold(&self, contamination: f64) -> Option<Threshold> {
        let share = contamination.clamp(0.0, 1.0);
        let last = self.ranks.len().checked_sub(1)?;
        let rank = (self.rows - 1) as f64 * (1.0 - share);
        let above = self.ranks.partition_point(|&kept| kept as f64 <= rank).min(last);
        let below = above.saturating_sub(1);
        let gap = (self.ranks[above] - self.ranks[below]).max(1) as f64;
        let part = ((rank - self.ranks[below] as f64) / gap).clamp(0.0, 1.0);
        let (low, high) = (self.scores[below], self.scores[above]);
        // As `NumPy` does: from the nearer end, so that both ends are met exactly.
        let value = if part < 0.5 { low + (high - low) * part } else { high - (high - low) * (1.0 - part) };
        let share_error = if self.complete { 0.0 } else { (share * (1.0 - share) / self.rows as f64).sqrt() };
        Some(Threshold { value, share_error })
    }

    /// How severe scores are among these; none among those of no row.
    pub(crate) fn severity(&self, level: Level) -> Option<Severity> {
        self.is_known().then(|| Severity::new(level, &self.ranks, &self.scores, self.rows))
    }

    /// Rows the distribution is of.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Whether what was read is a distribution.
    pub(crate) fn is_sound(&self) -> bool {
        let rising = |pair: &[u64]| pair[0] < pair[1];
        if *self == Self::unknown() {
            return true;
        }
        self.rows > 0
            && self.ranks.len() == self.scores.len()
            && self.ranks.windows(2).all(rising)
            && self.ranks.first() == Some(&0)
            && self.ranks.last() == Some(&(self.rows - 1))
            && self.scores.iter().all(|score| score.is_finite())
            && self.scores.windows(2).all(|pair| pair[0] <= pair[1])
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    /// `numpy.percentile` from all scores.
    fn percentile(sorted: &[f64], share: f64) -> f64 {
        let rank = (sorted.len() - 1) as f64 * share;
        let below = rank.floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank")]
        let index = below as usize;
        sorted[index] + (sorted[(index + 1).min(sorted.len() - 1)] - sorted[index]) * (rank - below)
    }

    #[test]
    fn thresholds_are_percentiles() {
        for length in [1_usize, 2, 3, 10, 4096, 6143, 6144, 6145, 100_000] {
            let scores: Vec<f64> = (0..length).map(|i| (i * 7919 % length) as f64).collect();
            let distribution = Distribution::new(scores.clone(), true);
            assert!(distribution.is_sound());
            let mut sorted = scores;
            sorted.sort_unstable_by(f64::total_cmp);
            for contamination in [0.0, 0.001, 0.01, 0.04, 0.1, 0.5] {
                let expected = percentile(&sorted, 1.0 - contamination);
                let found = distribution.threshold(contamination).unwrap();
                assert!((found.value - expected).abs() <= 1e-9 * expected.max(1.0), "{length} {contamination}");
                assert_eq!(found.share_error, 0.0);
            }
        }
    }

    #[test]
    fn a_sample_says_how_far_off_it_may_be() {
        let distribution = Distribution::new((0..10_000).map(f64::from).collect(), false);
        assert!((distribution.threshold(0.01).unwrap().share_error - 0.000_995).abs() < 1e-6);
    }
}
