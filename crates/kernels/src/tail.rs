//! How rare a score is among a member's own scores: -ln(1 - rank).
//!
//! The rank of a sampled score is (average rank - 1/2) / rows, as `SciPy`'s `rankdata` counts. It is frozen as *knots*, so
//! close that between two of them the rarity rises by less than 1/200 or no score lies; in between it is a straight
//! line. In the top percent ranks say less and less, and past the largest sampled score nothing. There a generalised
//! Pareto tail continues the rarity without end, so that the worst of a hundred million rows are still told apart by how
//! bad they are:
//!
//! ```text
//! rarity(u + y) = rarity(u) + ln(1 + shape * y / scale) / shape        (y / scale where the shape is 0)
//! ```
//!
//! A straight line would not end before the doubles do, and a number that large swallows what another member adds. So
//! where the shape is 0 the line becomes a logarithm 1,000 above its beginning, which no ordinary row reaches.
//!
//! Scale and shape are fitted to the median and the upper quartile of the exceedances (Pickands' estimator), not to
//! their mean and variance: one cell holding 999999999 in place of a number would set those alone, and flatten the tail
//! for every other row. The shape is held to 0..=2; without the lower bound the tail would end.

use serde::{Deserialize, Serialize};

use crate::Level;
use crate::knots::{self, Lookup, thinned};
use crate::numbers::{ln, log2};

/// Between knots no score is left out where the rarity rises by more than this.
const STEP: f64 = 0.005;

/// One row in so many is in the tail; but at least so many rows, as far as there are.
const TAIL_ROWS: usize = 100;

/// The heaviest tail.
const SHAPE_MAX: f64 = 2.0;

/// So far above its beginning, a straight tail bends.
const STRAIGHT: f64 = 1000.0;

/// A frozen distribution of rarities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tail {
    /// The scores of the knots, rising; the last is where the tail begins.
    scores: Vec<f64>,
    /// The rarity of each.
    rarities: Vec<f64>,
    scale: f64,
    shape: f64,
}

impl Tail {
    /// The rarities of a member whose sampled scores, of which there is one at least, are `sorted`.
    pub(crate) fn new(sorted: &[f64]) -> Self {
        let in_tail = (sorted.len() / 100).max(TAIL_ROWS).min(sorted.len() / 2);
        let begin = sorted[sorted.len() - in_tail - 1];
        let exceeding = sorted.partition_point(|score| *score <= begin);
        let (scores, rarities) = thinned(rarities(&sorted[..exceeding], sorted.len()), STEP);
        let exceedances: Vec<f64> = sorted[exceeding..].iter().map(|score| score - begin).collect();
        let (scale, shape) = pareto(&exceedances).unwrap_or_else(|| {
            // Nothing lies above: go on as steeply as the knots do on the whole.
            let rise = rarities[rarities.len() - 1] - rarities[0];
            let slope = (scores[scores.len() - 1] - scores[0]) / rise;
            (if slope > 0.0 && slope.is_finite() { slope } else { 1.0 }, 0.0)
        });
        Self { scores, rarities, scale, shape }
    }

    pub(crate) fn is_sound(&self) -> bool {
        knots::are_sound(&self.scores, &self.rarities)
            && (self.rarities[0] > 0.0 && self.scale > 0.0 && self.scale.is_finite())
            && (self.shape == 0.0 || (SHAPE_MIN..=SHAPE_MAX).contains(&self.shape))
    }

    /// The rarity of a score beyond the last knot.
    fn beyond(&self, score: f64) -> f64 {
        let last = self.scores.len() - 1;
        let exceedance = ((score - self.scores[last]) / self.scale).min(f64::MAX / 4.0);
        let rise = if self.shape > 0.0 {
            ln(1.0 + self.shape * exceedance) / self.shape
        } else if exceedance > STRAIGHT {
            // As high and as steep as the line where it begins.
            STRAIGHT * (1.0 + ln(exceedance / STRAIGHT))
        } else {
            exceedance
        };
        self.rarities[last] + rise
    }
}

/// Below this, a shape is 0: dividing by it would cost the digits it stands for.
const SHAPE_MIN: f64 = 1e-6;

