//! The minimum covariance determinant as scikit-learn's `MinCovDet(random_state=seed)` finds it: the same subsets, drawn by `NumPy`'s
//! generator, the same concentration, correction and reweighting (`FastMCD`, Rousseeuw and Van Driessen, 1999).
//!
//! ```text
//! h              = min(ceil((n + columns + 1) / 2), n): so many rows, whose covariance shall have the least determinant
//! to 500 rows    h drawn rows, concentrated twice, 30 times; the best ten until the determinant falls no more
//! beyond         the same in subsets of about 300 rows; the best ten of each among 1,500 drawn rows, and the best ten of those among all
//! one column     the h cells nearest to the middle of the shortest interval of h + 1, or to the mean of the middles of several
//! correction     covariance * c(h / n);  c(a) = a / P(chi2(columns + 2) <= the a-quantile of chi2(columns))
//! reweighting    mean, and covariance * c(0.975), of the rows nearer than the 0.975-quantile of chi2(columns)
//! ```
//!
//! In a subset in which a column does not vary the determinant is 0, and no search goes on from there. Where one follows from others
//! rounding decides whether scikit-learn finds a 0; here concentration goes on among the others.

use super::concentration::{Correlations, Rows, nearest};
use super::whitening::Whitening;
use crate::Level;
use crate::center::Center;
use crate::chi_squared::{consistency, quantile};
use crate::cholesky::inverse_factor;
use crate::mersenne_twister::MersenneTwister;
use crate::numbers::ln;
use crate::scale;

/// Up to so many rows subsets are of all of them.
const UNDIVIDED_MAX: usize = 500;
/// Rows of a subset, about.
const SUBSET: usize = 300;
/// Rows that what was found in subsets is compared on.
const MERGED: usize = 1500;
/// Starts where rows are not divided, those of all subsets together, and the least of each.
const STARTS: usize = 30;
const STARTS_OF_ALL: usize = 500;
const STARTS_MIN: usize = 10;
/// So many go on.
const BEST: usize = 10;
/// Concentrations from a drawn start, and from one that was found.
const STEPS_DRAWN: usize = 2;
const STEPS: usize = 30;
/// The share of normal rows that the second estimate is of.
const REWEIGHTED: f64 = 0.975;
/// A column whose deviation is no greater, in about its deviation in all rows, does not vary.
const DEVIATION_MIN: f64 = scale::power(-100);

/// What scores by the reweighted estimate, of sampled rows, column by column in the order of the source, whose means and deviations are
/// `moments`.
pub(crate) fn fitted(level: Level, seed: u32, moments: &[Center], sampled: &[Vec<f64>]) -> Whitening {
    let centers: Vec<Center> = moments.iter().map(|center| exact(*center)).collect();
    let columns = sampled.iter().zip(moments.iter().zip(&centers));
    let rows = Rows::of_columns(level, columns.map(|(cells, by)| measured(level, cells, by)).collect());
    let (count, n) = (rows.count() as f64, rows.columns().len());
    let (distances, support) = raw_distances(&rows, &mut MersenneTwister::new(seed));
    let far = quantile(REWEIGHTED, n) * consistency(support as f64 / count, n);
    let near: Vec<usize> = rows.all().into_iter().filter(|&row| distances[row] < far).collect();
    let reweighted = (!near.is_empty()).then(|| rows.covariance(&near, DEVIATION_MIN));
    let varying = reweighted.filter(|covariance| !covariance.is_idle());
    let covariance = varying.unwrap_or_else(|| rows.covariance(&rows.all(), DEVIATION_MIN));
    covariance.times(consistency(REWEIGHTED, n)).whitening(&centers)
}

/// About the same centre and unit, with which a cell is measured to its last digit: equal distances stay equal.
fn exact(center: Center) -> Center {
    let unit = scale::power(-scale::shift_to_one(center.unit));
    Center { center: (center.center / unit).round() * unit, unit, rest: 0.0, exponent: center.exponent }
}

