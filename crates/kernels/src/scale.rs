//! Powers of two that bring a column's numbers to where arithmetic neither overflows nor loses digits.
//!
//! Multiplying by a power of two only moves the exponent, so it costs no digit of a number that stays normal, and none
//! of a subnormal one that is scaled up. A column whose numbers are of an ordinary size has *shift* 0 and is computed as
//! it is. Any other is computed times 2^shift: squares, sums and differences of its numbers are then as safe as those of
//! ordinary ones, and come out with the same bits.

use crate::simd::{LANES, Lanes};

/// From 2^-ORDINARY to 2^ORDINARY, numbers are computed as they are: a difference of two doubles of that size is at least
/// 2^-453, and neither its square nor the sum of 2^200 such squares leaves the range of normal doubles.
const ORDINARY: i32 = 400;

/// What larger or smaller numbers are shifted by. The least double becomes 2^-374, and the greatest 2^324.
const SHIFT: i32 = 700;

/// The furthest a number is shifted for scoring; a single double holds this power.
const SHIFT_MAX: i32 = 1000;

/// Where the bits of a double have the exponent, and what stands there for 1.
const MANTISSA_BITS: u32 = 52;
const BIAS: i32 = 1023;

/// The shift of numbers up to `magnitude`, which is finite. Nothing but zeros are shifted like the smallest numbers.
pub(crate) fn shift_for(magnitude: f64) -> i32 {
    if magnitude < power(-ORDINARY) {
        SHIFT
    } else if magnitude < power(ORDINARY) {
        0
    } else {
        -SHIFT
    }
}

/// The shift that makes a number about 1; any for 0.
pub(crate) fn shift_to_one(value: f64) -> i32 {
    -exponent(value)
}

/// The shift by which distances are measured in a unit that is, times 2^`shift`, about `unit`, a positive number: 0 for
/// an ordinary one, else the shift that makes it about 1, so that a distance overflows only where no double could hold
/// the quotient either.
pub(crate) fn shift_of_unit(unit: f64, shift: i32) -> i32 {
    let exponent = exponent(unit) - shift;
    if (-ORDINARY..ORDINARY).contains(&exponent) { 0 } else { (-exponent).clamp(-SHIFT_MAX, SHIFT_MAX) }
}

/// Whether moments with this mean and this sum of squares were computed without harm, of numbers whose shift is 0.
///
/// Squares of at least 2^-700 hold a difference that no number below 2^-400 could make, and squares up to 2^700 none that
/// one from 2^400 on could, given the mean. Where all squares are 0, no square was lost either: they would be of 2^-906.
pub(crate) fn is_ordinary(mean: f64, squares: f64) -> bool {
    let mean = mean.abs();
    (mean < power(ORDINARY - 1) && squares >= power(-700) && squares <= power(700))
        || (squares == 0.0 && mean >= power(-ORDINARY) && mean < power(ORDINARY - 1))
}

/// Whether a stored shift can be used for scoring.
pub(crate) fn is_shift(shift: i32) -> bool {
    (-SHIFT_MAX..=SHIFT_MAX).contains(&shift)
}

/// 2^`shift`, for shifts that a normal double can hold.
pub(crate) const fn power(shift: i32) -> f64 {
    debug_assert!(-BIAS < shift && shift <= BIAS, "the power of a normal double");
    #[expect(clippy::cast_sign_loss, reason = "a biased exponent")]
    f64::from_bits(((shift + BIAS) as u64) << MANTISSA_BITS)
}

/// `value` times 2^`by`, for any `by`: in steps, because no double holds the larger powers.
pub(crate) fn shifted(value: f64, by: i32) -> f64 {
    let (mut value, mut by) = (value, by);
    while by != 0 {
        let step = by.clamp(-SHIFT_MAX, SHIFT_MAX);
        value *= power(step);
        by -= step;
    }
    value
}

/// The exponent e of a positive finite number from 2^e up to 2^(e + 1).
fn exponent(value: f64) -> i32 {
    let of_normal = |value: f64| (value.to_bits() >> MANTISSA_BITS & 0x7ff) as i32 - BIAS;
    if value.is_normal() { of_normal(value) } else { of_normal(value * power(64)) - 64 }
}

/// How many spreads a column may lie away from zero before its centre needs more digits than a double has: rounding the
/// centre then costs less than 1e-9 of a spread.
pub(crate) const NARROW: f64 = 1_048_576.0;

/// Whether a centre is so far from zero, in spreads, that what rounding cut off it must be kept.
pub(crate) fn is_narrow(center: f64, spread: f64) -> bool {
    center.abs() > NARROW * spread
}

/// The sum of two numbers, rounded, and exactly what rounding cut off.
pub(crate) fn two_sum(a: f64, b: f64) -> [f64; 2] {
    let sum = a + b;
    let of_b = sum - a;
    [sum, (a - (sum - of_b)) + (b - of_b)]
}

