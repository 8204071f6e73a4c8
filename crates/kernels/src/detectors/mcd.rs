//! Minimum covariance determinant: squared distance from the mean, in units of how the columns vary together, of the three quarters of the
//! rows that lie closest together (Rousseeuw and Van Driessen, "A fast algorithm for the minimum covariance determinant estimator", 1999).
//!
//! ```text
//! z       = (x - mean) / standard deviation (ddof 0), of the finite cells; a sampled cell that is missing or infinite has 0
//! H       the h of the n sampled rows whose covariance C has the least determinant; h = max(floor(0.75 n), min(n, columns + 2))
//! score   = (z - m)' C^-1 (z - m),  m being the mean of H; a missing cell of a row has that
//! ```
//!
//! H is found by concentration: the h rows nearest by the mean and covariance of one H are the next, whose determinant is no greater; at most
//! twelve times, from three starts, and the least determinant counts. The starts are the h rows nearest by the sum of their robust z-scores
//! (each up to 20), by distance from the medians, and by Mahalanobis distance: **nothing is random**. Of rows equally near the one with the lesser
//! keyed hash is taken.
//!
//! Where those rows say nothing of a direction (a column that is the same in three quarters of them), or beyond 60 columns, the covariance
//! is that of all sampled rows, without directions up to 1e-10 of the greatest variance.
//!
//! The contribution of a column is its entry of z - m times that of C^-1 (z - m): they add up to the score.

use std::sync::Arc;

use serde_json::value::RawValue;

use super::whitening::{self, VARIANCE_MIN, Whitening};
use crate::center::Center;
use crate::detector::{Detector, DetectorInfo, Method, Settings, State, sound};
use crate::eigen::{self, Pair};
use crate::keyed::{self, subkey};
use crate::known::Known;
use crate::numbers::ln;
use crate::summaries::products::dot;
use crate::wants::Wants;
use crate::{FitError, Level, quantile};

static INFO: DetectorInfo = DetectorInfo {
    name: "mcd",
    summary: "How far a row is from where most rows lie, in units of how those vary together (minimum covariance determinant).",
    passes: 1,
    merge: "mean and squares per row group, merged in the order of the rows; a sample keyed by row number",
    parameters: &[],
};

/// The share of the rows that lie close together.
const CLOSE: f64 = 0.75;
/// Sampled rows that are looked at.
const ROWS_MAX: usize = 20_000;
/// With more columns, three quarters of the rows say too little of them.
const COLUMNS_MAX: usize = 60;
/// Concentrations from each start.
const STEPS_MAX: usize = 12;
/// What a robust z-score counts at most where rows are compared by their sum.
const ROBUST_MAX: f64 = 20.0;
/// The part of the seed by which rows are ordered.
const ORDER: u64 = 4;

/// The detector, and how it is fitted: there is nothing to be told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mcd;

impl Detector for Mcd {
    fn info(&self) -> &'static DetectorInfo {
        &INFO
    }

    fn method(&self, _: Settings<'_>) -> Arc<dyn Method> {
        Arc::new(*self)
    }

    fn read(&self, state: &RawValue, columns: usize) -> serde_json::Result<Option<Arc<dyn State>>> {
        sound(state, |state: &Whitening| state.is_sound(columns))
    }
}

impl Method for Mcd {
    fn wants(&self) -> Wants {
        Wants { moments: true, ..Wants::default() }
    }

    fn check(&self, names: &[String]) -> Result<(), FitError> {
        whitening::check(INFO.name, names)
    }

    fn freeze(&self, known: &Known<'_>) -> Result<Arc<dyn State>, FitError> {
        let columns = known.used_centers();
        let rows = Rows::new(known, &columns)?;
        let Covariance { mean, pairs } = rows.close_together().unwrap_or_else(|| rows.whole());
        let columns = columns.iter().zip(mean).map(|(column, mean)| column.moved(mean)).collect();
        Ok(Arc::new(Whitening::new(columns, whitening::with_variance(&pairs))))
    }
}

/// Sampled rows, in the order of their keyed hashes.
struct Rows {
    level: Level,
    /// Standardized.
    columns: Vec<Vec<f64>>,
    count: usize,
}

/// Mean and covariance of some rows.
struct Covariance {
    mean: Vec<f64>,
    /// Eigenvalues and eigenvectors, the greatest first.
    pairs: Vec<Pair>,
}

impl Rows {
    fn new(known: &Known<'_>, centers: &[Center]) -> Result<Self, FitError> {
        let sampled = known.scored_rows()?;
        let order = keyed::first(subkey(known.seed, ORDER), sampled[0].len(), ROWS_MAX);
        let column = |(cells, center): (&Vec<f64>, &Center)| {
            let taken = |&row: &usize| Some(cells[row]).filter(|cell| cell.is_finite()).unwrap_or(f64::NAN);
            let taken: Vec<f64> = order.iter().map(taken).collect();
            let mut standardized = vec![0.0; taken.len()];
            center.standardize(known.level, &taken, &mut standardized);
            standardized
        };
        let columns = sampled.iter().zip(centers).map(column).collect();
        Ok(Self { level: known.level, columns, count: order.len() })
    }

