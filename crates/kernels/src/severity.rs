//! How severe a score is: which share of the rows scores lower, in percent.
//!
//! Between neighbouring scores of the [distribution](crate::distribution) it is a straight line, as percentiles are there: a row
//! that scores above the threshold of a contamination of 1 % has more than 99. Rows that score alike have what the lowest of
//! them would have. From the highest score on it goes on rising, the slower the further out, and comes to 100 where a double
//! cannot tell it from that:
//!
//! ```text
//! severity(score) = 100 (1 - rest / (1 + (score - highest) / (highest - median)))
//! ```
//!
//! Where it is less than 99 it is rounded down to a 64th: there, nobody asks for more, and it takes a quarter of the room in a file.

use crate::Level;
use crate::knots::{Lookup, thinned};
use crate::numbers::WHOLE;

/// From here on, nothing is rounded, and every score that is known is a knot.
const EXACT: f64 = 99.0;

/// So many steps are in one percent below.
const STEPS: f64 = 64.0;

/// Between two knots below, it rises by at most this, or no score lies there.
const KNOTS: f64 = 0.1;

/// The rank that is left above the highest score where no other row has it.
const ABOVE: f64 = 0.001;

/// Severities of scores.
#[derive(Clone, Debug)]
pub struct Severity {
    level: Level,
    lookup: Lookup,
    highest: f64,
    /// What is left to 100 at the highest score.
    rest: f64,
    /// How far above that half of it is left.
    scale: f64,
}

impl Severity {
    /// Of scores at these ranks, both rising, among so many rows. There must be one at least.
    pub(crate) fn new(level: Level, ranks: &[u64], scores: &[f64], rows: u64) -> Self {
        let last = (rows - 1) as f64;
        let highest = scores[scores.len() - 1];
        let first = scores.partition_point(|score| *score < highest);
        let left = if first == 0 { last.max(1.0) } else { (last - ranks[first] as f64).max(ABOVE) };
        let percent = |rank: f64| 100.0 * (rank / last.max(1.0));
        let rest = percent(left);
        let points = points(&ranks[..first], &scores[..first]).map(|(score, rank)| (score, percent(rank)));
        let points: Vec<(f64, f64)> = points.chain([(highest, 100.0 - rest)]).collect();
        let (ordinary, severe) = points.split_at(points.partition_point(|point| point.1 < EXACT));
        let (mut places, mut values) = thinned(ordinary.iter().copied(), KNOTS);
        let middle = places.len().max(1);
        places.extend(severe.iter().map(|point| point.0));
        values.extend(severe.iter().map(|point| point.1));
        let median = scores[ranks.partition_point(|rank| *rank < rows / 2).min(scores.len() - 1)];
        let spread = [highest - median, highest.abs()].into_iter().find(|spread| *spread > 0.0 && spread.is_finite());
        let lookup = Lookup::of_middle(&places, &values, 0..middle);
        Self { level, lookup, highest, rest, scale: spread.unwrap_or(1.0) }
    }

    /// The severity of each score, from 0 to 100; NaN for NaN.
    #[must_use]
    pub fn of(&self, scores: &[f64]) -> Vec<f64> {
        let mut severities = vec![0.0; scores.len()];
        self.lookup.each(self.level, scores, &mut severities, |score| self.beyond(score));
        round(self.level, scores, self.highest, &mut severities);
        severities
    }

    /// Of a score from the highest on.
    fn beyond(&self, score: f64) -> f64 {
        100.0 - self.rest / (1.0 + (score - self.highest) / self.scale)
    }
}

levels! {
    /// Rounds severities of less than 99 down to a step, but for those of scores from the highest on.
    fn round(scores: &[f64], highest: f64, severities: &mut [f64]) = round_body;
}

#[inline(always)]
fn round_body(scores: &[f64], highest: f64, severities: &mut [f64]) {
    for (score, severity) in scores.iter().zip(severities) {
        let steps = *severity * STEPS;
        // The nearest whole number, and one less where that is above.
        let nearest = (steps + WHOLE) - WHOLE;
        let down = if nearest > steps { nearest - 1.0 } else { nearest };
        *severity = if *score < highest && *severity < EXACT { down * (1.0 / STEPS) } else { *severity };
    }
}

