//! The rows of a sample that lie closest together, and how their columns vary.

use super::whitening::{self, Whitening};
use crate::Level;
use crate::center::Center;
use crate::eigen::{self, Pair};
use crate::keyed::{self, subkey};
use crate::numbers::ln;
use crate::quantile;
use crate::summaries::products::dot;

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
/// A column whose deviation is so small, beside that of all rows, does not vary.
const DEVIATION_MIN: f64 = 1e-5;
/// The unit, in standard deviations of all rows, of a column that is the same in those that lie close together.
const IDLE: f64 = 1e9;
/// The part of the seed by which rows are ordered.
const ORDER: u64 = 4;

/// Of some rows, those with the least keyed hashes, in that order: column by column.
pub(crate) fn keyed_rows(seed: u64, columns: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let order = keyed::first(subkey(seed, ORDER), columns[0].len(), ROWS_MAX);
    columns.iter().map(|cells| order.iter().map(|&row| cells[row]).collect()).collect()
}

/// Sampled rows, standardized.
pub(crate) struct Rows {
    level: Level,
    columns: Vec<Vec<f64>>,
    count: usize,
}

/// Mean and covariance of some rows.
pub(crate) struct Covariance {
    mean: Vec<f64>,
    /// Standard deviations. In their units, so that a column of which one cell is far out in all rows still counts in these,
    deviations: Vec<f64>,
    /// eigenvalues and eigenvectors, the greatest first.
    pairs: Vec<Pair>,
}

/// How columns vary in some rows, and how they do together.
pub(crate) struct Correlations {
    pub(crate) mean: Vec<f64>,
    /// Standard deviations; 0 of a column that does not vary.
    pub(crate) deviations: Vec<f64>,
    /// Row after row; 0 where a column does not vary.
    pub(crate) matrix: Vec<f64>,
}

impl Rows {
    /// Those that `columns` hold, in an order of no meaning; a cell that is missing or infinite counts as its column's mean.
    pub(crate) fn new(level: Level, centers: &[Center], columns: &[Vec<f64>]) -> Self {
        let column = |(cells, center): (&Vec<f64>, &Center)| {
            let taken: Vec<f64> = cells.iter().map(|&cell| if cell.is_finite() { cell } else { f64::NAN }).collect();
            let mut standardized = vec![0.0; taken.len()];
            center.standardize(level, &taken, &mut standardized);
            standardized
        };
        Self { level, columns: columns.iter().zip(centers).map(column).collect(), count: columns[0].len() }
    }

    /// Those that `columns` hold, as they are.
    pub(crate) fn of_columns(level: Level, columns: Vec<Vec<f64>>) -> Self {
        Self { level, count: columns[0].len(), columns }
    }

    pub(crate) fn columns(&self) -> &[Vec<f64>] {
        &self.columns
    }

    pub(crate) fn level(&self) -> Level {
        self.level
    }

    pub(crate) fn count(&self) -> usize {
        self.count
    }

    /// Some of them.
    pub(crate) fn some(&self, chosen: &[usize]) -> Self {
        let column = |cells: &Vec<f64>| chosen.iter().map(|&row| cells[row]).collect();
        Self { level: self.level, columns: self.columns.iter().map(column).collect(), count: chosen.len() }
    }

    /// The cells of one row.
    pub(crate) fn row(&self, row: usize) -> Vec<f64> {
        self.columns.iter().map(|cells| cells[row]).collect()
    }

    pub(crate) fn all(&self) -> Vec<usize> {
        (0..self.count).collect()
    }

    /// Mean and covariance of the rows that lie closest together; of all where there are too many columns for that, or none that varies in
    /// those.
    pub(crate) fn close_together(&self) -> Covariance {
        let all = self.of(&self.all());
        if self.columns.len() > COLUMNS_MAX {
            return all;
        }
        let medians: Vec<f64> = self.columns.iter().map(|cells| median(cells)).collect();
        let starts = [self.robust(&medians), self.around(&medians), self.distances(&all)];
        let found = starts.map(|start| self.concentrated(self.nearest(&start)));
        // Of equal ones the first.
        let least = found.into_iter().min_by(|a, b| a.log_determinant().total_cmp(&b.log_determinant()));
        let least = least.expect("there are three");
        if least.is_idle() { all } else { least }
    }

    /// Where concentration leads from `chosen`.
    fn concentrated(&self, mut chosen: Vec<usize>) -> Covariance {
        let mut covariance = self.of(&chosen);
        for _ in 0..STEPS_MAX {
            let closer = self.nearest(&self.distances(&covariance));
            if closer == chosen {
                break;
            }
            chosen = closer;
            covariance = self.of(&chosen);
        }
        covariance
    }

