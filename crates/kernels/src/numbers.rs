//! What the whole crate agrees on about numbers.
//!
//! The logarithms are our own because the platform's are not the same everywhere: the C library picks another
//! implementation where the CPU has fused multiply-add, and its last bit differs. These use only operations whose
//! rounding IEEE 754 fixes, so a score has the same bits on every machine.

/// Rows of one block. Floats are summed within a block, then over the blocks of a row group, then over row groups.
pub(crate) const BLOCK: usize = 2048;

/// Rows of a part of a block whose cells, column after column, stay in the fastest cache while they are gone through again and again.
pub(crate) const STRETCH: usize = 256;

/// Added to a number from 0 to 2^32, it leaves the nearest whole number in the low bits: a conversion that every level
/// does alike and in whole registers, which a cast is not.
pub(crate) const WHOLE: f64 = 4_503_599_627_370_496.0;

/// The least and the greatest of `values`, none of which is NaN; infinity and its opposite of none.
#[inline]
pub(crate) fn ends_of(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
        (if value < low { value } else { low }, if value > high { value } else { high })
    })
}

/// Whether it is zero: a model file does not say what is, where that is usual.
pub(crate) fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A whole number per double, in the order of the doubles; both zeros are 0.
pub(crate) fn to_order(x: f64) -> i64 {
    let magnitude = i64::try_from(x.to_bits() & (u64::MAX >> 1)).unwrap_or(i64::MAX);
    if x.is_sign_negative() { -magnitude } else { magnitude }
}

/// The double of [`to_order`]'s number.
pub(crate) fn from_order(order: i64) -> f64 {
    let magnitude = f64::from_bits(order.unsigned_abs());
    if order < 0 { -magnitude } else { magnitude }
}

/// The largest finite double `x` with `f(x) <= bound`, for an `f` that never falls: the place where a comparison of `f(x)`
/// can be replaced by one of `x`. Minus infinity when there is none.
///
/// Searches outwards from `guess` with doubling steps, then halves, so a close guess costs a few calls.
pub(crate) fn last_at_most(f: impl Fn(f64) -> f64, bound: f64, guess: f64) -> f64 {
    let (bottom, top) = (to_order(-f64::MAX) - 1, to_order(f64::MAX));
    let holds = |order: i64| order == bottom || f(from_order(order)) <= bound;
    let start = if guess.is_nan() { 0 } else { to_order(guess).clamp(bottom, top) };
    // The answer stays within low..=high. Steps saturate: the orders of all doubles span almost all of i64.
    let (mut low, mut high) = (start, top);
    let mut step = 1_i64;
    if holds(start) {
        while low < top {
            let next = low.saturating_add(step).min(top);
            if !holds(next) {
                high = next - 1;
                break;
            }
            low = next;
            step = step.saturating_mul(2);
        }
    } else {
        high = start - 1;
        loop {
            let next = high.saturating_sub(step).max(bottom);
            if holds(next) {
                low = next;
                break;
            }
            high = next - 1;
            step = step.saturating_mul(2);
        }
    }
    while low < high {
        let half = low.abs_diff(high).div_ceil(2);
        let middle = low.saturating_add_unsigned(half);
        if holds(middle) {
            low = middle;
        } else {
            high = middle - 1;
        }
    }
    from_order(low)
}

/// ln 2, and the rest of it that the first double leaves out.
const LN_2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// The natural logarithm of a positive, normal, finite number, to about one unit in the last place.
///
/// x = 2^e m with m within √½..√2, and ln m = 2 artanh s = 2 (s + s³/3 + s⁵/5 + ...) with s = (m - 1)/(m + 1).
/// |s| < 0.172, so the term s²⁵/25 no longer matters.
pub(crate) fn ln(x: f64) -> f64 {
    let (exponent, s) = reduce(x);
    // ln 2 in two parts: the product of the first with an exponent is exact.
    exponent * LN_2_HIGH + (artanh_twice(s) + exponent * LN_2_LOW)
}

/// The base-2 logarithm of a positive, normal, finite number, to about one unit in the last place.
pub(crate) fn log2(x: f64) -> f64 {
    let (exponent, s) = reduce(x);
    exponent + artanh_twice(s) * std::f64::consts::LOG2_E
}

/// Added to a number between -2^51 and 2^51 and taken off again, it leaves the nearest whole number.
const NEAREST: f64 = 1.5 * WHOLE;

