//! What each detector should say, in whole numbers: every double is one, counted in 2^-1074, and only the last quotient is
//! rounded.

use num_bigint::{BigInt, BigUint, Sign};

/// The double in units of 2^-1074.
fn whole(value: f64) -> BigInt {
    let bits = value.abs().to_bits();
    let (exponent, mantissa) = (bits >> 52, bits & ((1 << 52) - 1));
    let magnitude =
        if exponent == 0 { BigUint::from(mantissa) } else { BigUint::from(mantissa | 1 << 52) << (exponent - 1) };
    BigInt::from_biguint(if value < 0.0 { Sign::Minus } else { Sign::Plus }, magnitude)
}

/// A quotient of two whole numbers as a double; infinite where no double is so large.
fn quotient(numerator: &BigUint, denominator: &BigUint) -> f64 {
    // Enough bits that the rounding of the quotient does not show.
    let shift = 128 + denominator.bits().saturating_sub(numerator.bits());
    to_double(&((numerator << shift) / denominator), -i64::try_from(shift).unwrap())
}

/// `value` times 2^`exponent`.
fn to_double(value: &BigUint, exponent: i64) -> f64 {
    let drop = value.bits().saturating_sub(64);
    let [top] = (value >> drop).to_u64_digits()[..] else { return 0.0 };
    let (mut double, mut left) = (top as f64, exponent + i64::try_from(drop).unwrap());
    while left != 0 {
        let step = left.clamp(-900, 900);
        double *= 2.0_f64.powi(i32::try_from(step).unwrap());
        left -= step;
    }
    double
}

/// |x - mean| / standard deviation of each of `cells`, about those that are finite; infinite for infinities.
pub(crate) fn z_scores(cells: &[f64]) -> Vec<f64> {
    let finite: Vec<BigInt> = cells.iter().filter(|cell| cell.is_finite()).map(|cell| whole(*cell)).collect();
    let count = BigInt::from(finite.len());
    let sum: BigInt = finite.iter().sum();
    let squares: BigInt = finite.iter().map(|cell| cell * cell).sum();
    // n^2 times the variance.
    let variance = (&count * squares - &sum * &sum).magnitude().clone();
    let score = |cell: &f64| {
        let far = (whole(*cell) * &count - &sum).magnitude().clone();
        if far == BigUint::ZERO {
            return 0.0;
        }
        // z, with 128 bits more than it has before its point, from the root of its square.
        to_double(&((((&far * &far) << 512_u32) / &variance).sqrt()), -256)
    };
    cells.iter().map(|cell| if cell.is_finite() { score(cell) } else { f64::INFINITY }).collect()
}

/// 0.6745 |x - median| / MAD of each of `cells`; where the MAD is 0, |x - median| / (1.253314 mean |x - median|).
pub(crate) fn robust_z_scores(cells: &[f64]) -> Vec<f64> {
    let mut finite: Vec<BigInt> = cells.iter().filter(|cell| cell.is_finite()).map(|cell| whole(*cell)).collect();
    // Twice the median of a sorted list.
    if finite.is_empty() {
        return vec![f64::INFINITY; cells.len()];
    }
    let twice_median = |sorted: &[BigInt]| &sorted[(sorted.len() - 1) / 2] + &sorted[sorted.len() / 2];
    finite.sort();
    let median = twice_median(&finite);
    let twice_far = |cell: &BigInt| BigInt::from((cell * BigInt::from(2) - &median).magnitude().clone());
    let mut distances: Vec<BigInt> = finite.iter().map(twice_far).collect();
    distances.sort();
    let deviation = twice_median(&distances).magnitude().clone();
    let sum: BigInt = distances.iter().sum();
    let score = |cell: &f64| {
        let far = twice_far(&whole(*cell)).magnitude().clone();
        if deviation > BigUint::ZERO {
            0.6745 * quotient(&(far * 2_u32), &deviation)
        } else if sum == BigInt::ZERO {
            0.0
        } else {
            quotient(&(far * finite.len()), sum.magnitude()) / 1.253_314
        }
    };
    cells.iter().map(|cell| if cell.is_finite() { score(cell) } else { f64::INFINITY }).collect()
}

/// Which of `bins` equal bins of the range each finite cell lies in, and how many lie there; `None` where a cell is too
/// near an inner edge for rounding not to matter.
fn binned(cells: &[f64], bins: usize) -> Option<(Vec<usize>, Vec<f64>)> {
    let finite: Vec<BigInt> = cells.iter().filter(|cell| cell.is_finite()).map(|cell| whole(*cell)).collect();
    let (low, high) = (finite.iter().min()?, finite.iter().max()?);
    let range = (high - low).magnitude().clone();
    if range == BigUint::ZERO {
        return None;
    }
    let place = |cell: &BigInt| {
        let place = quotient(&((cell - low).magnitude() * bins), &range);
        let inner = place > 0.5 && place < bins as f64 - 0.5;
        if inner && (place - place.round()).abs() < 1e-9 {
            return None;
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a bin")]
        Some((place as usize).min(bins - 1))
    };
    let places = finite.iter().map(place).collect::<Option<Vec<_>>>()?;
    let mut counts = vec![0.0; bins];
    for place in &places {
        counts[*place] += 1.0;
    }
    Some((places, counts))
}

/// HBOS of `cells` with ten bins over the scaled range: an infinity counts one more than an empty bin. `None` where
/// rounding may decide about a cell.
pub(crate) fn histogram_scores(cells: &[f64]) -> Option<Vec<f64>> {
    let (places, counts) = binned(cells, 10)?;
    let rarity = |count: f64| -(count / 0.1 / places.len() as f64 + 0.1).log2();
    let mut places = places.iter();
    let score = |cell: &f64| if cell.is_finite() { rarity(counts[*places.next().unwrap()]) } else { rarity(0.0) + 1.0 };
    Some(cells.iter().map(score).collect())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    #[test]
    fn small_answers_are_those_of_the_formulas() {
        assert_eq!(z_scores(&[1.0, 2.0, 3.0, 4.0, f64::INFINITY])[..2], [1.5 / 1.25_f64.sqrt(), 0.5 / 1.25_f64.sqrt()]);
        assert_eq!(
            robust_z_scores(&[1.0, 2.0, 4.0, 8.0, 16.0]),
            [0.6745, 0.6745 * 2.0 / 3.0, 0.0, 0.6745 * 4.0 / 3.0, 2.698]
        );
        assert_eq!(robust_z_scores(&[5.0, 5.0, 5.0, 9.0]), [0.0, 0.0, 0.0, 4.0 / 1.253_314]);
        assert_eq!(z_scores(&[0.0, 5e-324]), [1.0, 1.0]);
        assert_eq!(z_scores(&[-f64::MAX, f64::MAX]), [1.0, 1.0]);
        assert_eq!(histogram_scores(&[0.0, 0.05, 0.51, 1.0]).unwrap()[0], -(5.1_f64.log2()));
        assert_eq!(quotient(&BigUint::from(3_u32), &(BigUint::from(1_u32) << 1074_u32)), 15e-324);
    }
}