    /// The rows with the least distances, rising.
    fn nearest(&self, distances: &[f64]) -> Vec<usize> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the rows")]
        let share = (CLOSE * self.count as f64) as usize;
        nearest(distances, share.max(self.count.min(self.columns.len() + 2)))
    }

    /// Mean and covariance of the rows `chosen`. A column that does not vary in them counts by itself: in its own unit where those are all
    /// rows, else in so large a one that nothing but infinities shows.
    pub(crate) fn of(&self, chosen: &[usize]) -> Covariance {
        self.covariance(chosen, DEVIATION_MIN)
    }

    /// The same where a column varies whose deviation is greater than `least`.
    pub(crate) fn covariance(&self, chosen: &[usize], least: f64) -> Covariance {
        let Correlations { mean, mut deviations, mut matrix } = self.correlations(chosen, least);
        let (n, nothing) = (self.columns.len(), if chosen.len() == self.count { 1.0 } else { IDLE });
        for i in 0..n {
            if deviations[i] == 0.0 {
                (deviations[i], matrix[i * n + i]) = (nothing, 1.0);
            }
        }
        Covariance { mean, deviations, pairs: eigen::pairs(matrix, n) }
    }

    /// How the rows `chosen` vary, where a column does whose deviation is greater than `least`.
    pub(crate) fn correlations(&self, chosen: &[usize], least: f64) -> Correlations {
        let (n, count) = (self.columns.len(), chosen.len() as f64);
        let (mut mean, mut deviations) = (Vec::with_capacity(n), Vec::with_capacity(n));
        let mut scaled: Vec<Vec<f64>> = Vec::with_capacity(n);
        for cells in &self.columns {
            // From the first on, so that equal cells have no deviation at all.
            let first = cells[chosen[0]];
            let center = first + chosen.iter().map(|&row| cells[row] - first).sum::<f64>() / count;
            let mut centered: Vec<f64> = chosen.iter().map(|&row| cells[row] - center).collect();
            let deviation = (dot(self.level, &centered, &centered) / count).sqrt();
            let varies = deviation > least;
            let scale = if varies { 1.0 / deviation } else { 0.0 };
            for cell in &mut centered {
                *cell *= scale;
            }
            mean.push(center);
            deviations.push(if varies { deviation } else { 0.0 });
            scaled.push(centered);
        }
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                let product = dot(self.level, &scaled[i], &scaled[j]) / count;
                (matrix[i * n + j], matrix[j * n + i]) = (product, product);
            }
        }
        Correlations { mean, deviations, matrix }
    }

    /// The squared Mahalanobis distance of each row.
    fn distances(&self, Covariance { mean, deviations, pairs }: &Covariance) -> Vec<f64> {
        self.squares(mean, deviations, &whitening::scaled(whitening::with_variance(pairs)))
    }

    /// Of each row, in units of `deviations` from `mean`, the sum of the squares of its products with the directions.
    pub(crate) fn squares(&self, mean: &[f64], deviations: &[f64], directions: &[Vec<f64>]) -> Vec<f64> {
        let scaled = |((cells, mean), deviation): ((&Vec<f64>, &f64), &f64)| {
            let scale = 1.0 / deviation;
            cells.iter().map(|cell| (cell - mean) * scale).collect()
        };
        let columns: Vec<Vec<f64>> = self.columns.iter().zip(mean).zip(deviations).map(scaled).collect();
        whitening::squares(self.level, &columns, directions)
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
    /// Whether no column varies in the rows it is of.
    pub(crate) fn is_idle(&self) -> bool {
        self.deviations.iter().all(|deviation| *deviation == IDLE)
    }

    /// The same times `factor`.
    pub(crate) fn times(mut self, factor: f64) -> Self {
        self.deviations.iter_mut().for_each(|deviation| *deviation *= factor.sqrt());
        self
    }

    /// Of rows standardized by `centers`, as it scores.
    pub(crate) fn whitening(&self, centers: &[Center]) -> Whitening {
        let moments = self.mean.iter().zip(&self.deviations);
        let columns =
            centers.iter().zip(moments).map(|(column, (mean, deviation))| column.moved(*mean, *deviation)).collect();
        Whitening::new(columns, whitening::with_variance(&self.pairs))
    }

    /// Of the directions that have variance, and of the columns that vary.
    fn log_determinant(&self) -> f64 {
        let values: f64 = whitening::with_variance(&self.pairs).map(|pair| ln(pair.value)).sum();
        let deviations: f64 =
            self.deviations.iter().filter(|deviation| **deviation < IDLE).map(|deviation| ln(*deviation)).sum();
        values + 2.0 * deviations
    }
}

/// The `count` least of `distances`, rising by number; of equal ones the first.
pub(crate) fn nearest(distances: &[f64], count: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..distances.len()).collect();
    if count < rows.len() {
        rows.select_nth_unstable_by(count, |&a, &b| distances[a].total_cmp(&distances[b]).then(a.cmp(&b)));
        rows.truncate(count);
        rows.sort_unstable();
    }
    rows
}

/// The median of finite cells.
fn median(cells: &[f64]) -> f64 {
    quantile::median(&quantile::sorted_finite(cells))
}