/// Cells by `exact`; those that are missing or infinite are the mean.
fn measured(level: Level, cells: &[f64], (mean, exact): (&Center, &Center)) -> Vec<f64> {
    let mean = (mean.center - exact.center + mean.rest) * exact.scale();
    let mut measured = vec![0.0; cells.len()];
    exact.standardize(level, cells, &mut measured);
    for (out, _) in measured.iter_mut().zip(cells).filter(|(_, cell)| !cell.is_finite()) {
        *out = mean;
    }
    measured
}

/// The distances of all rows by the estimate of the least determinant, and how many rows that is of.
fn raw_distances(rows: &Rows, random: &mut MersenneTwister) -> (Vec<f64>, usize) {
    let (count, n) = (rows.count(), rows.columns().len());
    let support = count.min((count + n + 2) / 2);
    if n == 1 {
        return (distances_of_one(rows, support), support);
    }
    let (found, support) = if count <= UNDIVIDED_MAX {
        (undivided(rows, support, random), support)
    } else {
        divided(rows, support, random)
    };
    (found.distances(rows), support)
}

/// Of one column, from the middle of the shortest interval.
fn distances_of_one(rows: &Rows, support: usize) -> Vec<f64> {
    let cells = &rows.columns()[0];
    if support == cells.len() {
        return Estimate::of(rows, &rows.all()).distances(rows);
    }
    let mut sorted = cells.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let ends = || sorted.iter().zip(&sorted[support..]);
    let shortest = ends().map(|(low, high)| high - low).fold(f64::INFINITY, f64::min);
    let middles: Vec<f64> =
        ends().filter(|(low, high)| **high - **low <= shortest).map(|(low, high)| low + high).collect();
    let middle = 0.5 * (middles.iter().sum::<f64>() / middles.len() as f64);
    let from_middle: Vec<f64> = cells.iter().map(|cell| (cell - middle).abs()).collect();
    let precision = Estimate::of(rows, &nearest(&from_middle, support)).precision;
    precision.distances(rows, &[middle])
}

/// Where all rows are looked at from the first.
fn undivided(rows: &Rows, support: usize, random: &mut MersenneTwister) -> Candidate {
    // Of all rows there is one subset.
    let starts = if support == rows.count() { 1 } else { STARTS };
    let mut drawn = Best::new(BEST);
    for _ in 0..starts {
        drawn.add(Candidate::drawn(rows, support, random));
    }
    let mut found = Best::new(1);
    drawn.0.iter().for_each(|start| found.add(start.among(rows, support)));
    found.0.remove(0)
}

/// Where subsets are looked at first; and how many rows what is found is of.
fn divided(rows: &Rows, support: usize, random: &mut MersenneTwister) -> (Candidate, usize) {
    let count = rows.count();
    let share = |of: usize| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "at most `of`, but for its last digit"
        )]
        let share = (of as f64 * (support as f64 / count as f64)).ceil() as usize;
        share.min(of)
    };
    let subsets = count / SUBSET;
    let size = count / subsets;
    let starts = STARTS_MIN.max(STARTS_OF_ALL / subsets);
    let shuffled = random.permutation(count);
    // What is merged is drawn after all starts. To have it at once keeps ten estimates in memory and not ten of each subset.
    let mut ahead = random.clone();
    (0..subsets * starts).for_each(|_| drop(ahead.permutation(size)));
    let mut chosen = ahead.permutation(count);
    chosen.truncate(MERGED);
    let merged = rows.some(&chosen);
    let mut best = Best::new(if count > MERGED { BEST } else { 1 });
    for subset in shuffled.chunks_exact(size).take(subsets) {
        let subset = rows.some(subset);
        let mut drawn = Best::new(BEST);
        for _ in 0..starts {
            drawn.add(Candidate::drawn(&subset, share(size), random));
        }
        drawn.0.iter().for_each(|start| best.add(start.among(&merged, share(chosen.len()))));
    }
    if count < MERGED {
        return (best.0.remove(0), share(count));
    }
    let mut found = Best::new(1);
    best.0.iter().for_each(|start| found.add(start.among(rows, support)));
    (found.0.remove(0), support)
}

