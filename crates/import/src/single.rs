//! Thresholds for cells of single precision, as thresholds for doubles.
//!
//! scikit-learn rounds each cell `x` to single precision and then asks whether `f32(x) <= t`. Here cells stay doubles, and so a
//! threshold becomes the largest double that rounds to a single up to `t`: rounding never turns two numbers about, so that every
//! double up to that one rounds to no more than `t`, and every larger one to more.
//!
//! Where it lies. Let `low` be the largest single up to `t`, and `high` the next one. Doubles between them round to the nearer, and
//! the one half way, which is a double, to that of the two whose last bit is 0. So it is the half way itself where `low` is even,
//! else the double before it. Doubles beyond the singles round to infinity as if the next single were 2^128: that is half way as
//! well, and infinity is even.

/// The threshold for doubles that parts them as `threshold` parts them once they are rounded to single precision.
#[must_use]
pub fn of_single(threshold: f64) -> f64 {
    if !threshold.is_finite() {
        return threshold;
    }
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    let nearest = threshold as f32;
    let low = if f64::from(nearest) > threshold { nearest.next_down() } else { nearest };
    let half_way = f64::midpoint(widened(low), widened(low.next_up()));
    if low.to_bits() & 1 == 0 { half_way } else { half_way.next_down() }
}

/// A single, or the power of two that stands where infinity begins.
fn widened(single: f32) -> f64 {
    const BEYOND: f64 = 2.0 * (1_u128 << 127) as f64;
    if single.is_infinite() { BEYOND.copysign(f64::from(single)) } else { f64::from(single) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether doubles are parted as rounded ones are, all around the threshold.
    #[expect(clippy::cast_possible_truncation, reason = "that is what is compared with")]
    fn check(threshold: f64) {
        let moved = of_single(threshold);
        assert!(moved.is_finite());
        let parts =
            |cell: f64| assert_eq!(cell <= moved, f64::from(cell as f32) <= threshold, "{cell:e} {threshold:e}");
        for near in [threshold, moved] {
            let (mut below, mut above) = (near, near);
            parts(near);
            for _ in 0..3 {
                (below, above) = (below.next_down(), above.next_up());
                parts(below);
                parts(above);
            }
            let single = near as f32;
            for single in [single, single.next_up(), single.next_down()] {
                parts(f64::from(single));
                parts(f64::midpoint(f64::from(single), near));
            }
        }
        for cell in [0.0, -0.0, 1e300, -1e300, f64::MAX, f64::MIN, f64::INFINITY, f64::NEG_INFINITY, 1e-300, -1e-300] {
            parts(cell);
        }
    }

    #[test]
    fn doubles_are_parted_as_singles_at_the_ends_of_each_range() {
        let tiny = f64::from(f32::from_bits(1));
        let max = f64::from(f32::MAX);
        for threshold in [
            0.0,
            -0.0,
            tiny,
            tiny / 2.0,
            tiny / 3.0,
            tiny * 1.5,
            f64::from(f32::MIN_POSITIVE),
            1.0,
            1.0 + f64::from(f32::EPSILON) / 2.0,
            1.0 + f64::from(f32::EPSILON) * 1.5,
            0.1,
            16_777_216.0,
            16_777_217.0,
            16_777_219.0,
            max,
            max.next_up(),
            max.next_down(),
            3.402_823_567_797_336e38,
            3.402_823_567_797_337e38,
            1e300,
            f64::MAX,
            5e-324,
        ] {
            check(threshold);
            check(-threshold);
        }
    }

    #[test]
    fn millions_of_doubles_are_parted_as_singles() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        };
        for round in 0..150_000 {
            let bits = random();
            let threshold = match round % 3 {
                // Any double; near to a single; of ordinary size.
                0 => f64::from_bits(bits),
                1 => f64::from_bits(f64::from(f32::from_bits((bits >> 32) as u32)).to_bits() ^ (bits & 3)),
                _ => ((bits >> 11) as f64 / (1_u64 << 53) as f64 - 0.5) * 1000.0,
            };
            if threshold.is_finite() {
                check(threshold);
            }
        }
    }

    #[test]
    fn what_is_no_number_stays_so() {
        assert!(of_single(f64::NAN).is_nan());
        assert!(of_single(f64::INFINITY).is_infinite());
    }
}