/// Each score of `sorted`, the lowest of `rows`, and its rarity.
fn rarities(sorted: &[f64], rows: usize) -> impl Iterator<Item = (f64, f64)> {
    let mut below = 0;
    sorted.chunk_by(|a, b| a >= b).map(move |ties| {
        // The average rank, less the half.
        let rank = below as f64 + ties.len() as f64 * 0.5;
        below += ties.len();
        (ties[0], -ln(1.0 - rank / rows as f64))
    })
}

/// The rarity of each of `scores` among them.
pub(crate) fn rarities_among(scores: &[f64]) -> Vec<f64> {
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (places, values): (Vec<f64>, Vec<f64>) = rarities(&sorted, sorted.len()).unzip();
    scores.iter().map(|score| values[places.partition_point(|place| place < score)]).collect()
}

/// Scale and shape of the generalised Pareto distribution with the median and upper quartile of the exceedances, which
/// rise from above 0. `None` without any.
fn pareto(exceedances: &[f64]) -> Option<(f64, f64)> {
    let (median, quartile) = (quantile(exceedances, 0.5)?, quantile(exceedances, 0.75)?);
    // Their ratio is 2^shape + 1.
    let power = (quartile / median - 1.0).clamp(1.0, 4.0);
    let shape = log2(power).min(SHAPE_MAX);
    let (scale, shape) = if shape < SHAPE_MIN {
        (median / std::f64::consts::LN_2, 0.0)
    } else {
        (median * (shape / (power - 1.0)), shape)
    };
    (scale > 0.0).then_some((scale.min(f64::MAX), shape))
}

/// The quantile of rising numbers, linear between neighbours.
fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let rank = sorted.len().checked_sub(1)? as f64 * share;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rank within the slice")]
    let below = rank as usize;
    let above = (below + 1).min(sorted.len() - 1);
    Some(sorted[below] + (sorted[above] - sorted[below]) * rank.fract())
}

/// Cells of the grid over the knots.
const GRID: u32 = 4096;

/// Answers rarities quickly.
#[derive(Clone, Debug)]
pub(crate) struct TailLookup<'m> {
    tail: &'m Tail,
    knots: Lookup,
}

impl<'m> TailLookup<'m> {
    pub(crate) fn new(tail: &'m Tail) -> Self {
        Self { tail, knots: Lookup::new(&tail.scores, &tail.rarities, GRID) }
    }

    /// The rarity of `score`, which is not NaN.
    #[inline]
    pub(crate) fn rarity(&self, score: f64) -> f64 {
        self.knots.at(score).unwrap_or_else(|| self.tail.beyond(score))
    }