/// 2^x for x from -1000 to 0, to about one unit in the last place.
///
/// x = n + f with f within -½..½, and 2^f = e^(f ln 2) = 1 + (f ln 2) + (f ln 2)²/2! + ...: the term of the 14th power no longer
/// matters.
pub(crate) fn exp2(x: f64) -> f64 {
    debug_assert!((-1000.0..=0.0).contains(&x), "2 to the power of {x}");
    let whole = (x + NEAREST) - NEAREST;
    let exponent = (x - whole) * std::f64::consts::LN_2;
    let mut series = 1.0;
    for power in (1..14).rev() {
        series = series * (exponent * (1.0 / f64::from(power))) + 1.0;
    }
    // The whole number, as the biased exponent of a double.
    series * f64::from_bits((whole + 1023.0 + WHOLE).to_bits() << 52)
}

/// The quantile of the normal distribution at `share`, from 1e-10 to 1 - 1e-10, to about 1e-15 of it.
///
/// Wichura, "Algorithm AS 241: the percentage points of the normal distribution" (1988), whose third part only serves what lies beyond.
pub(crate) fn normal_quantile(share: f64) -> f64 {
    debug_assert!((1e-10..=1.0 - 1e-10).contains(&share), "the normal quantile at {share}");
    let ratio = |[above, below]: [[f64; 8]; 2], x: f64| {
        let polynomial = |parts: [f64; 8]| parts.iter().rev().fold(0.0, |sum, part| sum * x + part);
        polynomial(above) / polynomial(below)
    };
    let off = share - 0.5;
    if off.abs() <= 0.425 {
        return off * ratio(QUANTILE_MIDDLE, 0.180_625 - off * off);
    }
    let outside = (-ln(if off < 0.0 { share } else { 1.0 - share })).sqrt();
    ratio(QUANTILE_SIDE, outside - 1.6).copysign(off)
}

/// Numerator and denominator, the constant first.
const QUANTILE_MIDDLE: [[f64; 8]; 2] = [
    [
        3.387_132_872_796_366_6,
        133.141_667_891_784_38,
        1_971.590_950_306_551_3,
        13_731.693_765_509_46,
        45_921.953_931_549_87,
        67_265.770_927_008_7,
        33_430.575_583_588_13,
        2_509.080_928_730_122_7,
    ],
    [
        1.0,
        42.313_330_701_600_91,
        687.187_007_492_057_9,
        5_394.196_021_424_751,
        21_213.794_301_586_597,
        39_307.895_800_092_71,
        28_729.085_735_721_943,
        5_226.495_278_852_854,
    ],
];
const QUANTILE_SIDE: [[f64; 8]; 2] = [
    [
        1.423_437_110_749_683_5,
        4.630_337_846_156_546,
        5.769_497_221_460_691,
        3.647_848_324_763_204_5,
        1.270_458_252_452_368_4,
        0.241_780_725_177_450_6,
        0.022_723_844_989_269_184,
        0.000_774_545_014_278_341_4,
    ],
    [
        1.0,
        2.053_191_626_637_759,
        1.676_384_830_183_803_8,
        0.689_767_334_985_1,
        0.148_103_976_427_480_08,
        0.015_198_666_563_616_457,
        0.000_547_593_808_499_534_5,
        1.050_750_071_644_416_9e-9,
    ],
];

/// The exponent e and s = (m - 1)/(m + 1) of x = 2^e m, m within √½..√2.
fn reduce(x: f64) -> (f64, f64) {
    debug_assert!(x.is_normal() && x > 0.0, "the logarithm of {x}");
    let bits = x.to_bits();
    // The bits of a double from √½ on: whatever is added to reach the next power's √½ carries into the exponent.
    let shifted = bits.wrapping_sub(std::f64::consts::FRAC_1_SQRT_2.to_bits());
    let exponent = shifted.cast_signed() >> 52;
    let mantissa = f64::from_bits(bits.wrapping_sub((exponent << 52).cast_unsigned()));
    (exponent as f64, (mantissa - 1.0) / (mantissa + 1.0))
}

