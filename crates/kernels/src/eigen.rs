//! Eigenvalues and eigenvectors of a symmetric matrix, by Jacobi's rotations (Golub and Van Loan, *Matrix Computations*, 8.5).
//!
//! Only additions, multiplications, divisions and square roots, one after the other: the same bits on every machine. The
//! vectors are orthogonal to the last digits, however close their values are, and small values are as exact as the matrix
//! allows. It takes some ten sweeps of `n^3` steps: a second at 300 columns.

/// A sweep finds nothing to rotate long before.
const SWEEPS_MAX: usize = 60;

/// An eigenvalue and its vector, of length 1.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Pair {
    pub(crate) value: f64,
    pub(crate) vector: Vec<f64>,
}

/// The pairs of the `n` by `n` symmetric matrix `matrix`, row after row, the greatest value first.
pub(crate) fn pairs(mut matrix: Vec<f64>, n: usize) -> Vec<Pair> {
    debug_assert_eq!(matrix.len(), n * n, "the matrix is square");
    // Vectors are rows, so that a rotation works on two stretches of memory.
    let mut vectors = vec![0.0; n * n];
    (0..n).for_each(|i| vectors[i * n + i] = 1.0);
    for _ in 0..SWEEPS_MAX {
        let mut rotated = false;
        for p in 0..n {
            for q in p + 1..n {
                rotated |= rotate(&mut matrix, &mut vectors, n, p, q);
            }
        }
        if !rotated {
            break;
        }
    }
    let mut pairs: Vec<Pair> = vectors
        .chunks_exact(n)
        .enumerate()
        .map(|(i, vector)| Pair { value: matrix[i * n + i], vector: vector.to_vec() })
        .collect();
    pairs.sort_by(|a, b| b.value.total_cmp(&a.value));
    pairs
}

/// Makes the entry in row `p` and column `q` zero; whether it was not already nothing beside the diagonal.
fn rotate(matrix: &mut [f64], vectors: &mut [f64], n: usize, p: usize, q: usize) -> bool {
    let (app, aqq, apq) = (matrix[p * n + p], matrix[q * n + q], matrix[p * n + q]);
    if apq.abs() <= f64::EPSILON * (app.abs() * aqq.abs()).sqrt() || apq.abs() < f64::MIN_POSITIVE {
        return false;
    }
    let theta = (aqq - app) / (2.0 * apq);
    // The smaller of the two angles. Far apart, theta squared could be beyond all doubles.
    let t =
        if theta.abs() > 1e150 { 0.5 / theta } else { theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt()) };
    let cosine = 1.0 / (t * t + 1.0).sqrt();
    let sine = t * cosine;
    for k in (0..n).filter(|k| *k != p && *k != q) {
        let (kp, kq) = (matrix[k * n + p], matrix[k * n + q]);
        let (new_p, new_q) = (cosine * kp - sine * kq, sine * kp + cosine * kq);
        (matrix[k * n + p], matrix[p * n + k]) = (new_p, new_p);
        (matrix[k * n + q], matrix[q * n + k]) = (new_q, new_q);
    }
    (matrix[p * n + p], matrix[q * n + q]) = (app - t * apq, aqq + t * apq);
    (matrix[p * n + q], matrix[q * n + p]) = (0.0, 0.0);
    for k in 0..n {
        let (vp, vq) = (vectors[p * n + k], vectors[q * n + k]);
        (vectors[p * n + k], vectors[q * n + k]) = (cosine * vp - sine * vq, sine * vp + cosine * vq);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A symmetric matrix of that size, of numbers between -1 and 1, with ones on its diagonal.
    fn odd(n: usize) -> Vec<f64> {
        let entry =
            |i: usize, j: usize| if i == j { 1.0 } else { ((i * j + i + j) * 7919 % 2003) as f64 / 1002.0 - 1.0 };
        (0..n * n).map(|at| entry(at / n, at % n)).collect()
    }

    fn product(matrix: &[f64], vector: &[f64]) -> Vec<f64> {
        matrix.chunks_exact(vector.len()).map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
    }

    #[test]
    fn vectors_are_turned_into_multiples_of_themselves_and_are_orthogonal() {
        for n in [1_usize, 2, 3, 10, 37, 60] {
            let matrix = odd(n);
            let pairs = pairs(matrix.clone(), n);
            let trace: f64 = pairs.iter().map(|pair| pair.value).sum();
            assert!((trace - n as f64).abs() < 1e-12 * n as f64 && pairs.is_sorted_by(|a, b| a.value >= b.value));
            for (i, pair) in pairs.iter().enumerate() {
                for (turned, own) in product(&matrix, &pair.vector).iter().zip(&pair.vector) {
                    assert!((turned - pair.value * own).abs() < 1e-13 * n as f64, "{n}: {turned} {own}");
                }
                for (j, other) in pairs.iter().enumerate() {
                    let dot: f64 = pair.vector.iter().zip(&other.vector).map(|(a, b)| a * b).sum();
                    assert!((dot - f64::from(u8::from(i == j))).abs() < 1e-14 * n as f64);
                }
            }
        }
    }

    #[test]
    fn equal_columns_leave_one_value_at_zero() {
        let values: Vec<f64> = pairs(vec![1.0; 9], 3).iter().map(|pair| pair.value).collect();
        assert!((values[0] - 3.0).abs() < 1e-15 && values[1].abs() < 1e-15 && values[2].abs() < 1e-15, "{values:?}");
        assert!(pairs(vec![2.0, 0.0, 0.0, 5.0], 2)[0].value > 4.9);
    }
}