levels! {
    /// Writes each of `cells` times `power`.
    pub(crate) fn shift_cells(cells: &[f64], power: f64, shifted: &mut [f64]) = shift_body;
}

levels! {
    /// Writes how far each of `cells` times `power` is above `origin`.
    pub(crate) fn shift_from(cells: &[f64], power: f64, origin: f64, shifted: &mut [f64]) = shift_from_body;
}

#[inline(always)]
fn shift_body(cells: &[f64], power: f64, shifted: &mut [f64]) {
    for (shifted, cell) in shifted.iter_mut().zip(cells) {
        *shifted = cell * power;
    }
}

#[inline(always)]
fn shift_from_body(cells: &[f64], power: f64, origin: f64, shifted: &mut [f64]) {
    for (shifted, cell) in shifted.iter_mut().zip(cells) {
        *shifted = cell * power - origin;
    }
}

levels! {
    /// The greatest absolute value of the cells that are not NaN; 0 without any.
    pub(crate) fn magnitude(cells: &[f64]) -> f64 = magnitude_body;
}

#[inline(always)]
fn magnitude_body(cells: &[f64]) -> f64 {
    let mut greatest = Lanes::splat(0.0);
    let (steps, rest) = cells.as_chunks::<LANES>();
    for step in steps {
        greatest = greatest.greater(Lanes(*step).map(f64::abs));
    }
    let rest = rest.iter().fold(0.0, |greatest, cell| if cell.abs() > greatest { cell.abs() } else { greatest });
    greatest.greatest().max(rest)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::float_cmp, reason = "these answers are exact")]

    use super::*;
    use crate::Level;

    #[test]
    fn every_positive_double_lies_between_its_exponent_and_the_next() {
        let mut cases = vec![5e-324, 1.5e-323, f64::MIN_POSITIVE.next_down(), f64::MIN_POSITIVE, 1.0, 3.0, f64::MAX];
        cases.extend((-1022..=1023).flat_map(|shift| [power(shift), power(shift).next_down(), power(shift).next_up()]));
        for value in cases {
            let exponent = exponent(value);
            let scaled = shifted(value, -exponent);
            assert!((1.0..2.0).contains(&scaled), "{value:e} is {scaled} times 2^{exponent}");
            assert_eq!(shifted(scaled, exponent), value, "and comes back");
        }
    }

    #[test]
    fn shifts_leave_room_for_squares_and_for_sums_of_them() {
        for value in [5e-324, 1e-310, 1e-121, 1e-120, 1.0, 1e120, 1e121, f64::MAX] {
            let scaled = value * power(shift_for(value));
            let square = scaled * scaled;
            assert!(square.is_normal() && (square * 1e20).is_finite(), "{value:e}");
            let least = (scaled - (value.next_down() * power(shift_for(value)))).abs();
            assert!((least * least).is_normal(), "{value:e} and its neighbour");
        }
        assert_eq!((shift_for(0.0), shift_for(1.0)), (SHIFT, 0));
        assert_eq!((shift_of_unit(1.0, 0), shift_of_unit(1.0, 900), shift_of_unit(5e-324, 0)), (0, 900, SHIFT_MAX));
    }

    #[test]
    fn what_rounding_cuts_off_a_sum_is_kept() {
        let large = 2.0_f64.powi(62);
        assert_eq!(two_sum(large, 3.0), [large, 3.0]);
        assert_eq!(two_sum(3.0, large), [large, 3.0]);
        assert_eq!(two_sum(1.5, -0.25), [1.25, 0.0]);
        assert!(is_narrow(large, 2000.0) && !is_narrow(1e9, 1e6) && is_narrow(1.0, 0.0) && !is_narrow(0.0, 0.0));
    }

    #[test]
    fn every_level_finds_the_greatest_and_shifts_alike() {
        for length in 0..100_usize {
            let cells: Vec<f64> = (0..length)
                .map(|i| if i % 7 == 3 { f64::NAN } else { ((i * 7919 % 1009) as f64 - 500.0) * 1e-300 })
                .collect();
            let expected = cells.iter().filter(|cell| !cell.is_nan()).fold(0.0_f64, |most, cell| most.max(cell.abs()));
            for level in Level::available() {
                assert_eq!(magnitude(level, &cells), expected, "{level:?} {length}");
                let mut found = vec![0.0; length];
                shift_cells(level, &cells, power(SHIFT), &mut found);
                let same = |(found, cell): (&f64, &f64)| found.to_bits() == (cell * power(SHIFT)).to_bits();
                assert!(found.iter().zip(&cells).all(same), "{level:?} {length}");
            }
        }
    }
}