fn artanh_twice(s: f64) -> f64 {
    let square = s * s;
    let mut series = 0.0;
    for power in (1..12).rev() {
        series = series * square + 1.0 / f64::from(2 * power + 1);
    }
    2.0 * s + 2.0 * s * (square * series)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;

    #[test]
    fn logarithms_agree_with_the_platform_within_two_units() {
        let mut x = 2.5e-308;
        let mut cases =
            vec![1.0, 2.0, 0.5, 1.0_f64.next_up(), 1.0_f64.next_down(), 1e150, f64::MAX, f64::MIN_POSITIVE, 0.1];
        while x < 1e308 {
            cases.push(x);
            x *= 1.037_123;
        }
        cases.extend((1..4000).map(|i| f64::from(i) * 1e-3));
        for x in cases {
            for (ours, theirs) in [(ln(x), x.ln()), (log2(x), x.log2())] {
                assert!((to_order(ours) - to_order(theirs)).abs() <= 2, "{x:e}: {ours:e} {theirs:e}");
            }
        }
        assert_eq!((ln(1.0), log2(1.0), log2(8.0), log2(0.25)), (0.0, 0.0, 3.0, -2.0));
    }

    #[test]
    fn powers_of_two_agree_with_the_platform_within_two_units() {
        for step in 0..=100_000 {
            let x = f64::from(step) * -0.01 + f64::from(step % 7) * 1e-4;
            let x = x.clamp(-1000.0, 0.0);
            assert!((to_order(exp2(x)) - to_order(x.exp2())).abs() <= 2, "{x}: {:e} {:e}", exp2(x), x.exp2());
        }
        assert!((0..=1000).all(|n| exp2(f64::from(-n)) == 2.0_f64.powi(-n)));
    }

    #[test]
    fn normal_quantiles_are_those_of_scipy() {
        // scipy.stats.norm.ppf of SciPy 1.17.1.
        for (share, expected) in [
            (2.5e-05, -4.055_626_981_122_4),
            (1e-10, -6.361_340_902_404_056),
            (1e-07, -5.199_337_582_192_816_5),
            (0.001, -3.090_232_306_167_813),
            (0.0749, -1.440_238_267_527_963_5),
            (0.0751, -1.438_825_392_752_540_3),
            (0.1, -1.281_551_565_544_600_4),
            (0.3, -0.524_400_512_708_040_9),
            (0.499, -0.002_506_630_899_571_766_6),
            (0.75, 0.674_489_750_196_081_7),
            (0.9249, 1.438_825_392_752_540_3),
            (0.93, 1.475_791_028_179_171),
            (0.975, 1.959_963_984_540_054),
            (0.9999, 3.719_016_485_455_709),
            (0.999_975, 4.055_626_981_121_907_4),
            (0.999_999_999_9, 6.361_340_889_697_422),
        ] {
            let found = normal_quantile(share);
            assert!((found - expected).abs() <= 2e-15 * expected.abs(), "{share}: {found} {expected}");
        }
        assert_eq!(normal_quantile(0.5), 0.0);
        let quantiles: Vec<f64> = (1..40_000).map(|i| normal_quantile(f64::from(i) / 40_000.0)).collect();
        assert!(quantiles.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn order_is_the_order_of_doubles() {
        let values = [-1e150, -1.0, -f64::MIN_POSITIVE, -5e-324, 0.0, 5e-324, 1.0, 1e150];
        for pair in values.windows(2) {
            assert!(to_order(pair[0]) < to_order(pair[1]));
            assert_eq!(from_order(to_order(pair[0])).to_bits(), pair[0].to_bits());
        }
        assert_eq!(to_order(-0.0), 0);
    }

    #[test]
    fn the_last_value_at_most_a_bound_is_found_from_any_guess() {
        let (scale, offset) = (1.0 / 3.7, -0.1 / 3.7);
        let f = |x: f64| x * scale + offset;
        for bound in [-1.0, 0.0, 0.1, 0.5, 1.0, 7.25] {
            for guess in [0.0, bound, -f64::MAX, f64::INFINITY, f64::NAN, (bound - offset) / scale] {
                let x = last_at_most(f, bound, guess);
                assert!(f(x) <= bound && f(x.next_up()) > bound, "{bound} from {guess}: {x:e}");
            }
        }
        assert_eq!(last_at_most(|x| x, f64::INFINITY, 3.0), f64::MAX);
        assert_eq!(last_at_most(|x| x, -f64::MAX, 3.0), -f64::MAX);
        assert_eq!(last_at_most(|x| x, f64::NEG_INFINITY, 3.0), f64::NEG_INFINITY);
    }
}
