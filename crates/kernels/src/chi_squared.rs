//! The chi-squared distribution: what squared distances of normal rows have.

use crate::numbers::{exp2, ln};

/// Degrees of freedom that are asked for at most: two more than a covariance has columns.
const FREEDOM_MAX: usize = 514;
/// Of so many, no part that a double shows lies beyond.
const FAR: f64 = 1400.0;
/// `exp2` takes no less.
const EXPONENT_MIN: f64 = -1000.0;

/// The share of the distribution with so many degrees of freedom, one at least, that lies below `x`.
///
/// With a = freedom / 2 and y = x / 2 that is y^a e^-y / Γ(a + 1) times 1 + y / (a + 1) + y² / ((a + 1)(a + 2)) + ...: no term is
/// negative, so that no digit is lost.
pub(crate) fn below(x: f64, freedom: usize) -> f64 {
    debug_assert!(freedom <= FREEDOM_MAX, "{freedom} degrees of freedom");
    if x <= 0.0 || x >= FAR {
        return if x > 0.0 { 1.0 } else { 0.0 };
    }
    let (a, y) = (freedom as f64 / 2.0, x / 2.0);
    let (mut term, mut sum, mut number) = (1.0, 1.0, a);
    while term > sum * (f64::EPSILON / 8.0) {
        number += 1.0;
        term *= y / number;
        sum += term;
    }
    let exponent = (a * ln(y) - y - ln_gamma_above(freedom) + ln(sum)) * std::f64::consts::LOG2_E;
    exp2(exponent.clamp(EXPONENT_MIN, 0.0))
}

/// The logarithm of Γ(freedom / 2 + 1), of which every step is known: that of 1 is 1, that of a half the root of π.
fn ln_gamma_above(freedom: usize) -> f64 {
    let odd = freedom % 2 == 1;
    let begin = if odd { ln(std::f64::consts::PI) / 2.0 } else { 0.0 };
    (1..=freedom)
        .filter(|number| (number % 2 == 1) == odd)
        .map(|number| ln(number as f64 / 2.0))
        .fold(begin, |a, b| a + b)
}

/// Below what the `share`, from above 0 to less than 1, of the distribution lies: by halves, until there is no double between.
pub(crate) fn quantile(share: f64, freedom: usize) -> f64 {
    let (mut low, mut high) = (0.0, freedom as f64 + 1.0);
    while below(high, freedom) < share {
        high *= 2.0;
    }
    loop {
        let middle = low + (high - low) / 2.0;
        if middle <= low || middle >= high {
            return high;
        }
        if below(middle, freedom) < share { low = middle } else { high = middle }
    }
}

/// By what the covariance of the nearest `share` of normal rows of so many columns is multiplied to be that of all (Croux and Haesbroeck,
/// "Influence function and efficiency of the minimum covariance determinant scatter matrix estimator", 1999).
pub(crate) fn consistency(share: f64, columns: usize) -> f64 {
    if share >= 1.0 { 1.0 } else { share / below(quantile(share, columns), columns + 2) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `scipy.stats.chi2` has them.
    #[test]
    fn shares_quantiles_and_factors_are_those_of_scipy() {
        for (share, freedom, expected, factor) in [
            (0.975, 1, 5.023_886_187_314_888, 1.174_778_641_564_566_5),
            (0.975, 2, 7.377_758_908_227_871, 1.104_467_923_902_905_4),
            (0.5, 1, 0.454_936_423_119_572, 7.010_074_539_703_252),
            (0.5125, 3, 2.433_115_249_362_069_6, 2.400_835_188_228_258),
            (0.75, 10, 12.548_861_396_889_377, 1.255_577_058_325_659_1),
            (0.975, 60, 83.297_674_877_173_2, 1.012_385_323_964_123_8),
            (0.6, 200, 204.433_682_813_734_72, 1.069_342_144_902_556_9),
            (0.975, 511, 575.529_841_399_399_2, 1.003_918_181_379_172),
            (0.998, 512, 608.967_572_671_538_6, 1.000_421_169_555_846_3),
        ] {
            let found = quantile(share, freedom);
            assert!((found - expected).abs() <= 1e-11 * expected, "{share}, {freedom}: {found} {expected}");
            assert!((below(expected, freedom) - share).abs() <= 1e-12, "{share}, {freedom}");
            let found = consistency(share, freedom);
            assert!((found - factor).abs() <= 1e-12 * factor, "{share}, {freedom}: {found} {factor}");
        }
        assert_eq!((below(0.0, 3).to_bits(), consistency(1.0, 3).to_bits()), (0, 1.0_f64.to_bits()));
        for freedom in [1, 2, 3, 100, FREEDOM_MAX] {
            let shares: Vec<f64> = (0..3000).map(|step| below(f64::from(step) / 2.0, freedom)).collect();
            assert!(shares.windows(2).all(|pair| pair[1] >= pair[0] - 1e-12), "{freedom}");
            assert!((shares[2799] - 1.0).abs() < 1e-12 && below(1e-300, freedom) < 1e-140, "{freedom}");
        }
    }
}