    /// Writes the rarity of each of `scores`, none of which is NaN.
    pub(crate) fn each(&self, level: Level, scores: &[f64], rarities: &mut [f64]) {
        self.knots.each(level, scores, rarities, |score| self.tail.beyond(score));
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    fn heavy(count: u32) -> Vec<f64> {
        let mut scores: Vec<f64> = (0..count).map(|i| (1.0 / (1.0 - f64::from(i) / f64::from(count))).sqrt()).collect();
        scores.sort_unstable_by(f64::total_cmp);
        scores
    }

    #[test]
    fn every_level_says_of_many_scores_what_it_does_of_one() {
        for sorted in [heavy(20_000), (0..3000).map(|i| f64::from(i) / 7.0).collect(), vec![2.0; 9]] {
            let tail = Tail::new(&sorted);
            let lookup = TailLookup::new(&tail);
            let asked: Vec<f64> = (sorted.iter().step_by(7).flat_map(|score| [*score, score * 1.7 - 0.5]))
                .chain([-1e308, -0.0, 1e308])
                .collect();
            for level in Level::available() {
                let mut rarities = vec![f64::NAN; asked.len()];
                lookup.each(level, &asked, &mut rarities);
                for (score, found) in asked.iter().zip(rarities) {
                    assert_eq!(found.to_bits(), lookup.rarity(*score).to_bits(), "{level:?}: {score}");
                }
            }
        }
    }

    #[test]
    fn the_body_is_the_rank_and_the_tail_rises_for_ever() {
        for (sorted, is_heavy) in [
            (heavy(50_000), true),
            ((0..3000).map(|i| f64::from(i) / 7.0).collect(), false),
            ((0..20_000).map(|i| f64::from(i / 4000)).collect(), false),
        ] {
            let tail = Tail::new(&sorted);
            assert!(tail.is_sound());
            let lookup = TailLookup::new(&tail);
            let rows = sorted.len() as f64;
            for ties in sorted.chunk_by(|a, b| a == b) {
                let below = sorted.partition_point(|score| *score < ties[0]) as f64;
                let expected = -(1.0 - (below + ties.len() as f64 / 2.0) / rows).ln();
                let found = lookup.rarity(ties[0]);
                let in_body = ties[0] <= tail.scores[tail.scores.len() - 1];
                let allowed = if in_body { STEP } else { 0.12 * expected };
                // The last few ranks say little, and a tail that has an end is continued as if it had none.
                let comparable = in_body || (is_heavy && expected < 7.5);
                assert!(!comparable || (found - expected).abs() <= allowed, "{}: {found} {expected}", ties[0]);
            }
            let mut last = 0.0;
            for step in -300..3000 {
                let score = tail.scores[tail.scores.len() - 1] + f64::from(step).powi(3) * 1e-4;
                let rarity = lookup.rarity(score);
                assert!(rarity > last || score <= sorted[0], "{step}: {rarity} after {last}");
                last = rarity;
            }
            assert!(lookup.rarity(1e308).is_finite() && lookup.rarity(1e308) > last);
            assert_eq!(lookup.rarity(-1e308), tail.rarities[0]);
        }
    }

    #[test]
    fn a_wild_cell_in_the_sample_does_not_flatten_the_tail() {
        let clean = heavy(50_000);
        let mut wild = clean.clone();
        wild[49_998] = 1e9;
        wild[49_999] = 1e150;
        let (clean, wild) = (Tail::new(&clean), Tail::new(&wild));
        let (clean, wild) = (TailLookup::new(&clean), TailLookup::new(&wild));
        for score in [15.0, 30.0, 200.0, 1e6] {
            assert!((clean.rarity(score) - wild.rarity(score)).abs() < 0.1, "{score}");
        }
        assert!(wild.rarity(1e150) > wild.rarity(1e9) + 1.0);
    }

    #[test]
    fn scores_of_any_size_have_a_rarity_that_never_falls() {
        let kinds = [0.0, 5e-324, 1e-310, 1e-300, 1.0, 1.5, 1e150, 1e300, f64::MAX.next_down(), f64::MAX];
        let mut bodies = vec![vec![f64::MAX; 300], (0..3000).map(|i| f64::from(i) / 7.0).collect(), vec![0.0; 400]];
        bodies[2].extend(vec![f64::MAX; 4000]);
        bodies
            .extend([vec![5e-324; 60], vec![1e-310; 60]].map(|more| [vec![0.0; 300], more, vec![1e300; 300]].concat()));
        for mut sorted in bodies {
            sorted.sort_unstable_by(f64::total_cmp);
            let tail = Tail::new(&sorted);
            assert!(tail.is_sound(), "{tail:?}");
            let lookup = TailLookup::new(&tail);
            let rarities = kinds.map(|score| lookup.rarity(score));
            assert!(rarities.is_sorted() && rarities.iter().all(|rarity| (0.0..1e9).contains(rarity)), "{rarities:?}");
            assert!(sorted.windows(2).all(|pair| lookup.rarity(pair[0]) <= lookup.rarity(pair[1])));
        }
    }

    #[test]
    fn a_straight_tail_bends_without_a_step() {
        let tail = Tail::new(&(0..3000).map(f64::from).collect::<Vec<_>>());
        assert_eq!(tail.shape, 0.0);
        let (begin, unit) = (tail.scores[tail.scores.len() - 1], tail.scale);
        let [before, at, after] = [-1.0, 0.0, 1.0].map(|step| tail.beyond(begin + unit * (STRAIGHT + step)));
        assert!((at - before - 1.0).abs() < 1e-9 && (after - at - 1.0).abs() < 1e-3, "{before} {at} {after}");
    }

    #[test]
    fn few_and_equal_scores_have_a_tail_too() {
        for sorted in [vec![1.0], vec![1.0; 500], vec![1.0, 2.0], vec![0.0, 0.0, 5e-324], vec![-1e300, 1e300]] {
            let tail = Tail::new(&sorted);
            assert!(tail.is_sound(), "{tail:?}");
            let lookup = TailLookup::new(&tail);
            let top = sorted[sorted.len() - 1];
            assert!(lookup.rarity(top.abs() * 2.0 + 1.0) > lookup.rarity(sorted[0]));
            assert!(lookup.rarity(f64::MAX).is_finite());
        }
    }
}
