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