    fn all(&self) -> Vec<usize> {
        (0..self.count).collect()
    }

    /// Mean and covariance of the rows that lie closest together; none where they say nothing of some direction.
    fn close_together(&self) -> Option<Covariance> {
        if self.columns.len() > COLUMNS_MAX {
            return None;
        }
        let mut best: Option<(f64, Covariance)> = None;
        let medians: Vec<f64> = self.columns.iter().map(|cells| median(cells)).collect();
        let starts = [self.robust(&medians), self.around(&medians), self.distances(&self.covariance(&self.all()))];
        for start in starts {
            let Some(found) = self.concentrated(self.nearest(&start)) else { continue };
            let determinant = found.pairs.iter().map(|pair| ln(pair.value)).sum();
            if best.as_ref().is_none_or(|(least, _)| determinant < *least) {
                best = Some((determinant, found));
            }
        }
        best.map(|(_, covariance)| covariance)
    }

    /// Where concentration leads from `chosen`.
    fn concentrated(&self, mut chosen: Vec<usize>) -> Option<Covariance> {
        let mut covariance = self.covariance(&chosen);
        for _ in 0..STEPS_MAX {
            if covariance.is_singular() {
                return None;
            }
            let closer = self.nearest(&self.distances(&covariance));
            if closer == chosen {
                break;
            }
            chosen = closer;
            covariance = self.covariance(&chosen);
        }
        Some(covariance).filter(|covariance| !covariance.is_singular())
    }

    /// The rows with the least distances, rising.
    fn nearest(&self, distances: &[f64]) -> Vec<usize> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the rows")]
        let share = (CLOSE * self.count as f64) as usize;
        let count = share.max(self.count.min(self.columns.len() + 2));
        let mut rows = self.all();
        if count < rows.len() {
            rows.select_nth_unstable_by(count, |&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
            rows.truncate(count);
            rows.sort_unstable();
        }
        rows
    }

    /// Mean and covariance of all rows; a column that does not vary in them counts by itself, and in its own unit.
    fn whole(&self) -> Covariance {
        self.covariance_with(&self.all(), 1.0)
    }

    fn covariance(&self, chosen: &[usize]) -> Covariance {
        self.covariance_with(chosen, 0.0)
    }

    /// The same, `nothing` being the variance of a column that has none.
    fn covariance_with(&self, chosen: &[usize], nothing: f64) -> Covariance {
        let (n, count) = (self.columns.len(), chosen.len() as f64);
        let centered = |cells: &Vec<f64>| {
            let mean = chosen.iter().map(|&row| cells[row]).sum::<f64>() / count;
            (mean, chosen.iter().map(|&row| cells[row] - mean).collect())
        };
        let (mean, centered): (Vec<f64>, Vec<Vec<f64>>) = self.columns.iter().map(centered).unzip();
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let product = dot(self.level, &centered[i], &centered[j]) / count;
                (matrix[i * n + j], matrix[j * n + i]) = (product, product);
            }
        }
        for i in 0..n {
            if matrix[i * n + i] == 0.0 {
                matrix[i * n + i] = nothing;
            }
        }
        Covariance { mean, pairs: eigen::pairs(matrix, n) }
    }

    /// The squared Mahalanobis distance of each row.
    fn distances(&self, Covariance { mean, pairs }: &Covariance) -> Vec<f64> {
        let columns: Vec<Vec<f64>> =
            self.columns.iter().zip(mean).map(|(cells, mean)| cells.iter().map(|cell| cell - mean).collect()).collect();
        whitening::squares(self.level, &columns, &whitening::scaled(whitening::with_variance(pairs)))
    }

    /// The sum of each row's robust z-scores.
    fn robust(&self, medians: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        for (cells, center) in self.columns.iter().zip(medians) {
            let distances: Vec<f64> = cells.iter().map(|cell| (cell - center).abs()).collect();
            let spread = median(&distances);
            let spread = if spread > 0.0 { spread } else { 1.0 };
            for (sum, cell) in sums.iter_mut().zip(cells) {
                let distance = ((cell - center) / spread).abs();
                *sum += if distance < ROBUST_MAX { distance } else { ROBUST_MAX };
            }
        }
        sums
    }

    /// The squared distance of each row from the medians.
    fn around(&self, medians: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; self.count];
        for (cells, center) in self.columns.iter().zip(medians) {
            sums.iter_mut().zip(cells).for_each(|(sum, cell)| *sum += (cell - center) * (cell - center));
        }
        sums
    }
}

impl Covariance {
    /// Whether there is a direction of which it says nothing.
    fn is_singular(&self) -> bool {
        let least = self.pairs[0].value * VARIANCE_MIN;
        self.pairs.iter().any(|pair| pair.value <= least)
    }
}

/// The median of finite cells.
fn median(cells: &[f64]) -> f64 {
    quantile::median(&quantile::sorted_finite(cells))
}