/// Each score and its rank; where several rows have one, also the place behind it, where the rank is the last of theirs.
fn points<'a>(ranks: &'a [u64], scores: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
    let mut start = 0;
    scores.chunk_by(|a, b| a >= b).flat_map(move |ties| {
        let (score, first) = (ties[0], ranks[start]);
        start += ties.len();
        let (behind, last) = (score.next_up(), ranks[start - 1]);
        let apart = last > first && scores.get(start).is_none_or(|next| *next > behind);
        [Some((score, first as f64)), apart.then_some((behind, last as f64))].into_iter().flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;

    fn of(scores: &[f64]) -> (Distribution, Severity) {
        let distribution = Distribution::new(scores.to_vec(), true);
        let severity = distribution.severity(Level::detect()).unwrap();
        (distribution, severity)
    }

    #[test]
    fn what_is_flagged_has_more_than_its_share_leaves_and_the_rest_has_no_more() {
        for rows in [2_u32, 3, 10, 49, 101, 4097, 100_000] {
            // Few values, so that many rows score alike; and a tail.
            for values in [3, 50, 1_000_000] {
                let score = |row: u32| f64::from(row.wrapping_mul(2_654_435_761) % values).powi(3);
                let scores: Vec<f64> = (0..rows).map(score).collect();
                let (distribution, severity) = of(&scores);
                for (share, least) in [(0.01, 99.0), (0.001, 99.9), (0.0, 100.0 - 1e-9)] {
                    let threshold = distribution.threshold(share).unwrap().value;
                    for (score, severity) in scores.iter().zip(severity.of(&scores)) {
                        assert!((0.0..=100.0).contains(&severity));
                        assert!(*score <= threshold || severity >= least, "{rows} {values} {share}: {severity}");
                        assert!(
                            *score > threshold || severity <= least + 1e-9 || rows < 200,
                            "{rows} {values}: {severity}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn it_is_the_share_that_scores_lower() {
        let scores: Vec<f64> = (0..10_000).map(f64::from).collect();
        let (_, severity) = of(&scores);
        for (score, found) in scores.iter().zip(severity.of(&scores)) {
            let expected = 100.0 * score / 9_999.0;
            assert!(
                (found - expected).abs() <= if expected < 99.0 { 1.0 / 64.0 + 1e-9 } else { 1e-4 },
                "{score}: {found}"
            );
        }
        let (_, tied) = of(&[1.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 3.0, 4.0]);
        assert_eq!(tied.of(&[0.0, 1.0, 2.0, 3.0]), [0.0, 0.0, 10.0, 90.0]);
        let between = tied.of(&[2.5])[0];
        assert!(80.0 < between && between < 90.0, "{between}");
    }

    #[test]
    fn it_rises_with_the_score_and_beyond_the_highest_too() {
        for scores in [
            vec![5.0],
            vec![0.0; 7],
            vec![-1e300, 0.0, 1e300],
            (0..9000).map(|row| f64::from(row).exp2().min(1e9)).collect(),
        ] {
            let (_, severity) = of(&scores);
            let highest = scores.iter().copied().fold(f64::MIN, f64::max);
            let step = if highest == 0.0 { 1.0 } else { highest.abs() };
            let mut further: Vec<f64> = scores.clone();
            further.sort_unstable_by(f64::total_cmp);
            further.extend(
                (1..1000).map(|steps| highest + step * 0.1 * f64::from(steps)).filter(|score| score.is_finite()),
            );
            let found = severity.of(&further);
            assert!(found.windows(2).all(|pair| pair[0] <= pair[1]), "{scores:?}");
            let beyond = &found[scores.len()..];
            assert!(beyond.windows(2).all(|pair| pair[0] < pair[1]) && beyond.iter().all(|severity| *severity < 100.0));
            let [most, none] = severity.of(&[f64::MAX, f64::NAN])[..] else { unreachable!("two scores") };
            assert!(most <= 100.0 && none.is_nan());
        }
    }

    #[test]
    fn below_99_it_is_rounded_down_and_the_same_at_every_level() {
        let scores: Vec<f64> = (0..5_000).map(|row| f64::from(row * 7919 % 5_000).powi(2)).collect();
        let distribution = Distribution::new(scores.clone(), true);
        let asked: Vec<f64> = scores.into_iter().chain([-1.0, 1e300, f64::NAN, 0.5]).collect();
        let plain = distribution.severity(Level::BASELINE).unwrap();
        let expected = plain.of(&asked);
        for level in Level::available() {
            let found = distribution.severity(level).unwrap().of(&asked);
            assert!(found.iter().zip(&expected).all(|(a, b)| a.to_bits() == b.to_bits()), "{level:?}");
        }
        for (score, severity) in asked.iter().zip(expected) {
            let exact = plain.lookup.at(*score).unwrap_or(f64::NAN);
            let down = if exact < EXACT { (exact * STEPS).floor() / STEPS } else { severity };
            assert_eq!(severity.to_bits(), down.to_bits(), "{score}");
        }
    }
}