/// The candidates of the least determinants, rising, at most so many; of equal ones the first.
struct Best(Vec<Candidate>, usize);

impl Best {
    fn new(most: usize) -> Self {
        Self(Vec::with_capacity(most), most)
    }

    fn add(&mut self, candidate: Candidate) {
        let least = |other: &Candidate| other.estimate.log_determinant <= candidate.estimate.log_determinant;
        let place = self.0.partition_point(least);
        if place < self.1 {
            self.0.truncate(self.1 - 1);
            self.0.insert(place, candidate);
        }
    }
}

/// The inverse of a covariance.
struct Precision {
    deviations: Vec<f64>,
    directions: Vec<Vec<f64>>,
}

impl Precision {
    fn distances(&self, rows: &Rows, mean: &[f64]) -> Vec<f64> {
        rows.squares(mean, &self.deviations, &self.directions)
    }
}

/// Mean and covariance of some rows.
struct Estimate {
    mean: Vec<f64>,
    precision: Precision,
    log_determinant: f64,
}

impl Estimate {
    fn of(rows: &Rows, chosen: &[usize]) -> Self {
        let Correlations { mean, mut deviations, matrix } = rows.correlations(chosen, DEVIATION_MIN);
        let inverse = inverse_factor(rows.level(), &matrix, mean.len());
        let is_flat = deviations.contains(&0.0);
        // A column that does not vary has no direction; any unit does.
        deviations.iter_mut().filter(|deviation| **deviation == 0.0).for_each(|deviation| *deviation = DEVIATION_MIN);
        let squares = inverse.log_determinant + deviations.iter().map(|deviation| 2.0 * ln(*deviation)).sum::<f64>();
        let log_determinant = if is_flat { f64::NEG_INFINITY } else { squares };
        Self { mean, precision: Precision { deviations, directions: inverse.rows }, log_determinant }
    }

    fn distances(&self, rows: &Rows) -> Vec<f64> {
        self.precision.distances(rows, &self.mean)
    }
}

/// What concentration led to.
struct Candidate {
    estimate: Estimate,
    /// By what its rows were chosen, where that is another.
    before: Option<Precision>,
}

impl Candidate {
    /// From drawn rows.
    fn drawn(rows: &Rows, support: usize, random: &mut MersenneTwister) -> Self {
        let mut chosen = random.permutation(rows.count());
        chosen.truncate(support);
        chosen.sort_unstable();
        Self::concentrated(rows, chosen, STEPS_DRAWN)
    }

    /// From this one, among other rows.
    fn among(&self, rows: &Rows, support: usize) -> Self {
        Self::concentrated(rows, nearest(&self.estimate.distances(rows), support), STEPS)
    }

    fn concentrated(rows: &Rows, mut chosen: Vec<usize>, steps: usize) -> Self {
        let mut found = Self { estimate: Estimate::of(rows, &chosen), before: None };
        for _ in 0..steps {
            if found.estimate.log_determinant == f64::NEG_INFINITY {
                break;
            }
            let closer = nearest(&found.estimate.distances(rows), chosen.len());
            if closer == chosen {
                found.before = None;
                break;
            }
            let next = Estimate::of(rows, &closer);
            let falls = next.log_determinant < found.estimate.log_determinant;
            found.before = Some(std::mem::replace(&mut found.estimate, next).precision);
            chosen = closer;
            if !falls {
                break;
            }
        }
        found
    }

    /// As scikit-learn has them: from the last mean, by what the last rows were chosen.
    fn distances(&self, rows: &Rows) -> Vec<f64> {
        self.before.as_ref().unwrap_or(&self.estimate.precision).distances(rows, &self.estimate.mean)
    }
}
