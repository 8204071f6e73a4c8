//! Cholesky's factor of a correlation matrix, inverted: what makes distances of it faster than its eigenvectors are found (Golub and Van
//! Loan, *Matrix Computations*, 4.2).

use crate::Level;
use crate::numbers::ln;
use crate::summaries::products::dot;

/// The inverse M of the lower factor, so that the squares of M z add up to the squared Mahalanobis distance of z.
pub(crate) struct InverseFactor {
    /// The rows of M up to the diagonal; none for a column that those before it determine.
    pub(crate) rows: Vec<Vec<f64>>,
    /// Of the matrix, a column without a row counting as the least variance that would have one.
    pub(crate) log_determinant: f64,
}

/// Of the `n` by `n` matrix `matrix`, row after row, whose diagonal is 1; or 0, for a column that does not vary.
pub(crate) fn inverse_factor(level: Level, matrix: &[f64], n: usize) -> InverseFactor {
    let least = n as f64 * f64::EPSILON;
    let (mut lower, mut inverse) = (vec![0.0; n * n], vec![0.0; n * n]);
    let mut found = InverseFactor { rows: Vec::with_capacity(n), log_determinant: 0.0 };
    for i in 0..n {
        for j in 0..i {
            // Of a column that has no row all of its column is 0.
            let pivot = lower[j * n + j];
            if pivot > 0.0 {
                let rest = matrix[i * n + j] - dot(level, &lower[i * n..i * n + j], &lower[j * n..j * n + j]);
                lower[i * n + j] = rest / pivot;
            }
        }
        let own = &lower[i * n..i * n + i];
        let square = matrix[i * n + i] - dot(level, own, own);
        found.log_determinant += ln(square.max(least));
        if square > least {
            let pivot = square.sqrt();
            lower[i * n + i] = pivot;
            found.rows.push(inverse_row(&lower[i * n..=i * n + i], &mut inverse, n));
        }
    }
    found
}

/// The next row of the inverse: that of the unit matrix less what the rows before it have, divided by the pivot, which ends `lower`.
fn inverse_row(lower: &[f64], inverse: &mut [f64], n: usize) -> Vec<f64> {
    let i = lower.len() - 1;
    let (before, rest) = inverse.split_at_mut(i * n);
    let row = &mut rest[..n];
    row[i] = 1.0;
    for (part, before) in lower[..i].iter().zip(before.chunks_exact(n)) {
        row[..i].iter_mut().zip(before).for_each(|(cell, before)| *cell -= part * before);
    }
    row[..=i].iter_mut().for_each(|cell| *cell /= lower[i]);
    row[..=i].to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A covariance of more rows than columns, in units of deviations.
    fn correlations(n: usize) -> Vec<f64> {
        let cell =
            |row: usize, column: usize| ((row * 37 + column * 101 + row * row * (column + 3)) % 211) as f64 - 105.0;
        let product = |a: usize, b: usize| (0..3 * n + 2).map(|row| cell(row, a) * cell(row, b)).sum::<f64>();
        let entry = |a: usize, b: usize| product(a, b) / (product(a, a) * product(b, b)).sqrt();
        (0..n * n).map(|at| if at / n == at % n { 1.0 } else { entry(at / n, at % n) }).collect()
    }

    #[test]
    fn the_inverse_whitens_at_every_level_alike() {
        for n in [1_usize, 2, 3, 10, 37, 60] {
            let matrix = correlations(n);
            let found = inverse_factor(Level::BASELINE, &matrix, n);
            for (i, left) in found.rows.iter().enumerate() {
                for (j, right) in found.rows.iter().enumerate() {
                    let parts = (0..left.len()).flat_map(|a| (0..right.len()).map(move |b| (a, b)));
                    let turned: f64 = parts.map(|(a, b)| left[a] * matrix[a * n + b] * right[b]).sum();
                    assert!((turned - f64::from(u8::from(i == j))).abs() < 1e-10, "{n}: {turned}");
                }
            }
            assert_eq!(found.rows.len(), n);
            let values: f64 = crate::eigen::pairs(matrix.clone(), n).iter().map(|pair| ln(pair.value)).sum();
            assert!((found.log_determinant - values).abs() < 1e-9, "{n}: {} {values}", found.log_determinant);
            for level in Level::available() {
                let other = inverse_factor(level, &matrix, n);
                assert_eq!((other.rows, other.log_determinant), (found.rows.clone(), found.log_determinant));
            }
        }
    }

    #[test]
    fn a_column_that_others_determine_or_that_does_not_vary_has_no_row() {
        let half = 0.5_f64.sqrt();
        // The third is the sum of the first two; the fourth does not vary.
        let matrix = [1.0, 0.0, half, 0.0, 0.0, 1.0, half, 0.0, half, half, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0];
        let found = inverse_factor(Level::BASELINE, &matrix, 4);
        assert_eq!(found.rows, [vec![1.0], vec![0.0, 1.0]]);
        assert!((found.log_determinant - 2.0 * ln(4.0 * f64::EPSILON)).abs() < 1e-12);
    }
}
